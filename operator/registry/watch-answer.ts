// Reads what etcd says on a watch, and of that only what the watch loop needs: a whole fleet's heartbeats come this way, and the
// library would read each into objects, copy these, and make a text of every number. Names and numbers of fields are those of
// etcd's rpc.proto and kv.proto. Called by etcd-client.ts.
import protobuf from 'protobufjs/minimal.js'

type Reader = protobuf.Reader
type Long = ReturnType<Reader['int64']>

/** A part of the library's IWatchResponse, where a number may be one. */
export interface WatchAnswer {
  readonly header: { readonly cluster_id: string; readonly revision: number | string }
  /** −1 when it is said of all watches of the stream. */
  readonly watch_id: number | string
  readonly created: boolean
  readonly canceled: boolean
  readonly compact_revision: string
  /** More of the same answer follows. */
  readonly fragment: boolean
  readonly events: readonly WatchEvent[]
}

interface WatchEvent {
  readonly type: string
  /** The wire does not promise it. */
  readonly kv: WatchedPair | undefined
}

export interface WatchedPair {
  /** Text or bytes. */
  readonly key: { toString(): string }
  readonly value: Uint8Array
  readonly mod_revision: number | string
  /** `0`: none. */
  readonly lease: string
}

/** Throws when it is no such message. */
export function readWatchAnswer(message: Uint8Array): WatchAnswer {
  const reader = protobuf.Reader.create(message)
  const events: WatchEvent[] = []
  const answer = {
    header: noHeader,
    watch_id: 0,
    created: false,
    canceled: false,
    compact_revision: '0',
    fragment: false,
    events,
  }
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === bytesField(1)) answer.header = readHeader(reader)
    else if (tag === numberField(2)) answer.watch_id = numberOf(reader.int64())
    else if (tag === numberField(3)) answer.created = reader.bool()
    else if (tag === numberField(4)) answer.canceled = reader.bool()
    else if (tag === numberField(5)) answer.compact_revision = String(numberOf(reader.int64()))
    else if (tag === numberField(7)) answer.fragment = reader.bool()
    else if (tag === bytesField(11)) events.push(readEvent(reader))
    else reader.skipType(tag & 7)
  }
  return answer
}

/** What stands before a field: its number, and how long it is. */
const numberField = (number: number): number => number << 3
const bytesField = (number: number): number => (number << 3) | 2

const noHeader: WatchAnswer['header'] = { cluster_id: '0', revision: 0 }

function readHeader(reader: Reader): WatchAnswer['header'] {
  let { cluster_id, revision } = noHeader
  for (const end = endOf(reader); reader.pos < end; ) {
    const tag = reader.uint32()
    if (tag === numberField(1)) cluster_id = textOf(reader.uint64())
    else if (tag === numberField(3)) revision = numberOf(reader.int64())
    else reader.skipType(tag & 7)
  }
  return { cluster_id, revision }
}

function readEvent(reader: Reader): WatchEvent {
  let [type, kv]: [string, WatchedPair | undefined] = ['Put', undefined]
  for (const end = endOf(reader); reader.pos < end; ) {
    const tag = reader.uint32()
    if (tag === numberField(1)) type = reader.int32() === 1 ? 'Delete' : 'Put'
    else if (tag === bytesField(2)) kv = readPair(reader)
    else reader.skipType(tag & 7)
  }
  return { type, kv }
}

const nothing = Buffer.alloc(0)

function readPair(reader: Reader): WatchedPair {
  let [key, value, mod_revision, lease]: [string, Uint8Array, number, string] = ['', nothing, 0, '0']
  for (const end = endOf(reader); reader.pos < end; ) {
    const tag = reader.uint32()
    if (tag === bytesField(1)) key = reader.string()
    else if (tag === numberField(3)) mod_revision = numberOf(reader.int64())
    else if (tag === bytesField(5)) value = reader.bytes()
    else if (tag === numberField(6)) lease = textOf(reader.int64())
    else reader.skipType(tag & 7)
  }
  return { key, value, mod_revision, lease }
}

const endOf = (reader: Reader): number => reader.uint32() + reader.pos

const numberOf = ({ high, low }: Long): number => high * 2 ** 32 + (low >>> 0)

/** Identifiers fill all 64 bits, and the library's way to their decimals takes several times as long. */
const textOf = ({ high, low }: Long): string => String((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))
