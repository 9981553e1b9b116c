// A pool in a box: people, rooms and nodes as plain numbers, scaled by the pure core every ten seconds. For the tests of what a
// run of decisions must be like; it is no model of an SFU.
import { type Instant, instant } from '../../../operator/ambient/clock.ts'
import type { RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import {
  learn,
  type Memory,
  newMemory,
  noteChange,
  type Recommendation,
  recommend,
} from '../../../operator/autoscaler/deciding/core.ts'
import type { NodeSample, Snapshot } from '../../../operator/autoscaler/learning/snapshot.ts'
import { aReading, MONDAY } from './learning/build.ts'

export const CAPACITY = 1_000
const TICK_MS = 10_000
const STARTS_IN_MS = 60_000
/** Closed nodes empty by half in a quarter of an hour. */
const STAYS_PER_TICK = 0.5 ** (TICK_MS / 900_000)

/** mulberry32: a seed replays a run. */
export function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

interface ToyNode {
  readonly name: string
  supply: 'open' | 'starting' | 'closed'
  readonly madeAt: number
  load: number
}

export interface ToyPool {
  now: Instant
  replicas: number
  readonly nodes: ToyNode[]
  memory: Memory
  readonly changes: { readonly at: Instant; readonly from: number; readonly to: number; readonly why: string }[]
  readonly made: { count: number }
  last: Recommendation | undefined
}

export interface Conditions {
  readonly spec: RTCAutoscaler['spec']
  /** Units, at a moment counted in milliseconds from the start. */
  readonly demand: (ms: number) => number
  /** How nodes differ: a factor for each reading. Default: not at all. */
  readonly stray?: () => number
  /** Latency ÷ goal at a pressure. Default: not told. */
  readonly quality?: (pressure: number, ms: number) => number
  readonly heard?: (index: number, ms: number) => boolean
  readonly registry?: (ms: number) => Snapshot['registry']
}

export function toyPool(replicas: number): ToyPool {
  const nodes = Array.from({ length: replicas }, (_, i) => toyNode(`n${i}`, 'open', 0))
  const made = { count: replicas }
  return { now: MONDAY, replicas, nodes, memory: newMemory(MONDAY), changes: [], made, last: undefined }
}

const toyNode = (name: string, supply: ToyNode['supply'], madeAt: number): ToyNode => ({
  name,
  supply,
  madeAt,
  load: 0,
})

/** Lets it run for so many minutes. */
export function run(pool: ToyPool, minutes: number, conditions: Conditions): ToyPool {
  const end = pool.now + minutes * 60_000
  while (pool.now < end) {
    pool.now = instant(pool.now + TICK_MS)
    live(pool, conditions.demand(pool.now - MONDAY))
    const at = seen(pool, conditions)
    learn(pool.memory, at)
    pool.last = recommend(pool.memory, at)
    if (pool.last.desired !== pool.replicas) scale(pool, pool.last)
  }
  return pool
}

function live(pool: ToyPool, demand: number): void {
  for (const node of pool.nodes) {
    if (node.supply === 'starting' && pool.now - node.madeAt >= STARTS_IN_MS) node.supply = 'open'
    if (node.supply === 'closed') node.load *= STAYS_PER_TICK
  }
  const gone = pool.nodes.filter(({ supply, load }) => supply === 'closed' && load < 1)
  for (const node of gone) pool.nodes.splice(pool.nodes.indexOf(node), 1)
  const draining = pool.nodes.reduce((sum, { supply, load }) => sum + (supply === 'closed' ? load : 0), 0)
  const open = pool.nodes.filter(({ supply }) => supply === 'open')
  for (const node of open) node.load = Math.max(0, demand - draining) / open.length
}

function seen(pool: ToyPool, { spec, stray, quality, heard, registry }: Conditions): Snapshot {
  const ms = pool.now - MONDAY
  const nodes = pool.nodes.map(({ name, supply, load }, index): NodeSample => {
    const pressure = (load / CAPACITY) * (stray?.() ?? 1)
    const told = quality?.(pressure, ms)
    const joins = told === undefined ? {} : { joins: 5, quality: told, joinLatencyP99Ms: told * 1_500 }
    const reading = aReading({ pressure, units: pressure * CAPACITY, rooms: undefined, ...joins })
    const isHeard = supply !== 'starting' && (heard?.(index, ms) ?? true)
    const beat = pool.now
    return {
      name,
      shape: 'a',
      supply,
      waitedForHost: false,
      heard: isHeard,
      beat,
      reading: supply === 'starting' ? undefined : reading,
    }
  })
  return {
    now: pool.now,
    spec,
    replicas: pool.replicas,
    nodes,
    registry: registry?.(ms) ?? { inSight: true, frozen: false },
  }
}

function scale(pool: ToyPool, { desired, why }: Recommendation): void {
  const change = { at: pool.now, from: pool.replicas, to: desired }
  noteChange(pool.memory, change)
  pool.changes.push({ ...change, why })
  pool.replicas = desired
  const counted = (): ToyNode[] => pool.nodes.filter(({ supply }) => supply !== 'closed')
  for (const node of pool.nodes.filter(({ supply }) => supply === 'closed'))
    if (counted().length < desired) node.supply = 'open'
  while (counted().length < desired) pool.nodes.push(toyNode(`n${pool.made.count++}`, 'starting', pool.now))
  for (const node of counted().toSorted((a, b) => a.load - b.load))
    if (counted().length > desired) node.supply = 'closed'
}
