// What a pool does with nodes, and what a Deployment does with pods, in the simulated world.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beat } from '../../../operator/simulate/beats.ts'
import { chanceOf } from '../../../operator/simulate/chance.ts'
import { deploymentFleet } from '../../../operator/simulate/deployment-fleet.ts'
import { doors } from '../../../operator/simulate/doors.ts'
import { faultsAt } from '../../../operator/simulate/faults.ts'
import type { Fleet, Ground } from '../../../operator/simulate/fleet.ts'
import { nodes } from '../../../operator/simulate/nodes.ts'
import { poolFleet } from '../../../operator/simulate/pool-fleet.ts'
import { rooms } from '../../../operator/simulate/rooms.ts'
import { model } from './small.ts'

/** `people` on open nodes, one room on each, for as long as the test lasts. */
function stage(people: readonly number[]) {
  const inRooms = rooms(5, 10_000)
  const ground = nodes(model, 5, chanceOf(1))
  const entrance = doors(inRooms, ground, model, 200, 5)
  entrance.beginStep(0)
  for (const [index, size] of people.entries()) {
    const node = ground.create(0)
    node.phase = 'open'
    node.opensAt = 0
    ground.rank(node)
    if (size === 0) continue
    inRooms.open({ size: 1, gatherSeconds: 0, lengthSeconds: 1e6 }, index)
    inRooms.advance(index, {
      join: room => {
        inRooms.place(room, node.slot)
        node.rooms += 1
        entrance.join(room, size)
      },
      end: entrance.end,
    })
  }
  const at = (step: number, more: Partial<Ground> = {}): Ground => ({
    step,
    stepSeconds: 5,
    nodes: ground,
    doors: entrance,
    registryIsOut: false,
    ...more,
  })
  const hear = (step: number): void => {
    for (const both of [step - 1, step])
      for (const node of ground.all) beat(node, both, 5, model, faultsAt([], both), chanceOf(1))
  }
  const phases = (): string[] => ground.all.map(({ phase, people: count }) => `${phase} ${count}`)
  const step = (fleet: Fleet, when: number, replicas: number, more: Partial<Ground> = {}): string[] => {
    entrance.beginStep(when)
    hear(when)
    fleet.reconcile(at(when, more), replicas)
    return phases()
  }
  return { step, phases, tally: entrance.tally, ground }
}

const pool = (): Fleet => poolFleet({ deadlineSeconds: 600, emptySeconds: 30 })

test('a pool closes the nodes with fewest people, and nobody is cut', () => {
  const { step, tally } = stage([5, 1, 9])
  assert.deepEqual(step(pool(), 10, 2), ['open 5', 'closed 1', 'open 9'])
  assert.equal(tally.cut, 0)
})

test('a pool reopens closed nodes, the fullest first, before it makes any', () => {
  const { step, ground } = stage([5, 1, 9])
  step(pool(), 10, 1)
  assert.deepEqual(step(pool(), 12, 2), ['open 5', 'closed 1', 'open 9'])
  assert.deepEqual(step(pool(), 14, 4), ['open 5', 'open 1', 'open 9', 'starting 0'])
  assert.equal(ground.all.length, 4)
})

test('a pool deletes a closed node when it has been empty for long enough', () => {
  const { step } = stage([5, 0])
  assert.deepEqual(step(pool(), 10, 1), ['open 5', 'closed 0'])
  assert.deepEqual(step(pool(), 15, 1), ['open 5', 'closed 0'])
  assert.deepEqual(step(pool(), 16, 1), ['open 5'])
})

test('at the deadline who is still there is cut, and comes back elsewhere', () => {
  const { step, tally } = stage([5, 2])
  step(pool(), 10, 1)
  assert.deepEqual(step(pool(), 129, 1), ['open 5', 'closed 2'])
  assert.deepEqual(step(pool(), 130, 1), ['open 7'])
  assert.equal(tally.cut, 2)
})

test('a pool takes nothing away while the registry is out of sight, and grows all the same', () => {
  const { step } = stage([5, 0, 0])
  assert.deepEqual(step(pool(), 10, 1, { registryIsOut: true }), ['open 5', 'open 0', 'open 0'])
  assert.equal(step(pool(), 12, 4, { registryIsOut: true }).length, 4)
})

test('what is starting goes first, and open nodes are never fewer than replicas because of it', () => {
  const { step } = stage([5, 1])
  step(pool(), 10, 3)
  assert.deepEqual(step(pool(), 11, 2), ['open 5', 'open 1'])
})

test('a Deployment kills pods when their grace is over, and makes new ones while others end', () => {
  const { step, tally } = stage([5, 5, 5])
  const deployment = deploymentFleet(60)
  const closed = step(deployment, 10, 2)
  assert.equal(closed.filter(phase => phase === 'closed 5').length, 1)
  assert.equal(step(deployment, 12, 3).filter(phase => phase === 'starting 0').length, 1, 'it never reopens')
  step(deployment, 22, 3)
  assert.equal(tally.cut, 5)
})
