// Our policy: the RTCAutoscaler's own code, and a pool. What the controller and the keeper of loads do with what the cluster and
// the registry tell them, this does with the simulated world; every judgement is theirs.
import { type Instant, monotonic } from '../ambient/clock.ts'
import type { RTCAutoscalerSpec } from '../api/rtcautoscaler-spec.ts'
import { learn, newMemory, noteChange, recommend } from '../autoscaler/deciding/core.ts'
import type { NodeSample } from '../autoscaler/learning/snapshot.ts'
import { hear, loadTerms, miss, type NodeLoad, unheard } from '../load/node-load.ts'
import { add, emptyPool, hasRisen, type Share, shareOf, takeAway } from '../load/pool-load.ts'
import { isHeard } from './beats.ts'
import type { Policy, Scaler, Seen } from './policy.ts'
import { type PoolTerms, poolFleet } from './pool-fleet.ts'
import type { SimNode } from './sim-node.ts'

const TICK_SECONDS = 10
/** Shapes of the hour and the day count after three periods at the earliest; load and latency are learned within hours. */
const WARM_UP_DAYS = { Apply: 7, Recommend: 1 } as const

/** One decision that changed the size, for the report. */
export interface Decided {
  readonly now: Instant
  readonly from: number
  readonly to: number
  readonly why: string
  readonly limits: readonly string[]
}

export const ours = (
  name: string,
  spec: RTCAutoscalerSpec,
  pool: PoolTerms,
  tell: (decided: Decided) => void = () => {},
): Policy => ({
  name,
  warmUpSeconds: WARM_UP_DAYS[spec.forecast.mode] * 86_400,
  fleet: () => poolFleet(pool),
  scaler(startsAt): Scaler {
    const memory = newMemory(startsAt)
    const loads = loadsOf(spec)
    return {
      wanted(seen) {
        const { now, replicas, step, stepSeconds } = seen
        const isUrgent = loads.hear(seen)
        if (step % Math.max(1, TICK_SECONDS / stepSeconds) !== 0 && !isUrgent) return undefined
        const registry = { inSight: !seen.registryIsOut, frozen: false }
        const snapshot = { now, spec, replicas, nodes: loads.samples(seen), registry }
        learn(memory, snapshot)
        const { desired, why, limits } = recommend(memory, snapshot)
        if (desired === replicas) return undefined
        noteChange(memory, { at: now, from: replicas, to: desired })
        tell({ now, from: replicas, to: desired, why, limits })
        return desired
      },
    }
  },
})

interface Kept {
  readonly node: SimNode
  readonly load: NodeLoad
  /** The last beat that was taken in. */
  taken: number
  share: Share | undefined
  readonly sample: { -readonly [K in keyof NodeSample]: NodeSample[K] }
}

/** As operator/load/loads.ts, with the simulated nodes in the place of registry and cluster. */
function loadsOf(spec: RTCAutoscalerSpec) {
  const terms = loadTerms(spec)
  const sum = emptyPool()
  const bySlot: (Kept | undefined)[] = []
  const list: NodeSample[] = []

  function keptOf(node: SimNode): Kept {
    const before = bySlot[node.slot]
    if (before?.node === node) return before
    if (before?.share !== undefined) takeAway(sum, before.share)
    const { name } = node
    const sample = { name, shape: '', supply: 'starting', waitedForHost: node.host.readyAt > node.createdAt } as const
    const kept: Kept = {
      node,
      load: unheard(),
      taken: 0,
      share: undefined,
      sample: { ...sample, heard: false, beat: 0, reading: undefined },
    }
    bySlot[node.slot] = kept
    return kept
  }

  function recount(kept: Kept): void {
    if (kept.share !== undefined) takeAway(sum, kept.share)
    kept.share = kept.node.phase === 'open' ? shareOf(kept.load) : undefined
    if (kept.share !== undefined) add(sum, kept.share)
  }

  function take(kept: Kept, seen: Seen): void {
    const { node, load } = kept
    const before = load.admission.admission
    hear(load, node.telemetry.heartbeat, terms, monotonic(seen.step * seen.stepSeconds * 1_000))
    kept.taken = node.telemetry.beat
    recount(kept)
    if (load.admission.admission !== before) obey(kept, seen.rank)
  }

  return {
    /** Takes in all new beats; gives whether the pool may need more. */
    hear(seen: Seen): boolean {
      for (const node of seen.nodes) {
        if (node.phase === 'starting') continue
        const kept = keptOf(node)
        if (kept.taken !== node.telemetry.beat) take(kept, seen)
        else if (kept.load.heard && !isHeard(node, seen.step, seen.stepSeconds)) {
          miss(kept.load)
          recount(kept)
        }
      }
      return hasRisen(sum, spec.watermarks)
    },
    samples({ nodes }: Seen): readonly NodeSample[] {
      list.length = 0
      for (const node of nodes) {
        const { sample, load } = keptOf(node)
        sample.supply = node.phase === 'gone' ? 'leaving' : node.phase
        sample.heard = load.heard
        sample.beat = load.beat
        sample.reading = load.reading
        list.push(sample)
      }
      return list
    },
  }
}

function obey({ node, load }: Kept, rank: Seen['rank']): void {
  const { admission, weight, joinsPerSecond = Number.POSITIVE_INFINITY } = load.admission.admission
  node.admits = admission === 'open'
  node.weight = weight
  node.joinsPerSecond = joinsPerSecond
  rank(node)
}
