// What nodes are made from, by spec, class and history, and which records have to be written for it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classHash, templateHash } from '../../../operator/api/hash.ts'
import { labels } from '../../../operator/api/marks.ts'
import type { RTCNodeClass } from '../../../operator/api/rtcnodeclass.ts'
import type { RTCNodePool, RTCNodeTemplate } from '../../../operator/api/rtcnodepool.ts'
import {
  aimOf,
  type ControllerRevision,
  type Recorded,
  recordedIn,
  recordingOf,
  revisionName,
} from '../../../operator/pool/revision.ts'
import { aClass, aPool, aRecord } from './objects.ts'

const sim = aClass('sim')
const newer = aClass('sim', { podTemplate: { spec: { containers: [{ name: 'sfu', image: 'sfu:2' }] } } })
const only =
  (...classes: RTCNodeClass[]) =>
  (name: string) =>
    classes.find(({ metadata }) => metadata.name === name)

const inRegion = (region: string): RTCNodeTemplate => ({ spec: { className: 'sim', region } })
const withTemplate = (pool: RTCNodePool, template: RTCNodeTemplate): RTCNodePool => ({
  ...pool,
  spec: { ...pool.spec, template },
})
const recorded = (template: RTCNodeTemplate, number: number, nodeClass = sim): Recorded => {
  const record = recordedIn(aRecord(revisionName(template, nodeClass), number, template))
  assert.ok(record)
  return record
}
const [a, b] = [inRegion('a'), inRegion('b')]
const poolOfA = withTemplate(aPool(), a)
const poolOfB = withTemplate(aPool(), b)
const pinned = (number: number) => withTemplate(aPool({ pinnedRevision: number }), b)

test('a revision is named by template and class as they are now', () => {
  const aim = aimOf(poolOfA, [], only(sim))
  assert.deepEqual(aim.target, { state: 'known', revision: `${templateHash(a)}-${classHash(sim)}`, classFound: true })
  assert.deepEqual(aim.update?.template, a)
})

test('an edit of the class that shapes the pod is a new revision, one that does not is none', () => {
  const revisionWith = (nodeClass: RTCNodeClass) => aimOf(poolOfA, [], only(nodeClass)).update?.revision
  assert.notEqual(revisionWith(newer), revisionWith(sim))
  assert.equal(revisionWith(aClass('sim', { rollout: 'OnDelete' })), revisionWith(sim))
})

test('while the class is gone the target is what was made from it last', () => {
  const history = [recorded(a, 1), recorded(a, 2, newer), recorded(b, 3)]
  const { target } = aimOf(poolOfA, history, only())
  assert.deepEqual(target, { state: 'known', revision: revisionName(a, newer), classFound: false })
})

test('a pinned revision gives the template, the class of now gives the rest', () => {
  const aim = aimOf(pinned(1), [recorded(a, 1), recorded(b, 2)], only(newer))
  assert.deepEqual(aim.update, { revision: revisionName(a, newer), template: a })
})

test('a pinned revision that nobody knows is no target', () => {
  const aim = aimOf(pinned(7), [recorded(a, 1)], only(sim))
  assert.deepEqual(aim, { target: { state: 'revision-not-found', number: 7 } })
})

test('nodes of the current revision are made from its template and the class of now', () => {
  const pool = withTemplate(aPool({ currentRevision: revisionName(a, sim) }), b)
  const aim = aimOf(pool, [recorded(a, 1), recorded(b, 2)], only(newer))
  assert.deepEqual(aim.current, { revision: revisionName(a, newer), template: a, classFound: true })
  assert.equal(aimOf(pool, [recorded(a, 1), recorded(b, 2)], only()).current?.classFound, false)
})

const recordingFor = (pool: RTCNodePool, history: readonly Recorded[], nodeClass: RTCNodeClass | undefined = sim) =>
  recordingOf(pool, aimOf(pool, history, nodeClass === undefined ? () => undefined : only(nodeClass)), history)

test('a target without a record gets one, numbered after all others', () => {
  const recording = recordingFor(poolOfB, [recorded(a, 4), recorded(inRegion('c'), 6)])
  assert.equal(recording?.do, 'create')
  const record = recording?.record as ControllerRevision
  const name = revisionName(b, sim)
  assert.equal(record.revision, 7)
  assert.equal(record.metadata.name, `eu-${name}`)
  assert.deepEqual(record.data, { template: b })
  assert.equal(record.metadata.labels?.[labels.revision], name)
  assert.equal(record.metadata.labels?.['app'], 'sfu', 'found by the selector, for whoever adopts it')
  assert.equal(record.metadata.ownerReferences?.[0]?.uid, 'uid-of-eu')
})

test('what was written as a record is read again as the same revision', () => {
  const recording = recordingFor(poolOfB, [])
  const read = recordedIn(recording?.record as ControllerRevision)
  assert.deepEqual([read?.name, read?.number, read?.template], [revisionName(b, sim), 1, b])
})

test('an older revision that is the target again becomes the newest', () => {
  const history = [recorded(a, 1), recorded(b, 2)]
  assert.deepEqual(recordingFor(poolOfA, history), { do: 'renumber', record: history[0]?.record, number: 3 })
})

test('when the target has the newest record nothing is written, twice adopted or not', () => {
  const [double, newest] = [recorded(b, 1), recorded(b, 3)]
  for (const history of [
    [recorded(a, 2), double, newest],
    [newest, double, recorded(a, 2)],
  ])
    assert.equal(recordingFor(poolOfB, history), undefined)
})

test('the number of a pinned revision never changes, because it is pinned by it', () => {
  assert.equal(recordingFor(pinned(1), [recorded(a, 1), recorded(b, 2)]), undefined)
})

test('nothing is recorded of what is not known', () => {
  const history = [recorded(a, 1)]
  assert.equal(recordingOf(poolOfB, aimOf(poolOfB, history, only()), history), undefined, 'the class is gone')
  assert.equal(recordingFor(pinned(7), history), undefined, 'the pinned revision is not known')
})

test('a record that cannot be read is as if it were not there', () => {
  const record = aRecord('x', 1, { spec: {} })
  assert.equal(recordedIn(record), undefined)
  assert.equal(recordedIn({ ...aRecord('x', 1, a), metadata: { ...record.metadata, labels: {} } }), undefined)
})
