// What is done to have as much room kept for a pool as it wants, and that it comes to rest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { toTimestamp } from '../../../operator/ambient/clock.ts'
import type { Pod } from '../../../operator/api/core.ts'
import { annotations } from '../../../operator/api/marks.ts'
import { type Act, planHeadroom } from '../../../operator/cluster/headroom/plan.ts'
import { aBuffer, actsOf, balloon, hash, nameIn, newer, place, poolWith, view } from './headroom-build.ts'
import { at } from './said.ts'

test('pods that keep places: as many as are wanted, and nobody else’s are touched', () => {
  assert.deepEqual(actsOf({}), ['create-balloon eu-headroom-1', 'create-balloon eu-headroom-2'])
  assert.deepEqual(actsOf({ balloons: [balloon(2, { host: 'a' })] }), ['create-balloon eu-headroom-1'])
  assert.deepEqual(actsOf({ balloons: [balloon(1, { host: 'a' }), balloon(2)] }), [])
})

test('a place that a node has taken comes back, under a name that is free', () => {
  const balloons = [balloon(1, { leaving: true, host: 'a' }), balloon(2, { host: 'b' })]
  assert.deepEqual(actsOf({ balloons }), ['create-balloon eu-headroom-3'])
  assert.deepEqual(actsOf({ balloons: [balloon(1, { phase: 'Failed', host: 'a' }), balloon(2, { host: 'b' })] }), [
    'delete-balloon eu-headroom-1',
    'create-balloon eu-headroom-3',
  ])
})

test('a place on a host that is about to go is none, and is kept elsewhere', () => {
  const balloons = [balloon(1, { host: 'goes' }), balloon(2, { host: 'b' })]
  const isOnGoingHost = ({ spec }: Pod) => spec.nodeName === 'goes'
  assert.deepEqual(actsOf({ balloons, isOnGoingHost }), [
    'delete-balloon eu-headroom-1',
    'create-balloon eu-headroom-3',
  ])
  assert.equal(planHeadroom(view({ balloons, isOnGoingHost })).status?.ready, 1)
})

test('too many: those without a host go first, then those of an older class', () => {
  const balloons = [
    balloon(1, { host: 'a', of: newer }),
    balloon(2),
    balloon(3, { host: 'c' }),
    balloon(4, { host: 'd' }),
  ]
  assert.deepEqual(actsOf({ balloons }), ['delete-balloon eu-headroom-2', 'delete-balloon eu-headroom-1'])
})

test('another class changes one place after the other, and none while another waits for its host', () => {
  const old = [balloon(1, { host: 'a' }), balloon(2, { host: 'b' })]
  assert.deepEqual(actsOf({ place: newer, balloons: old }), ['delete-balloon eu-headroom-1'])
  const oneWaits = [balloon(1, { of: newer }), balloon(2, { host: 'b' })]
  assert.deepEqual(actsOf({ place: newer, balloons: oneWaits }), [])
  assert.deepEqual(actsOf({ place: newer, balloons: [balloon(1), balloon(2)] }), [
    'delete-balloon eu-headroom-1',
    'delete-balloon eu-headroom-2',
  ])
})

test('the status tells what is there, by what, and what the rest waits for; no time in it moves by itself', () => {
  const { status } = planHeadroom(view({ balloons: [balloon(1, { host: 'a' }), balloon(2)] }))
  const expected = { wanted: 2, ready: 1, by: 'Balloons', message: 'HostRequested: a host is made' }
  assert.deepEqual(status, { ...expected, changedAt: toTimestamp(at(100)) })
  const pool = poolWith(2, 10, status)
  const later = planHeadroom(view({ pool, balloons: [balloon(1, { host: 'a' }), balloon(2)], now: at(500) }))
  assert.deepEqual(later.status, status)
})

test('what is announced is kept, told apart, and given up at once when it is over', () => {
  const pool = poolWith('auto')
  const announced = { startsAt: toTimestamp(at(300)), nodes: 3, by: 'Headroom' } as const
  const announcing = { ...pool, status: { ...pool.status!, announced } }
  const { acts, status } = planHeadroom(view({ pool: announcing }))
  assert.deepEqual([acts.length, status?.wanted, status?.announced], [3, 3, 3])
  const balloons = [1, 2, 3].map(number => balloon(number, { host: 'a' }))
  const after = planHeadroom(view({ pool: poolWith('auto', 10, status), balloons }))
  assert.deepEqual([after.acts.map(act => act.do), after.status?.wanted], [['delete-balloon', 'delete-balloon'], 1])
  assert.ok(!('announced' in after.status!))
})

test('no wish: whatever keeps room goes, and the status says nothing', () => {
  const plan = planHeadroom(view({ pool: poolWith(undefined), balloons: [balloon(1)], buffer: aBuffer() }))
  assert.deepEqual([plan.acts.map(act => act.do), plan.status], [['delete-balloon', 'delete-buffer'], undefined])
})

test('a pool that is deleted takes its room along by itself', () => {
  const pool = poolWith(2)
  const leaving = { ...pool, metadata: { ...pool.metadata, deletionTimestamp: toTimestamp(at(1)) } }
  assert.deepEqual(actsOf({ pool: leaving, balloons: [balloon(1)] }), [])
})

test('without its class nothing is made, and what there is stays', () => {
  assert.deepEqual(actsOf({ place: undefined, balloons: [balloon(1, { host: 'a' })] }), [])
  assert.match(planHeadroom(view({ place: undefined })).status?.message ?? '', /class/)
})

test('what the API server refuses is told, and asked again when it is time', () => {
  const refused = view({
    refusal: { message: 'no PriorityClass with name rtcnode-headroom was found', retryInMs: 4_000 },
  })
  const plan = planHeadroom(refused)
  assert.deepEqual([plan.acts, plan.lookAgainMs], [[], 4_000])
  assert.match(plan.status?.message ?? '', /PriorityClass/)
  assert.equal(planHeadroom({ ...refused, refusal: { message: 'x', retryInMs: 0 } }).acts.length, 2)
})

const anyBalloons = fc
  .array(
    fc.record({
      number: fc.integer({ min: 1, max: 9 }),
      host: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
      of: fc.constantFrom(place, newer),
      phase: fc.constantFrom(undefined, 'Failed' as const),
      leaving: fc.boolean(),
    }),
    { maxLength: 9 },
  )
  .map(list => [...new Map(list.map(it => [it.number, it])).values()])
  .map(list =>
    list.map(({ number, host, phase, ...rest }) =>
      balloon(number, { ...rest, ...(host !== undefined && { host }), ...(phase !== undefined && { phase }) }),
    ),
  )

/** All is done at once, hosts are there for all, and the API server lets go of what is deleted. */
function afterActs(balloons: readonly Pod[], acts: readonly Act[]): Pod[] {
  const gone = new Set(acts.filter(act => act.do === 'delete-balloon').map(nameIn))
  const made = acts.filter(act => act.do === 'create-balloon').map(act => act.manifest as Pod)
  const stays = balloons.filter(({ metadata }) => !gone.has(metadata.name) && metadata.deletionTimestamp === undefined)
  return [...stays, ...made].map(pod => ({
    ...pod,
    status: pod.status ?? {},
    spec: { ...pod.spec, nodeName: pod.spec.nodeName ?? 'c' },
  }))
}

test('from wherever it begins it comes to rest with all that is wanted, of the class as it is now', () => {
  fc.assert(
    fc.property(anyBalloons, fc.integer({ min: 0, max: 6 }), (begin, wanted) => {
      let balloons: readonly Pod[] = begin
      for (let pass = 0; pass < 20; pass += 1) {
        const { acts } = planHeadroom(view({ pool: poolWith(wanted), balloons }))
        const names = acts.filter(act => act.do === 'create-balloon').map(nameIn)
        assert.equal(
          new Set([...names, ...balloons.map(({ metadata }) => metadata.name)]).size,
          names.length + balloons.length,
        )
        if (acts.length === 0 && balloons.every(({ metadata }) => metadata.deletionTimestamp === undefined)) break
        balloons = afterActs(balloons, acts)
      }
      assert.equal(balloons.length, wanted)
      assert.ok(balloons.every(pod => pod.metadata.annotations?.[annotations.headroomHash] === hash))
      assert.deepEqual(planHeadroom(view({ pool: poolWith(wanted), balloons })).acts, [])
    }),
  )
})

test('a place that is ready is given up only when there are too many, or for another class', () => {
  fc.assert(
    fc.property(anyBalloons, fc.integer({ min: 0, max: 6 }), (balloons, wanted) => {
      const { acts } = planHeadroom(view({ pool: poolWith(wanted), balloons }))
      const isReady = (pod: Pod) => pod.spec.nodeName !== undefined && pod.status?.phase === 'Running'
      const ready = balloons.filter(pod => isReady(pod) && pod.metadata.deletionTimestamp === undefined)
      const current = ready.filter(pod => pod.metadata.annotations?.[annotations.headroomHash] === hash)
      const given = acts.filter(act => act.do === 'delete-balloon' && current.includes(act.object))
      assert.ok(given.length <= Math.max(0, ready.length - wanted))
    }),
  )
})
