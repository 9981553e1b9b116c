// What the pool needs now, before behavior and bounds: the steps of the algorithm up to its size, and what may ask for more than
// the formula. Pure; learn.ts notes it for the windows, recommend.ts decides from it.

import { passedAt } from '../learning/passage.ts'
import type { Snapshot } from '../learning/snapshot.ts'
import { type Course, lowered, raised, towards } from './course.ts'
import { type Demand, demandOf } from './demand.ts'
import { type Expected, expectedOf } from './forecast.ts'
import type { Memory } from './memory.ts'
import { type SafePressure, safePressureOf } from './safe-pressure.ts'
import { type Bounds, boundsOf } from './schedule.ts'
import { type Size, sizeOf } from './size.ts'
import { type Fallback, fallbackOf, type Sight, sightOf } from './telemetry.ts'

/** How much there is. */
export interface Load {
  readonly safe: SafePressure
  readonly demand: Demand
  readonly sight: Sight
}

/** How much that needs. */
export interface Need extends Load {
  readonly expected: Expected
  readonly size: Size
  readonly bounds: Bounds
  readonly fallback: Fallback
  /** By the formula; as many as there are while no node has told its load. */
  readonly recommended: number
  /** The same, or more where something else asks for more. */
  readonly wanted: Course
  /** On the memory's own clock. */
  readonly now: number
}

export function loadOf({ learning }: Memory, at: Snapshot): Load {
  const safe = safePressureOf(learning, at.spec)
  const demand = demandOf(learning, at, safe)
  return { safe, demand, sight: sightOf(at, demand) }
}

export function needOf(memory: Memory, at: Snapshot, load: Load): Need {
  const { learning, sight } = memory
  const now = passedAt(learning.passage, at.now)
  const expected = expectedOf(learning, at, load.demand.load)
  const size = sizeOf(learning, at, load.safe, load.demand, expected)
  const bounds = boundsOf(at.spec, at.now)
  const fallback = fallbackOf(sight, at, load.sight, now)
  const recommended = load.demand.known === 0 ? at.replicas : size.needed
  const wanted = wantedOf(at, load.demand, { recommended, bounds, fallback })
  return { ...load, expected, size, bounds, fallback, recommended, wanted, now }
}

/** More nodes, by a quarter, when fewer than a quarter of them take new rooms. */
const SATURATED = 0.25

function wantedOf(
  at: Snapshot,
  { shedding }: Demand,
  { recommended, bounds, fallback }: Pick<Need, 'recommended' | 'bounds' | 'fallback'>,
): Course {
  const { replicas, registry, spec } = at
  let course = towards(recommended)
  // Each node sheds for itself; only a pool of which most nodes do is too small. What starts is not shedding.
  if (shedding > (1 - SATURATED) * replicas)
    course = raised(course, Math.ceil(replicas * (1 + SATURATED)), 'PoolSaturated')
  // All that is known then is from before.
  if (!registry.inSight) course = lowered(course, replicas, 'TelemetryDegraded')
  course = raised(course, bounds.ideal, 'Scheduled')
  return fallback.on ? raised(course, Math.max(replicas, spec.fallback.replicas ?? 0), fallback.because) : course
}
