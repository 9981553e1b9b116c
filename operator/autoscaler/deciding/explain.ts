// The one line that goes with every decision: where the number comes from, in figures that anybody can put into the formula
// again, and what turned it aside. Pure; asked by recommend.ts.
import type { Instant } from '../../ambient/clock.ts'
import type { AutoscalerReason } from '../../api/reasons.ts'
import type { Snapshot } from '../learning/snapshot.ts'
import type { Course } from './course.ts'
import type { Need } from './need.ts'
import { freshShare } from './telemetry.ts'

/** As long as status.lastDecision.why may be. */
const MOST_CHARACTERS = 512

/** `12→15: load 5.9k × 1.31 (minute :58) / (1000 × 0.52), 3 reopened`; when a limit applies, what the formula says and the limit. */
export function explain(at: Snapshot, need: Need, { replicas: to, limits }: Course): string {
  const { demand, recommended } = need
  const formula = demand.known === 0 ? 'no node has told its load yet' : formulaOf(at.now, need)
  const reopened = Math.min(to - at.replicas, demand.closed)
  const parts = [
    limits.length > 0 && demand.known > 0 ? `${formula} = ${recommended}` : formula,
    ...limits.map(limit => phrases[limit]?.(at, need) ?? limit),
    ...(reopened > 0 ? [`${reopened} reopened`] : []),
  ]
  const change = to === at.replicas ? `${to}` : `${at.replicas}→${to}`
  return `${change}: ${parts.join(', ')}`.slice(0, MOST_CHARACTERS)
}

function formulaOf(now: Instant, { demand, expected, size, safe }: Need): string {
  const silent = demand.unseen > 0 ? ` + ${units(demand.unseen)} of silent nodes` : ''
  const closed = demand.draining > 0 ? ` − ${units(demand.draining)} on closed nodes` : ''
  const load = `load ${units(demand.load)}${factor(now, demand.load, expected)}${silent}${closed}`
  const sum = silent === '' && closed === '' ? load : `(${load})`
  const warm = size.warm > 0 ? ` + ${size.warm} warm` : ''
  return `${sum} / (${size.capacity < 100 ? digits(size.capacity) : Math.round(size.capacity)} × ${digits(safe.mean)})${warm}`
}

function factor(now: Instant, load: number, { demand, by }: Need['expected']): string {
  const times = digits(demand / load)
  if (by === 'now' || !(demand > load) || times === '1') return ''
  const clock = new Date(now).toISOString()
  const shapes = { trend: 'trend', hour: `minute :${clock.slice(14, 16)}`, day: `day ${clock.slice(11, 16)}` }
  return ` × ${times} (${shapes[by]})`
}

const digits = (value: number): string => String(Number(value.toPrecision(3)))

function units(value: number): string {
  if (value >= 999_500) return `${digits(value / 1e6)}M`
  return value >= 999.5 ? `${digits(value / 1_000)}k` : digits(value)
}

type Phrase = (at: Snapshot, need: Need) => string

const phrases: Partial<Record<AutoscalerReason, Phrase>> = {
  MinReplicas: (_, { bounds }) => `not below minReplicas ${bounds.min}`,
  MaxReplicas: (_, { bounds }) => `not above maxReplicas ${bounds.max}`,
  Scheduled: (_, { bounds }) =>
    `schedule "${bounds.idealBy ?? bounds.minBy}" asks for ${Math.max(bounds.ideal, bounds.min)}`,
  ScaleUpPolicy: () => 'behavior.scaleUp lets it rise no faster',
  ScaleDownPolicy: () => 'behavior.scaleDown lets it fall no faster',
  ScaleUpWindow: ({ spec }) => `not needed for all of ${spec.behavior.scaleUp.stabilizationWindowSeconds} s`,
  ScaleDownWindow: ({ spec }) => `more was needed in the last ${spec.behavior.scaleDown.stabilizationWindowSeconds} s`,
  Tolerance: () => 'less than the tolerance',
  TooFullAfter: (_, { size }) => `${size.kept} are worth keeping`,
  TelemetryDegraded: ({ registry }, { demand }) =>
    registry.inSight ? `only ${percent(demand)} of the pool reports` : 'the registry is out of sight',
  RegistryFrozen: ({ registry, spec }) =>
    registry.frozen
      ? 'many nodes vanished from the registry or fell silent in it at once'
      : `not watched for ${spec.behavior.scaleDown.stabilizationWindowSeconds} s yet`,
  InvalidSchedule: (_, { bounds }) => bounds.complaints[0] ?? 'a schedule cannot be read',
  PoolSaturated: ({ replicas }, { demand }) => `${demand.shedding} of ${replicas} nodes take no new rooms`,
  FewReport: (_, { demand }) => `fallback, only ${percent(demand)} of the pool reports`,
  RegistryOutOfSight: () => 'fallback, the registry is out of sight',
}

const percent = (demand: Need['demand']): string => `${Math.floor(100 * (freshShare(demand) ?? 0))} %`
