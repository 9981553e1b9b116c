// Nobody is lost and nobody is made up, whatever is done to rooms and nodes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { chanceOf } from '../../../operator/simulate/chance.ts'
import { type Doors, doors } from '../../../operator/simulate/doors.ts'
import { nodes } from '../../../operator/simulate/nodes.ts'
import { NOWHERE, type Rooms, rooms, streamsOf } from '../../../operator/simulate/rooms.ts'
import { model } from './small.ts'

const STEPS = 60

type Deed =
  | { do: 'open'; size: number; gatherSeconds: number; lengthSeconds: number }
  | { do: 'add' | 'close' | 'take' | 'protect' | 'hang up'; which: number }

const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({
    do: fc.constant('open' as const),
    size: fc.integer({ min: 1, max: 40 }),
    gatherSeconds: fc.integer({ min: 0, max: 100 }),
    lengthSeconds: fc.integer({ min: 0, max: 300 }),
  }),
  fc.record({ do: fc.constantFrom('add', 'close', 'take', 'protect', 'hang up'), which: fc.nat(20) }),
)

/** A world that a test drives by hand; `come` counts who came, by the rooms' own word. */
function world() {
  const people = rooms(5, STEPS)
  const ground = nodes(model, 5, chanceOf(1))
  const entrance = doors(people, ground, model, 200, 5)
  let come = 0
  const counting: Doors = {
    ...entrance,
    join(room, count) {
      come += count
      entrance.join(room, count)
    },
  }
  const open = (step: number): void => {
    const node = ground.create(step)
    node.phase = 'open'
    ground.rank(node)
  }
  return { people, ground, entrance, counting, open, come: () => come }
}

const placed = (people: Rooms, slot: number): number[] => people.on(slot)
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

test('everybody who came is there, waits, or has left; nodes carry what their rooms make', () => {
  fc.assert(
    fc.property(fc.array(fc.array(deed, { maxLength: 4 }), { minLength: 1, maxLength: STEPS - 1 }), plan => {
      const { people, ground, entrance, counting, open, come } = world()
      open(0)
      for (const [step, deeds] of plan.entries()) {
        entrance.beginStep(step)
        for (const it of deeds) {
          if (it.do === 'open') people.open(it, step)
          else if (it.do === 'add') open(step)
          else if (it.do === 'hang up') people.endOne(counting)
          else {
            const node = ground.all[it.which % Math.max(1, ground.all.length)]
            if (node === undefined) continue
            if (it.do === 'close') node.phase = 'closed'
            if (it.do === 'protect') node.joinsPerSecond = it.which / 10
            ground.rank(node)
            if (it.do !== 'take') continue
            entrance.evict(node, it.which % 2 === 0 ? 'cut' : 'moved')
            ground.remove(node, step)
          }
        }
        people.advance(step, counting)
        entrance.retry()

        for (const node of ground.all) {
          const here = placed(people, node.slot)
          assert.equal(node.rooms, here.length)
          assert.equal(node.people, sum(here.map(people.people)))
          assert.equal(node.streams, sum(here.map(people.streams)))
        }
        const inside = sum(ground.all.map(node => node.people))
        const outside = sum(
          [...ground.all.map(node => node.slot), NOWHERE].flatMap(slot => placed(people, slot)).map(people.waiting),
        )
        const { joins, left, cut, moved, late } = entrance.tally
        assert.equal(inside + outside + left, come(), 'people')
        assert.equal(joins, come() + cut + moved, 'joins: those who were put out came once more')
        assert.ok(late >= 0 && late <= joins + 1e-6, `${late} late of ${joins}`)
      }
    }),
  )
})

test('when all rooms are over, nobody is invited any more', () => {
  const { people, counting, open, entrance } = world()
  open(0)
  for (let step = 0; step < STEPS; step += 1) {
    entrance.beginStep(step)
    if (step < 10) people.open({ size: 5 + step, gatherSeconds: 30, lengthSeconds: 60 }, step)
    people.advance(step, counting)
  }
  assert.equal(people.invited, 0)
  assert.equal(entrance.tally.left, sum(Array.from({ length: 10 }, (_, step) => 5 + step)))
})

test('whom no node lets in waits, is late once, and gets in when one opens', () => {
  const { people, counting, open, entrance, ground } = world()
  people.open({ size: 1, gatherSeconds: 0, lengthSeconds: 200 }, 0)
  people.advance(0, counting)
  assert.deepEqual([entrance.tally.joins, entrance.tally.late], [1, 1])
  entrance.retry()
  open(1)
  entrance.retry()
  assert.deepEqual([ground.all[0]?.people, entrance.tally.joins, entrance.tally.late], [1, 1, 1])
})

test('a meeting forwards with the square of its people until the screen is full, a stage in proportion', () => {
  assert.equal(streamsOf(2, 0), 2 * 2 + 2 * 2)
  assert.equal(streamsOf(12, 0), 288)
  assert.equal(streamsOf(24, 0), 2 * 288)
  assert.equal(streamsOf(500, 3), 1_500)
})
