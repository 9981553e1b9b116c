// What is read of an answer to a watch is what the library reads of it, by the library's own copy of the protocol.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { readWatchAnswer } from '../../../operator/registry/watch-answer.ts'

const etcd3 = dirname(createRequire(import.meta.url).resolve('etcd3/package.json'))
const protocol = new protobuf.Root().loadSync(join(etcd3, 'proto/rpc.proto'), { keepCase: true })
const watchResponse = protocol.lookupType('etcdserverpb.WatchResponse')

/** As the library reads it: every number a text, and what is not there as if it were. */
const asLibrary = { longs: String, enums: String, defaults: true, oneofs: true }
const bytesOf = (answer: object): Uint8Array => watchResponse.encode(watchResponse.fromObject(answer)).finish()

const revision = fc.maxSafeNat().map(String)
const identifier = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)
const lease = fc.oneof(fc.constant('0'), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String))
const aPair = fc.record({
  key: fc.string({ unit: 'binary', minLength: 1 }).map(text => Buffer.from(text)),
  value: fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)),
  create_revision: revision,
  mod_revision: revision,
  version: revision,
  lease,
})
const anEvent = fc.record(
  { type: fc.constantFrom('PUT', 'DELETE'), kv: aPair, prev_kv: aPair },
  { requiredKeys: ['type'] },
)
const answers = fc.record(
  {
    header: fc.record({ cluster_id: identifier, member_id: identifier, revision, raft_term: identifier }),
    watch_id: fc.oneof(fc.constant('-1'), revision),
    created: fc.boolean(),
    canceled: fc.boolean(),
    compact_revision: revision,
    cancel_reason: fc.string(),
    fragment: fc.boolean(),
    events: fc.array(anEvent, { maxLength: 4 }),
  },
  { requiredKeys: ['header'] },
)

test('it reads what the library reads', () => {
  fc.assert(
    fc.property(answers, answer => {
      const bytes = bytesOf(answer)
      const expected = watchResponse.toObject(watchResponse.decode(bytes), asLibrary) as Record<string, unknown>
      const { header, watch_id, events, ...read } = readWatchAnswer(bytes)
      for (const [field, value] of Object.entries(read)) assert.equal(value, expected[field], field)
      const told = expected['header'] as Record<string, unknown>
      assert.equal(header.cluster_id, told['cluster_id'])
      assert.equal(String(header.revision), told['revision'])
      assert.equal(String(watch_id), expected['watch_id'])
      assert.deepEqual(events.map(eventTold), ((expected['events'] as object[] | undefined) ?? []).map(eventTold))
    }),
  )
})

/** Of either reading. */
function eventTold(event: object): unknown {
  const { type, kv } = event as { type: string; kv?: Record<string, unknown> | null }
  const its = kv && {
    key: String(kv['key']),
    value: Buffer.from(kv['value'] as Uint8Array).toString('hex'),
    revision: String(kv['mod_revision']),
    lease: kv['lease'],
  }
  return { type: type.toLowerCase(), ...its }
}

test('what is cut off or no such message is refused, or read as far as it goes; it never hangs', () => {
  const cut = fc.tuple(answers.map(bytesOf), fc.double({ min: 0, max: 1, noNaN: true }))
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    cut.map(([bytes, share]) => bytes.subarray(0, share * bytes.length)),
  )
  fc.assert(
    fc.property(anything, bytes => {
      try {
        assert.ok(Array.isArray(readWatchAnswer(bytes).events))
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof assert.AssertionError))
      }
    }),
  )
})
