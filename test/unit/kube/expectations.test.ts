// When a controller's own write counts as seen, and when it does not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type KubeObject, type ObjectKey, objectKey, type Uid } from '../../../operator/api/meta.ts'
import type { Cache, Progress } from '../../../operator/kube/cache.ts'
import { expectations } from '../../../operator/kube/expectations.ts'

const by = objectKey('node', 'ns')
const key = objectKey('pod', 'ns')

function world() {
  const objects = new Map<ObjectKey, KubeObject>()
  const progress: Progress = { resourceVersion: '10', listBegun: 1, listCompleted: 1 }
  const cache: Cache<KubeObject> = {
    get: it => objects.get(it),
    list: () => objects.values(),
    byIndex: () => [],
    size: 0,
    synced: true,
    staleForMs: () => 0,
    rangeOf: () => ({ synced: true, progress }),
    onChange: () => () => {},
  }
  const hold = (resourceVersion: string, uid = 'u1', deletionTimestamp?: string): void => {
    const metadata = {
      name: 'pod',
      namespace: 'ns',
      uid: uid as Uid,
      resourceVersion,
      creationTimestamp: '',
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    }
    objects.set(key, { apiVersion: 'v1', kind: 'Pod', metadata })
  }
  return { objects, progress, hold, expected: expectations({ Pod: cache }) }
}

test('a key of which nothing was written is caught up', () => {
  assert.equal(world().expected.caughtUp(by), true)
})

test('a write is seen once the cache has heard of its version or a later one', () => {
  const { progress, expected } = world()
  expected.wrote({ by, kind: 'Pod', key, resourceVersion: '12' })
  assert.equal(expected.caughtUp(by), false)
  progress.resourceVersion = '9'
  assert.equal(expected.caughtUp(by), false, '9 is less than 12, as a number')
  progress.resourceVersion = '100'
  assert.equal(expected.caughtUp(by), true)
})

test('a write that changed nothing is seen already', () => {
  const { expected } = world()
  expected.wrote({ by, kind: 'Pod', key, resourceVersion: '7' })
  assert.equal(expected.caughtUp(by), true)
})

test('every write of the key must be seen, the later one of each object', () => {
  const { progress, expected } = world()
  expected.wrote({ by, kind: 'Pod', key, resourceVersion: '12' })
  expected.wrote({ by, kind: 'Pod', key: objectKey('other', 'ns'), resourceVersion: '20' })
  progress.resourceVersion = '12'
  assert.equal(expected.caughtUp(by), false)
  progress.resourceVersion = '20'
  assert.equal(expected.caughtUp(by), true)
})

test('a list that was begun after the write shows it, even where versions went backwards', () => {
  const { progress, expected } = world()
  progress.listBegun = 2
  expected.wrote({ by, kind: 'Pod', key, resourceVersion: '1000' })
  progress.resourceVersion = '5'
  progress.listCompleted = 2
  assert.equal(expected.caughtUp(by), false, 'this one was begun before')
  progress.listCompleted = 3
  assert.equal(expected.caughtUp(by), true)
})

test('a deletion is seen when the object is gone, marked, or another', () => {
  for (const see of ['gone', 'marked', 'another'] as const) {
    const { objects, hold, expected } = world()
    hold('5')
    expected.deleted({ by, kind: 'Pod', key, uid: 'u1' as Uid })
    assert.equal(expected.caughtUp(by), false)
    if (see === 'gone') objects.clear()
    if (see === 'marked') hold('6', 'u1', '2026-01-01T00:00:00Z')
    if (see === 'another') hold('7', 'u2')
    assert.equal(expected.caughtUp(by), true, see)
  }
})

test('versions that are no numbers: the very version or any newer word about the object must do', () => {
  const { hold, progress, expected } = world()
  progress.resourceVersion = 'opaque-1'
  hold('x1')
  expected.wrote({ by, kind: 'Pod', key, resourceVersion: 'x2' })
  assert.equal(expected.caughtUp(by), false)
  hold('x3')
  assert.equal(expected.caughtUp(by), true)
})

test('what is forgotten is not waited for, and a kind that is not cached is a mistake', () => {
  const { expected } = world()
  expected.wrote({ by, kind: 'Pod', key, resourceVersion: '12' })
  expected.forget(by)
  assert.equal(expected.caughtUp(by), true)
  assert.throws(() => expected.wrote({ by, kind: 'Moon', key, resourceVersion: '1' }), /no cache of kind Moon/)
})
