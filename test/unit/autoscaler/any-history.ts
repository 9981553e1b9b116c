// Any pool with any past, for the laws that hold for all of them.
import * as fc from 'fast-check'
import { instant } from '../../../operator/ambient/clock.ts'
import type { RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import { learn, type Memory, newMemory, noteChange, recommend } from '../../../operator/autoscaler/deciding/core.ts'
import type { NodeSample, Snapshot } from '../../../operator/autoscaler/learning/snapshot.ts'
import { aReading, aSpec, MONDAY } from './learning/build.ts'

type Spec = RTCAutoscaler['spec']

const weighted = <T>(...choices: [number, fc.Arbitrary<T>][]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))

/** In thousandths: a law that fails is shrunk to something that can be read. */
const upTo = (most: number): fc.Arbitrary<number> => fc.nat(most * 1_000).map(n => n / 1_000)

const pressures = weighted([6, upTo(1.2)], [1, fc.constantFrom(0, 0.3, 0.65, 0.82, 1)], [1, upTo(20)])

const readings = fc
  .record({
    pressure: pressures,
    bears: fc.integer({ min: 200, max: 2_000 }),
    rooms: fc.option(fc.nat(50), { nil: undefined }),
    joins: fc.nat(40),
    quality: fc.option(upTo(3), { nil: undefined }),
  })
  .map(({ pressure, bears, rooms, joins, quality }) =>
    aReading({
      pressure,
      units: pressure * bears,
      rooms,
      joins: quality === undefined ? 0 : joins,
      quality,
      joinLatencyP99Ms: quality === undefined || joins === 0 ? undefined : quality * 1_500,
    }),
  )

const samples = (index: number): fc.Arbitrary<NodeSample> =>
  fc.record({
    name: fc.constant(`n${index}`),
    shape: fc.constantFrom('a', 'a', 'b'),
    supply: fc.constantFrom('open', 'open', 'open', 'open', 'starting', 'closed', 'going', 'leaving'),
    waitedForHost: fc.boolean(),
    heard: weighted([12, fc.constant(true)], [1, fc.constant(false)]),
    beat: fc.nat(),
    reading: weighted([12, readings], [1, fc.constant(undefined)]),
  })

const nodeLists = fc
  .integer({ min: 0, max: 12 })
  .chain(count => fc.tuple(...Array.from({ length: count }, (_, i) => samples(i))))

const rules = (windows: fc.Arbitrary<number>) =>
  fc.record({
    stabilizationWindowSeconds: windows,
    selectPolicy: fc.constantFrom('Max' as const, 'Min' as const, 'Disabled' as const, 'Max' as const),
    policies: fc.array(
      fc.record({
        type: fc.constantFrom('Pods' as const, 'Percent' as const),
        value: fc.integer({ min: 1, max: 150 }),
        periodSeconds: fc.constantFrom(15, 30, 120),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    tolerance: fc.constantFrom(0, 0, 0.1, 0.3),
  })

const defaults = aSpec({ targets: { joinLatencyP99Ms: 1_500, streamsPerNode: 1_000 } })

const schedules = fc.constantFrom<Spec['schedules']>(
  [],
  [],
  [
    {
      name: 'work',
      start: '0 8 * * 1-5',
      end: '0 18 * * 1-5',
      timeZone: 'Europe/Berlin',
      minReplicas: 5,
      maxReplicas: 9,
    },
  ],
  [{ name: 'always', start: '* * * * *', end: '0 0 1 1 *', timeZone: 'Etc/UTC', idealReplicas: 7 }],
  [{ name: 'bad', start: '0 25 * * *', end: '0 18 * * *', timeZone: 'Etc/UTC', minReplicas: 7 }],
)

const specs: fc.Arbitrary<Spec> = fc
  .record({
    least: fc.nat(8),
    span: fc.nat(30),
    warmSpares: fc.constantFrom(0, 0, 2),
    forecast: fc.record({ enabled: fc.boolean(), mode: fc.constantFrom('Apply' as const, 'Recommend' as const) }),
    fallback: fc.record({ replicas: fc.nat(20), afterSeconds: fc.constantFrom(10, 60) }),
    behavior: fc.oneof(
      fc.constant(defaults.behavior),
      fc.record({ scaleUp: rules(fc.constantFrom(0, 60)), scaleDown: rules(fc.constantFrom(0, 60, 600)) }),
    ),
    schedules,
  })
  .map(({ least, span, ...rest }) => ({
    ...defaults,
    ...rest,
    minReplicas: least,
    maxReplicas: Math.max(1, least + span),
  }))

/** Mostly ticks and events; now and then a clock that leaps. */
const steps = weighted([20, fc.integer({ min: 0, max: 15_000 })], [1, fc.integer({ min: -4_000_000, max: 40_000_000 })])

const moments = fc.record({
  stepMs: steps,
  nodes: nodeLists,
  registry: weighted(
    [15, fc.constant({ inSight: true, frozen: false })],
    [1, fc.record({ inSight: fc.boolean(), frozen: fc.boolean() })],
  ),
  /** What is worked out is done. */
  obeyed: fc.boolean(),
})

export interface History {
  readonly spec: Spec
  readonly replicas: number
  readonly moments: readonly (typeof moments extends fc.Arbitrary<infer T> ? T : never)[]
  /** The same nodes again, so often: enough for windows to fill. */
  readonly again: number
}

export const histories: fc.Arbitrary<History> = fc.record({
  spec: specs,
  replicas: fc.nat(25),
  moments: fc.array(moments, { minLength: 1, maxLength: 8 }),
  again: fc.constantFrom(0, 0, 0, 5, 5, 70),
})

/** The memory after it, and the last snapshot. `looks`: how often each is looked at. */
export function lived({ spec, replicas, moments: past, again }: History, looks = 1): { memory: Memory; at: Snapshot } {
  const memory = newMemory(MONDAY)
  let at: Snapshot = { now: MONDAY, spec, replicas, nodes: [], registry: { inSight: true, frozen: false } }
  const see = (next: Partial<Snapshot>, stepMs: number): void => {
    at = { ...at, ...next, now: instant(at.now + stepMs) }
    for (let look = 0; look < looks; look += 1) learn(memory, at)
  }
  for (const { stepMs, nodes, registry, obeyed } of past) {
    see({ nodes, registry }, stepMs)
    const { desired } = obeyed ? recommend(memory, at) : { desired: at.replicas }
    if (desired === at.replicas) continue
    noteChange(memory, { at: at.now, from: at.replicas, to: desired })
    at = { ...at, replicas: desired }
  }
  for (let i = 0; i < again; i += 1) see({ nodes: at.nodes.map(node => ({ ...node, beat: node.beat + 1 })) }, 10_000)
  return { memory, at }
}
