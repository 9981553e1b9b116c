// What holds for every pool and every past of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { instant } from '../../../operator/ambient/clock.ts'
import { autoscalerReasons } from '../../../operator/api/reasons.ts'
import { learn, recommend, restored, saved } from '../../../operator/autoscaler/deciding/core.ts'
import { boundsOf } from '../../../operator/autoscaler/deciding/schedule.ts'
import { LEARNED_VERSION } from '../../../operator/autoscaler/learning/saved.ts'
import type { NodeSample, Snapshot } from '../../../operator/autoscaler/learning/snapshot.ts'
import { histories, lived } from './any-history.ts'

const RUNS = { numRuns: 600 }

const law = <T>(name: string, check: fc.IRawProperty<T>): void => {
  test(name, () => fc.assert(check, RUNS))
}

law(
  'desired is always within the bounds that hold',
  fc.property(histories, history => {
    const { memory, at } = lived(history)
    const { desired } = recommend(memory, at)
    const { min, max } = boundsOf(at.spec, at.now)
    assert.ok(Number.isInteger(desired) && desired >= min && desired <= max, `${desired} in ${min}..${max}`)
  }),
)

law(
  'the same inputs have the same output, and asking changes nothing',
  fc.property(histories, history => {
    const [one, two] = [lived(history), lived(history)]
    const before = saved(one.memory)
    const first = recommend(one.memory, one.at)
    assert.deepEqual(recommend(one.memory, one.at), first)
    assert.deepEqual(recommend(two.memory, two.at), first)
    assert.equal(saved(one.memory), before)
  }),
)

law(
  'looking more often at the same moment changes nothing',
  fc.property(histories, history => {
    const [once, thrice] = [lived(history), lived(history, 3)]
    assert.deepEqual(recommend(thrice.memory, thrice.at), recommend(once.memory, once.at))
  }),
)

law(
  'the order of nodes does not matter',
  fc.property(histories, history => {
    const backwards = {
      ...history,
      moments: history.moments.map(moment => ({ ...moment, nodes: moment.nodes.toReversed() })),
    }
    const [one, two] = [lived(history), lived(backwards)]
    const [forth, back] = [recommend(one.memory, one.at), recommend(two.memory, two.at)]
    assert.deepEqual(
      [back.desired, back.recommended, back.limits, back.because],
      [forth.desired, forth.recommended, forth.limits, forth.because],
    )
  }),
)

const changed = (at: Snapshot, change: (node: NodeSample, index: number) => NodeSample): Snapshot => ({
  ...at,
  nodes: at.nodes.map(change),
})

law(
  'more load never means fewer nodes',
  fc.property(histories, fc.array(fc.nat(2_000), { minLength: 12, maxLength: 12 }), (history, more) => {
    const { memory, at } = lived(history)
    const busier = changed(at, (node, index) =>
      node.reading === undefined
        ? node
        : { ...node, reading: { ...node.reading, pressure: node.reading.pressure + (more[index] ?? 0) / 1_000 } },
    )
    const [before, after] = [recommend(memory, at), recommend(memory, busier)]
    assert.ok(after.desired >= before.desired, `${before.why}\n${after.why}`)
    assert.ok(after.recommended >= before.recommended, `${before.why}\n${after.why}`)
  }),
)

const least = (at: Snapshot): number => Math.min(at.replicas, boundsOf(at.spec, at.now).max)

law(
  'nothing is taken away while more than a tenth of the pool is silent',
  fc.property(histories, history => {
    const { memory, at } = lived(history)
    const serving = at.nodes.filter(({ supply }) => supply === 'open' || supply === 'closed')
    fc.pre(serving.length > 0)
    // Of nodes that bear 200 to 2,000 units each, every second is more than a tenth.
    const silent = changed(at, node => ({ ...node, heard: node.heard && serving.indexOf(node) % 2 === 1 }))
    learn(memory, { ...silent, now: instant(at.now + 10_000) })
    const found = recommend(memory, silent)
    assert.ok(found.desired >= least(at), found.why)
  }),
)

law(
  'a node that falls silent never makes the pool smaller',
  fc.property(histories, fc.nat(11), (history, which) => {
    const { memory, at } = lived(history)
    const silent = changed(at, (node, index) => (index === which ? { ...node, heard: false } : node))
    assert.ok(recommend(memory, silent).desired >= recommend(memory, at).desired)
  }),
)

law(
  'nothing is taken away while the registry is out of sight, or frozen',
  fc.property(
    histories,
    fc.constantFrom({ inSight: false, frozen: false }, { inSight: true, frozen: true }),
    (history, registry) => {
      const { memory, at } = lived(history)
      const found = recommend(memory, { ...at, registry })
      assert.ok(found.desired >= least(at), found.why)
    },
  ),
)

law(
  'a forecast never lowers',
  fc.property(histories, fc.constantFrom('Apply' as const, 'Recommend' as const), (history, mode) => {
    const { memory, at } = lived(history)
    const forecasting = (enabled: boolean) =>
      recommend(memory, { ...at, spec: { ...at.spec, forecast: { enabled, mode } } })
    const [without, withIt] = [forecasting(false), forecasting(true)]
    assert.ok(withIt.desired >= without.desired, `${without.why}\n${withIt.why}`)
    assert.ok((withIt.terms.forecast ?? 0) >= (withIt.terms.demand ?? 0))
  }),
)

law(
  'a change that was limited names its limits, and one that was not names none',
  fc.property(histories, history => {
    const { memory, at } = lived(history)
    const { desired, recommended, limits, why } = recommend(memory, at)
    assert.equal(limits.length > 0, desired !== recommended, why)
    for (const limit of limits) assert.ok(limit in autoscalerReasons)
    assert.equal(new Set(limits).size, limits.length)
  }),
)

law(
  'the figures are figures, and the line says what changes',
  fc.property(histories, history => {
    const { memory, at } = lived(history)
    const found = recommend(memory, at)
    for (const [name, term] of Object.entries(found.terms))
      assert.ok(typeof term === 'string' || (Number.isFinite(term) && Number(term) >= 0), `${name} is ${term}`)
    const change = found.desired === at.replicas ? `${at.replicas}: ` : `${at.replicas}→${found.desired}: `
    assert.ok(
      found.why.startsWith(change) && found.why.length <= 512 && !/NaN|undefined|Infinity/.test(found.why),
      found.why,
    )
    assert.ok(found.lookAgainMs > 0 && found.lookAgainMs <= 10_000)
  }),
)

law(
  'what is saved is small, and comes back to the same decision or a more careful one',
  fc.property(histories, history => {
    const { memory, at } = lived(history)
    const data = saved(memory)
    assert.ok(data.length <= 16_384)
    const back = restored(data, LEARNED_VERSION, at.now)
    assert.ok(back !== undefined)
    const { desired } = recommend(back, at)
    const { min, max } = boundsOf(at.spec, at.now)
    assert.ok(desired >= min && desired <= max)
    assert.deepEqual(back.needs.knownSince, memory.needs.knownSince)
  }),
)
