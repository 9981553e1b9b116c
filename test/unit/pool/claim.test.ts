// Which nodes are a pool's own, and which of two pools that want the same stands back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { claimOf, isMadeFrom, olderOverlapping, selects } from '../../../operator/pool/claim.ts'
import { aNode, aPool } from './objects.ts'

const names = (objects: readonly { metadata: { name: string } }[]): string[] => objects.map(it => it.metadata.name)
const deleted = { deletionTimestamp: '2030-01-01T00:01:00Z' }

test('orphans are adopted when they have every label of the selector, whatever else they have', () => {
  const pool = aPool({ selector: { app: 'sfu', zone: 'a' } })
  const orphans = [
    aNode('fits', { labels: { app: 'sfu', zone: 'a', more: 'x' } }),
    aNode('half', { labels: { app: 'sfu' } }),
    aNode('other', { labels: { app: 'sfu', zone: 'b' } }),
    aNode('bare'),
    aNode('going', { labels: { app: 'sfu', zone: 'a' }, ...deleted }),
  ]
  const claim = claimOf(pool, [], orphans)
  assert.deepEqual(names(claim.adopt), ['fits'])
  assert.deepEqual(names(claim.release), [])
})

test('an owned node that lost a label is let go, unless it is leaving anyway', () => {
  const owned = [
    aNode('stays', { labels: { app: 'sfu' } }),
    aNode('relabelled', { labels: { app: 'debugged' } }),
    aNode('leaving', { labels: {}, ...deleted }),
  ]
  const claim = claimOf(aPool(), owned, [])
  assert.deepEqual(names(claim.release), ['relabelled'])
})

test('what a pool adopts it would never let go, and the other way round', () => {
  const someLabels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'), { maxKeys: 3 })
  const selector = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'), { minKeys: 1, maxKeys: 3 })
  fc.assert(
    fc.property(selector, someLabels, (matchLabels, labels) => {
      const pool = aPool({ selector: matchLabels })
      const node = aNode('n', { labels })
      const adopts = claimOf(pool, [], [node]).adopt.length === 1
      const releases = claimOf(pool, [node], []).release.length === 1
      assert.notEqual(adopts, releases)
      assert.equal(adopts, selects(pool, node))
    }),
  )
})

test('a node that people made counts as made from a template when it is all that the template says', () => {
  const template = { metadata: { labels: { app: 'sfu' }, annotations: { team: 'media' } }, spec: { className: 'sim' } }
  const marks = { labels: { app: 'sfu', more: 'x' }, annotations: { team: 'media', note: 'hello' } }
  const node = aNode('n', marks)
  assert.equal(isMadeFrom(node, template), true)
  assert.equal(isMadeFrom({ ...node, spec: { ...node.spec, cordoned: true } }, template), true)
  assert.equal(isMadeFrom({ ...node, spec: { ...node.spec, region: 'eu' } }, template), false)
  assert.equal(isMadeFrom(aNode('n', { ...marks, annotations: {} }), template), false)
  assert.equal(isMadeFrom(aNode('n', { ...marks, labels: { app: 'other' } }), template), false)
  assert.equal(
    isMadeFrom(aNode('n', { ...marks, labels: { ...marks.labels, 'rtcnode.io/revision': 'x' } }), template),
    false,
  )
  assert.equal(isMadeFrom(aNode('n'), { spec: { className: 'sim' } }), true)
})

const born = (seconds: number) => ({
  metadata: { creationTimestamp: new Date(Date.UTC(2030, 0, 1, 0, 0, seconds)).toISOString() },
})

test('of two pools with one selector the younger stands back for the older', () => {
  const [older, younger] = [aPool({ name: 'z', ...born(1) }), aPool({ name: 'a', ...born(2) })]
  assert.equal(olderOverlapping(younger, [older, younger]), 'z')
  assert.equal(olderOverlapping(older, [older, younger]), undefined)
})

test('of two pools of the same second the name decides', () => {
  const [a, b] = [aPool({ name: 'a' }), aPool({ name: 'b' })]
  assert.equal(olderOverlapping(b, [a, b]), 'a')
  assert.equal(olderOverlapping(a, [a, b]), undefined)
})

test('a wider selector overlaps a narrower one, from either side', () => {
  const wide = aPool({ name: 'wide', selector: { app: 'sfu' }, ...born(1) })
  const narrow = aPool({ name: 'narrow', selector: { app: 'sfu', zone: 'a' }, ...born(2) })
  assert.equal(olderOverlapping(narrow, [wide]), 'wide')
  const [wideYoung, narrowOld] = [{ ...wide, ...aPool({ name: 'wide', ...born(3) }) }, narrow]
  assert.equal(olderOverlapping(wideYoung, [narrowOld]), 'narrow')
})

test('pools that select by other labels, or are being deleted, are in nobody’s way', () => {
  const pool = aPool({ name: 'pool', ...born(9) })
  const other = aPool({ name: 'other', selector: { app: 'else' }, ...born(1) })
  const going = aPool({ name: 'going', metadata: { ...born(1).metadata, ...deleted } })
  assert.equal(olderOverlapping(pool, [other, going, pool]), undefined)
})

test('among pools that overlap, exactly one goes on', () => {
  const some = fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), at: fc.integer({ min: 0, max: 2 }) }),
    {
      minLength: 1,
      selector: it => it.name,
    },
  )
  fc.assert(
    fc.property(some, seeds => {
      const pools = seeds.map(({ name, at }) => aPool({ name, ...born(at) }))
      assert.equal(pools.filter(pool => olderOverlapping(pool, pools) === undefined).length, 1)
    }),
  )
})
