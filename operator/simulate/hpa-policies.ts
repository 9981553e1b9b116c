// What people use today: a HorizontalPodAutoscaler on CPU or on sessions, and KEDA on the participants of all pods; each on a
// Deployment with a grace period. Handed to the world as policies.
import { isHeard } from './beats.ts'
import { deploymentFleet } from './deployment-fleet.ts'
import { fromPods, fromTotal, type HpaMemory, limited, type PodSample, SYNC_SECONDS } from './hpa.ts'
import type { Policy, Scaler, Seen } from './policy.ts'
import type { SimNode } from './sim-node.ts'

export interface Bounds {
  readonly minReplicas: number
  readonly maxReplicas: number
}

type Proposal = (seen: Seen) => number | undefined

const WARM_UP_SECONDS = 4 * 3_600

function hpaPolicy(name: string, graceSeconds: number, bounds: Bounds, propose: () => Proposal): Policy {
  return {
    name,
    warmUpSeconds: WARM_UP_SECONDS,
    fleet: () => deploymentFleet(graceSeconds),
    scaler: () => synced(bounds, propose()),
  }
}

function synced(bounds: Bounds, proposal: Proposal): Scaler {
  const memory: HpaMemory = { proposals: [] }
  return {
    wanted(seen) {
      const { step, stepSeconds, replicas } = seen
      if (step % Math.max(1, SYNC_SECONDS / stepSeconds) !== 0 || seen.registryIsOut) return undefined
      const proposed = proposal(seen)
      return proposed === undefined ? undefined : limited(memory, proposed, replicas, step * stepSeconds, bounds)
    },
  }
}

/** Within the first five minutes a sample must have been taken wholly after the pod was ready. */
const CPU_WINDOW_SECONDS = 30

export const hpaOnCpu = (targetPercent: number, graceSeconds: number, bounds: Bounds): Policy =>
  hpaPolicy(`HPA on CPU ${targetPercent} %, ${grace(graceSeconds)}`, graceSeconds, bounds, () => seen => {
    const isTooNew = (node: SimNode): boolean => (seen.step - node.opensAt) * seen.stepSeconds < CPU_WINDOW_SECONDS
    const pods = samples(seen, ({ cpu = 0 }) => cpu, isTooNew)
    return fromPods(pods, targetPercent, seen.replicas, Math.max(100, targetPercent))
  })

export const hpaOnSessions = (perPod: number, graceSeconds: number, bounds: Bounds): Policy =>
  hpaPolicy(
    `HPA on sessions, ${perPod} a pod, ${grace(graceSeconds)}`,
    graceSeconds,
    bounds,
    () => seen =>
      fromPods(
        samples(
          seen,
          ({ sessions }) => sessions,
          () => false,
        ),
        perPod,
        seen.replicas,
        perPod,
      ),
  )

/** Pods that are being deleted are left out, as the controller does. */
const samples = (
  { nodes, step, stepSeconds }: Seen,
  figure: (heartbeat: SimNode['telemetry']['heartbeat']) => number,
  isTooNew: (node: SimNode) => boolean,
): PodSample[] =>
  nodes
    .filter(({ phase }) => phase === 'starting' || phase === 'open')
    .map(node => {
      if (node.phase === 'starting' || isTooNew(node)) return { state: 'unready' }
      return isHeard(node, step, stepSeconds)
        ? { state: 'ready', value: figure(node.telemetry.heartbeat) }
        : { state: 'missing' }
    })

/** Prometheus goes on with the last value of a series that is not scraped any more, for so long. */
const LOOKBACK_SECONDS = 300

type Keda = (participantsPerPod: number, graceSeconds: number, bounds: Bounds) => Policy

/** The sum over all pods, those that are being deleted among them: `sum(participants)` does not tell them apart. */
export const keda: Keda = (participantsPerPod, graceSeconds, bounds) =>
  hpaPolicy(
    `KEDA, ${participantsPerPod} participants a pod, ${grace(graceSeconds)}`,
    graceSeconds,
    bounds,
    () => seen =>
      fromTotal(
        sessionsOn(seen, () => true),
        participantsPerPod,
        Math.max(1, seen.replicas),
      ),
  )

/** The same by somebody who has taken the trouble to leave out pods that are being deleted. */
export const kedaOnServing: Keda = (participantsPerPod, graceSeconds, bounds) =>
  hpaPolicy(
    `KEDA, ${participantsPerPod} participants a serving pod, ${grace(graceSeconds)}`,
    graceSeconds,
    bounds,
    () => seen => {
      const total = sessionsOn(seen, ({ phase }) => phase !== 'closed')
      return fromTotal(total, participantsPerPod, Math.max(1, seen.replicas))
    },
  )

function sessionsOn({ nodes, step, stepSeconds }: Seen, counts: (node: SimNode) => boolean): number {
  let total = 0
  for (const node of nodes) {
    const { heardAt, heartbeat } = node.telemetry
    if ((step - heardAt) * stepSeconds <= LOOKBACK_SECONDS && counts(node)) total += heartbeat.sessions
  }
  return total
}

const grace = (seconds: number): string =>
  seconds >= 3_600 ? `${seconds / 3_600} h grace` : `${seconds / 60} min grace`
