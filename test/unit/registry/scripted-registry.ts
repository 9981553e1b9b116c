// An etcd in memory that does what a test tells it, also what a real one hardly ever does: garbage, silence, revisions
// that go backwards. For tests of the watch loop and of what stands on it, on a clock driven by hand.
import { EventEmitter } from 'node:events'
import { GRPCResourceExhastedError, type IKeyValue, type IWatchRequest, type IWatchResponse } from 'etcd3'
import type { RegistryConnection } from '../../../operator/registry/connection.ts'
import { RegistryError } from '../../../operator/registry/errors.ts'

export interface ScriptedRegistry {
  readonly connection: RegistryConnection
  /** Bytes and text as they are, all else as JSON. */
  put(key: string, value: unknown, lease?: string): number
  remove(key: string): void
  /** Changes the store and tells nobody, as if a watch had missed it. */
  quietly(change: () => void): void
  /** Says something of its own on the open watch, and of the one asked for last unless it says of which. */
  say(response: Partial<IWatchResponse>): void
  /** Breaks the open watch. */
  breakWatch(): void
  /** Answers nothing on watches any more. */
  deaf: boolean
  /** Refuses every call. */
  down: boolean
  /** The largest answer to a range, in keys; more is too big a message. */
  maxPageKeys: number
  /** How often all was read, from the beginning. */
  readonly readings: number
  readonly openWatches: number
  /** The watches asked for on the open stream that were not cancelled. */
  readonly watchIds: readonly string[]
}

export function scriptedRegistry(): ScriptedRegistry {
  const store = new Map<string, IKeyValue>()
  const watches = new Map<EventEmitter, Set<string>>()
  /** The last of what was told, for a watch that begins a little in the past. */
  const history: IWatchResponse['events'] = []
  let revision = 1
  let readings = 0
  let quiet = false

  const header = () => ({ cluster_id: 'c', member_id: 'm', revision: String(revision), raft_term: '2' })
  const response = (some: Partial<IWatchResponse>): IWatchResponse => ({
    header: header(),
    watch_id: '0',
    created: false,
    canceled: false,
    compact_revision: '0',
    cancel_reason: '',
    fragment: false,
    events: [],
    ...some,
  })
  const say = (some: Partial<IWatchResponse>): void => {
    if (script.deaf || quiet) return
    for (const [watch, ids] of watches) watch.emit('data', response({ watch_id: [...ids].at(-1) ?? '-1', ...some }))
  }
  function happen(event: IWatchResponse['events'][number]): void {
    if (!quiet) history.push(event)
    if (history.length > 100) history.shift()
    say({ events: [event] })
  }
  const pair = (key: string, value: Buffer, lease: string): IKeyValue => {
    const at = String(revision)
    return { key: Buffer.from(key), value, lease, mod_revision: at, create_revision: at, version: '1' }
  }
  const unexpected = (): never => {
    throw new Error('not scripted')
  }

  const connection: RegistryConnection = {
    prefix: '/sfu',
    async range({ key, range_end, limit }) {
      if (script.down) throw new RegistryError('range', 'unknown', new Error('down'))
      const kvs = [...store.values()]
        .filter(
          kv => Buffer.compare(kv.key, key ?? kv.key) >= 0 && (!range_end || Buffer.compare(kv.key, range_end) < 0),
        )
        .toSorted((a, b) => Buffer.compare(a.key, b.key))
      const page = kvs.slice(0, Number(limit))
      if (page.length > script.maxPageKeys)
        throw new RegistryError('range', 'unknown', new GRPCResourceExhastedError('big'))
      if (String(key).endsWith('/')) readings += 1
      return { header: header(), kvs: page, more: kvs.length > page.length, count: String(kvs.length) }
    },
    async openWatch(signal) {
      if (script.down) throw new RegistryError('watch', 'unknown', new Error('down'))
      const watch = new EventEmitter()
      const ids = new Set<string>()
      watches.set(watch, ids)
      signal.addEventListener('abort', () => {
        watches.delete(watch)
        watch.emit('error', new Error('cancelled'))
      })
      return Object.assign(watch, {
        write({ create_request: create, cancel_request: cancel }: IWatchRequest) {
          queueMicrotask(() => {
            if (cancel) {
              ids.delete(String(cancel.watch_id))
              return say({ watch_id: String(cancel.watch_id), canceled: true })
            }
            if (!create) return say({ watch_id: '-1' })
            ids.add(String(create.watch_id))
            say({ created: true })
            const events = history.filter(({ kv }) => Number(kv.mod_revision) >= Number(create.start_revision))
            if (events.length > 0) say({ events })
          })
        },
        end: () => undefined,
        cancel: () => undefined,
      })
    },
    put: unexpected,
    txn: unexpected,
    grantLease: unexpected,
    revokeLease: unexpected,
    openKeepAlive: unexpected,
    clientCertificate: () => undefined,
    close: () => undefined,
  }

  const script: ScriptedRegistry = {
    connection,
    put(key, value, lease = 'lease') {
      revision += 1
      const kv = pair(key, bytesOf(value), lease)
      store.set(key, kv)
      happen({ type: 'Put', kv, prev_kv: kv })
      return revision
    },
    remove(key) {
      revision += 1
      store.delete(key)
      const kv = pair(key, Buffer.alloc(0), '0')
      happen({ type: 'Delete', kv, prev_kv: kv })
    },
    quietly(change) {
      quiet = true
      change()
      quiet = false
    },
    say,
    breakWatch() {
      for (const watch of watches.keys()) watch.emit('error', new Error('connection reset'))
    },
    deaf: false,
    down: false,
    maxPageKeys: Number.POSITIVE_INFINITY,
    get readings() {
      return readings
    },
    get openWatches() {
      return watches.size
    },
    get watchIds() {
      return [...watches.values()].flatMap(ids => [...ids])
    },
  }
  return script
}

function bytesOf(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}
