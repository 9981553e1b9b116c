// What the autoscaler promises, by example: a node bears 1,000 units here, and may be 52 % full.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../../../operator/ambient/clock.ts'
import { learn, noteChange, recommend, restored, saved } from '../../../operator/autoscaler/deciding/core.ts'
import { LEARNED_VERSION } from '../../../operator/autoscaler/learning/saved.ts'
import { BEFORE_NINE, carrying, known, poolOf, risesAtTwoMinutesTo, spec, watch } from './known-pool.ts'
import { aNode } from './learning/build.ts'

const applied = spec({ forecast: { mode: 'Apply' } })

test('a decision explains itself in one line that can be worked out again', () => {
  const memory = known()
  risesAtTwoMinutesTo(memory, 1.31)
  const nodes = [...carrying(12, 5_900), ...carrying(3, 0, { supply: 'closed' })]
  const { why, desired } = recommend(memory, poolOf(nodes, { spec: applied }))
  assert.equal(why, '12→15: load 5.9k × 1.31 (minute :58) / (1000 × 0.52), 3 reopened')
  assert.equal(desired, Math.ceil((5_900 * 1.31) / 520))
})

test('load on closed nodes needs no new ones, and the line says so', () => {
  const memory = known()
  risesAtTwoMinutesTo(memory, 1.31)
  const nodes = [...carrying(12, 4_979), ...carrying(5, 4_121, { supply: 'closed' })]
  const { why } = recommend(memory, poolOf(nodes, { spec: applied }))
  assert.equal(why, '12→15: (load 9.1k × 1.31 (minute :58) − 4.12k on closed nodes) / (1000 × 0.52), 3 reopened')
})

test('people on hosts that go will need room elsewhere: unlike those on closed nodes they count', () => {
  const of = (supply: 'closed' | 'going') =>
    recommend(known(), poolOf([...carrying(6, 3_000), ...carrying(6, 3_000, { supply })])).desired
  assert.ok(of('going') > of('closed'), `${of('going')} nodes, ${of('closed')} without those people`)
  assert.ok(of('going') >= 12, 'the pool is not made smaller because half of its hosts go')
})

test('learned shapes are shown and do not count until forecast.mode is Apply', () => {
  const memory = known()
  risesAtTwoMinutesTo(memory, 1.31)
  const { desired, terms, forecasts } = recommend(memory, poolOf(carrying(12, 5_900)))
  assert.equal(desired, 12)
  assert.equal(terms.forecastBy, 'now')
  assert.deepEqual([Math.round(forecasts.hour.demand), forecasts.hour.counts], [7_729, true])
})

test('a heartbeat that needs more nodes has them at once: no tick, no window', () => {
  const memory = known()
  const calm = poolOf(carrying(10, 5_000))
  assert.equal(watch(memory, calm, 60).desired, 10)
  const now = instant(memory.learning.passage.at + 1)
  const busy = { ...poolOf(carrying(10, 8_000)), now }
  learn(memory, busy)
  const { desired, because } = recommend(memory, busy)
  assert.ok(desired >= Math.ceil(8_000 / 520))
  assert.equal(because, 'ScaledUp')
})

test('replicas may double in half a minute, and rise again when that is over', () => {
  const memory = known()
  const flood = poolOf(carrying(10, 30_000))
  const first = recommend(memory, flood)
  assert.deepEqual([first.desired, first.limits], [20, ['ScaleUpPolicy']])
  noteChange(memory, { at: flood.now, from: 10, to: 20 })
  const starting = [...carrying(10, 30_000), ...carrying(10, 0, { supply: 'starting', reading: undefined })]
  const held = recommend(memory, poolOf(starting, { now: instant(flood.now + 10_000) }))
  assert.equal(held.desired, 20)
  assert.equal(held.lookAgainMs, 10_000)
  const more = watch(memory, poolOf(starting), 30)
  assert.equal(more.desired, 40)
})

test('what is starting is supply: it is not ordered twice', () => {
  const memory = known()
  const nodes = [...carrying(10, 8_000), ...carrying(6, 0, { supply: 'starting', reading: undefined })]
  assert.equal(recommend(memory, poolOf(nodes)).desired, 16)
})

test('one hot node buys nothing: it sheds; a hot pool buys', () => {
  const memory = known()
  const oneHot = [...carrying(9, 3_600), aNode('hot', { reading: { ...carrying(1, 990)[0]!.reading! } })]
  assert.equal(recommend(memory, poolOf(oneHot)).desired, 10)
  assert.ok(recommend(memory, poolOf(carrying(10, 6_600))).desired > 10)
})

test('a pool of which most nodes take no new rooms grows by a quarter at least', () => {
  const memory = known()
  memory.learning.dispersion.sigma = 0
  const nodes = [
    ...carrying(10, 8_300),
    ...carrying(2, 0, { name: 'idle' }).map((node, i) => ({ ...node, name: `i${i}` })),
  ]
  const { desired, limits, why } = recommend(memory, poolOf(nodes))
  assert.deepEqual([desired, limits], [15, ['PoolSaturated']], why)
})

test('before any node has told its load nothing is guessed', () => {
  const nodes = carrying(3, 0, { reading: undefined, heard: false })
  const { desired, because, why } = recommend(known(), poolOf(nodes))
  assert.deepEqual([desired, because], [3, 'NoLoadYet'])
  assert.match(why, /no node has told its load yet/)
})

test('warm spares come on top of what load needs', () => {
  const at = poolOf(carrying(10, 5_200), { spec: spec({ warmSpares: 2 }) })
  assert.equal(recommend(known(), at).why, '10→12: load 5.2k / (1000 × 0.52) + 2 warm')
})

test('the last node stays: without it nobody would tell that one is needed', () => {
  const idle = poolOf(carrying(1, 0), { spec: spec({ minReplicas: 0 }) })
  assert.equal(watch(known(), idle, 1_200).desired, 1)
})

test('bounds hold at once, whatever behavior says, and are named', () => {
  const still = { behavior: { scaleUp: { selectPolicy: 'Disabled' }, scaleDown: { selectPolicy: 'Disabled' } } }
  const few = recommend(known(), poolOf(carrying(2, 500), { spec: spec({ minReplicas: 5, ...still }) }))
  assert.deepEqual([few.desired, few.limits], [5, ['MinReplicas']])
  const many = recommend(known(), poolOf(carrying(9, 4_600), { spec: spec({ maxReplicas: 4, ...still }) }))
  assert.deepEqual([many.desired, many.limits], [4, ['MaxReplicas']])
})

test('paused, and mode Recommend, work everything out and say that they only show it', () => {
  for (const [given, because] of [
    [{ paused: true }, 'Paused'],
    [{ mode: 'Recommend' }, 'Recommending'],
  ] as const) {
    const found = recommend(known(), poolOf(carrying(4, 4_000), { spec: spec(given) }))
    assert.deepEqual([found.desired, found.because], [8, because])
  }
})

// Shrinking

test('nodes go after ten minutes without need for them, and a tenth of the safe room stays free', () => {
  const memory = known()
  const idle = poolOf(carrying(20, 5_200))
  const early = watch(memory, idle, 590)
  assert.deepEqual([early.desired, early.limits], [20, ['RegistryFrozen']])
  const { desired, recommended, limits } = watch(memory, idle, 60)
  assert.ok(recommended < desired && desired < 20)
  assert.equal(limits[0], 'TooFullAfter')
})

test('the largest need of the last ten minutes counts', () => {
  const memory = known()
  watch(memory, poolOf(carrying(20, 11_600)), 700)
  const { desired, limits } = watch(memory, poolOf(carrying(20, 5_200)), 300)
  assert.equal(desired, 20)
  assert.ok(limits.includes('ScaleDownWindow'))
  assert.ok(watch(memory, poolOf(carrying(20, 5_200)), 400).desired < 20)
})

test('people on closed nodes come back elsewhere, so closing some is no reason to close more', () => {
  const memory = known()
  const nodes = [...carrying(10, 4_500), ...carrying(4, 700, { supply: 'closed' })]
  const { desired, recommended, limits } = watch(memory, poolOf(nodes), 700)
  assert.ok(recommended < 10)
  assert.deepEqual([desired, limits], [10, ['TooFullAfter']])
})

test('a clock that leaps ahead does not end the window', () => {
  const memory = known()
  const busy = poolOf(carrying(20, 11_600))
  watch(memory, busy, 700)
  const idle = poolOf(carrying(20, 1_000), { now: instant(memory.learning.passage.at + 86_400_000) })
  learn(memory, idle)
  assert.equal(recommend(memory, idle).desired, 20)
})

test('a clock that goes back neither shrinks nor stops anything', () => {
  const memory = known()
  watch(memory, poolOf(carrying(20, 11_600)), 700)
  const before = poolOf(carrying(20, 11_600), { now: instant(memory.learning.passage.at - 86_400_000) })
  learn(memory, before)
  assert.equal(recommend(memory, before).desired, 20)
  assert.ok(watch(memory, poolOf(carrying(20, 2_000)), 700).desired < 20)
})

test('a restart forgets neither the window nor what was scaled', () => {
  const memory = known()
  watch(memory, poolOf(carrying(20, 11_600)), 700)
  const now = memory.learning.passage.at
  noteChange(memory, { at: now, from: 10, to: 20 })
  const later = instant(now + 3_600_000)
  const back = restored(saved(memory), LEARNED_VERSION, later)
  assert.ok(back !== undefined)
  const idle = poolOf(carrying(20, 1_000), { now: later })
  learn(back, idle)
  const { desired, limits } = recommend(back, idle)
  assert.equal(desired, 20)
  assert.ok(limits.includes('ScaleDownWindow'), limits.join())
  assert.equal(recommend(back, poolOf(carrying(20, 50_000), { now: later })).limits[0], 'ScaleUpPolicy')
})

test('what cannot be read back only makes it wait, and never fails', () => {
  for (const data of ['', '{}', '[]', 'null', '{"more":1}', 'x'.repeat(16_384)]) {
    const memory = restored(data, LEARNED_VERSION, BEFORE_NINE) ?? known()
    assert.equal(recommend(memory, poolOf(carrying(20, 1_000))).desired, 20)
  }
  assert.equal(restored(saved(known()), LEARNED_VERSION + 1, BEFORE_NINE), undefined)
})

// What is not known

test('a silent node is not an empty one', () => {
  const memory = known()
  const nodes = carrying(20, 9_000).map((node, i) => ({ ...node, heard: i !== 3 }))
  const { terms } = recommend(memory, poolOf(nodes))
  assert.equal(Math.round(terms.demand ?? 0), 9_000)
})

test('a tenth of the pool silent: nothing is taken away, and more load still has its nodes', () => {
  const memory = known()
  watch(memory, poolOf(carrying(20, 4_000)), 700)
  const silent = (units: number) => carrying(20, units).map((node, i) => ({ ...node, heard: i >= 3 }))
  const held = recommend(memory, poolOf(silent(4_000), { now: memory.learning.passage.at }))
  assert.deepEqual([held.desired, held.limits, held.telemetryDegraded], [20, ['TelemetryDegraded'], true])
  assert.ok(recommend(memory, poolOf(silent(16_000), { now: memory.learning.passage.at })).desired > 20)
})

test('most of the pool silent for a minute: fallback, which only raises, and ends with the silence', () => {
  const fallback = spec({ fallback: { replicas: 30, afterSeconds: 60 } })
  const memory = known()
  const all = poolOf(carrying(20, 8_000), { spec: fallback })
  watch(memory, all, 700)
  const silent = { ...all, nodes: all.nodes.map((node, i) => ({ ...node, heard: i < 8 })) }
  const soon = watch(memory, silent, 50)
  assert.deepEqual([soon.desired, soon.fallback.on, soon.fallback.because], [20, false, 'FewReport'])
  assert.equal(soon.lookAgainMs, 10_000)
  const late = watch(memory, silent, 20)
  assert.deepEqual([late.desired, late.fallback.on, late.limits], [30, true, ['FewReport']])
  assert.match(late.why, /^20→30: .* = \d+, fallback, only 40 % of the pool reports$/)
  const more = { ...silent, replicas: 40 }
  assert.equal(watch(memory, more, 10).desired, 40)
  const again = watch(memory, { ...all, replicas: 30 }, 10)
  assert.deepEqual([again.desired, again.fallback.on], [30, false])
})

test('the registry out of sight: as many as there are for a minute, then the fallback', () => {
  const gone = { inSight: false, frozen: false }
  const memory = known()
  const all = poolOf(carrying(20, 8_000), { spec: spec({ fallback: { replicas: 25 } }) })
  watch(memory, all, 700)
  const dark = { ...all, registry: gone, nodes: all.nodes.map(node => ({ ...node, heard: false })) }
  const soon = watch(memory, dark, 30)
  assert.equal(soon.desired, 20)
  const late = watch(memory, dark, 60)
  assert.deepEqual([late.desired, late.fallback.because], [25, 'RegistryOutOfSight'])
})

test('a hot pool whose registry goes out of sight is not enlarged by what was told before', () => {
  const hot = poolOf(carrying(20, 18_000), { registry: { inSight: false, frozen: false } })
  const { desired, limits } = recommend(known(), hot)
  assert.equal(desired, 20)
  assert.ok(limits.includes('TelemetryDegraded'), limits.join())
})

test('many registrations that vanish at once take nothing away', () => {
  const memory = known()
  watch(memory, poolOf(carrying(20, 4_000)), 700)
  const frozen = poolOf(carrying(20, 4_000), {
    registry: { inSight: true, frozen: true },
    now: memory.learning.passage.at,
  })
  const { desired, limits } = recommend(memory, frozen)
  assert.deepEqual([desired, limits], [20, ['RegistryFrozen']])
})
