// The store against a model: after any history it holds what the model holds, and the changes it told lead there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type KubeObject, keyOf, type Uid } from '../../../operator/api/meta.ts'
import { deepFrozen, sharedTexts } from '../../../operator/kube/deep-frozen.ts'
import { compareVersions } from '../../../operator/kube/resource-version.ts'
import { type Change, store } from '../../../operator/kube/store.ts'

const object = (name: string, uid: string, version: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: {
    name,
    uid: uid as Uid,
    resourceVersion: String(version),
    creationTimestamp: '',
    labels: { shelf: String(version % 3) },
  },
})

const spec = fc.record({ name: fc.constantFrom('a', 'b', 'c'), uid: fc.constantFrom('u1', 'u2') })
const step = fc.oneof(
  fc.record({ do: fc.constant('upsert' as const), it: spec }),
  fc.record({ do: fc.constant('remove' as const), it: spec }),
  fc.record({ do: fc.constant('replay' as const), nth: fc.nat(20) }),
  fc.record({ do: fc.constant('list' as const), its: fc.uniqueArray(spec, { selector: it => it.name }) }),
)

const words = (it: KubeObject): string => `${it.metadata.name}/${it.metadata.uid}@${it.metadata.resourceVersion}`
const sorted = (its: Iterable<KubeObject>): string[] => [...its].map(words).toSorted()

test('after any history of lists, events and repeated events the store holds what the server does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const held = store<KubeObject>({ indexes: { shelf: it => [it.metadata.labels?.['shelf'] as string] } })
      const model = new Map<string, KubeObject>()
      const replica = new Map<string, KubeObject>()
      const history: KubeObject[] = []
      let version = 0
      const follow = (changes: Change<KubeObject>[]): void => {
        for (const { key, old, new: now } of changes) {
          assert.equal(replica.get(key), old, 'a change begins where the one before ended')
          if (old && now) assert.equal(old.metadata.uid, now.metadata.uid, 'two lives are never one change')
          if (now) replica.set(key, now)
          else replica.delete(key)
        }
      }
      for (const it of steps) {
        version += 1
        if (it.do === 'upsert') {
          const next = object(it.it.name, it.it.uid, version)
          history.push(next)
          model.set(keyOf(next), next)
          follow(held.upsert(next))
        } else if (it.do === 'remove') {
          const gone = object(it.it.name, it.it.uid, version)
          if (model.get(keyOf(gone))?.metadata.uid === it.it.uid) model.delete(keyOf(gone))
          follow(held.remove(gone))
        } else if (it.do === 'list') {
          const all = its(it.its, version)
          model.clear()
          for (const one of all) model.set(keyOf(one), one)
          follow(held.replaceAll(all))
        } else {
          const old = history[it.nth]
          // A repeat of something that is still there in this or a later version; of the dead, the informer takes care.
          if (old && model.has(keyOf(old))) follow(held.upsert(old))
        }
      }
      assert.deepEqual(sorted(held.list()), sorted(model.values()))
      assert.deepEqual(sorted(replica.values()), sorted(model.values()))
      for (const shelf of ['0', '1', '2']) {
        const expected = [...model.values()].filter(it => it.metadata.labels?.['shelf'] === shelf)
        assert.deepEqual(sorted(held.byIndex('shelf', shelf)), sorted(expected))
      }
    }),
  )

  function its(specs: { name: string; uid: string }[], version: number): KubeObject[] {
    return specs.map(it => object(it.name, it.uid, version))
  }
})

test('a list that holds an older version than the store is the truth: the server was restored', () => {
  const held = store<KubeObject>({})
  held.upsert(object('a', 'u1', 100))
  assert.equal(held.replaceAll([object('a', 'u1', 5)]).length, 1)
  assert.deepEqual(sorted(held.list()), ['a/u1@5'])
})

test('what nobody reads is left out', () => {
  const held = store<KubeObject>({ keep: it => ({ ...it, metadata: { ...it.metadata, labels: {} } }) })
  const [change] = held.upsert(object('a', 'u1', 1))
  assert.deepEqual(change?.new?.metadata.labels, {})
})

test('texts that many objects share are the same text still', () => {
  const share = sharedTexts()
  const longer = 'a message of some length'
  assert.equal(share(longer), longer)
  assert.deepEqual(deepFrozen({ a: [longer, { b: longer }], c: 'x', d: 1, e: null }, share), {
    a: [longer, { b: longer }],
    c: 'x',
    d: 1,
    e: null,
  })
  for (let i = 0; i < 30_000; i += 1) assert.equal(share(`the text number ${i}`), `the text number ${i}`)
})

test('versions are ordered as numbers however long, and not at all when they are no numbers', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 80n }), fc.bigInt({ min: 0n, max: 2n ** 80n }), (x, y) => {
      assert.equal(Math.sign(compareVersions(String(x), String(y)) as number), x < y ? -1 : x > y ? 1 : 0)
    }),
  )
  for (const odd of ['', '01', '-1', '1.5', 'abc']) assert.equal(compareVersions(odd, '7'), undefined)
  assert.equal(compareVersions('abc', 'abc'), 0)
})
