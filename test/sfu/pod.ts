// One pod of the simulated fleet: an SFU, its agent, and as much of a kubelet as a drain needs – preStop, SIGTERM, and the
// exit that lets the fake node's pod go.

import type { Pod } from '../../operator/api/core.ts'
import type { Heartbeat } from '../../operator/api/heartbeat.ts'
import { type ObjectKey, type OwnerReference, objectKey } from '../../operator/api/meta.ts'
import type { KnownIntent } from '../../operator/registry/registration.ts'
import { type SharedParts, type SimulatedAgent, startAgent } from './agent.ts'
import type { LedgerWriter } from './ledger.ts'
import { type SimulatedSfu, simulatedSfu } from './sfu.ts'

export interface SimulatedPod {
  readonly node: ObjectKey
  readonly sfu: SimulatedSfu
  seeIntent(intent: KnownIntent): void
  /** The pod was deleted and its grace period runs, as kubelet sees it. */
  terminate(): void
  /** The pod is gone, or has failed: whoever was still on it is cut. */
  vanish(how: 'cut' | 'fault', cause: string): void
  /** The agent dies; the SFU and its calls live. */
  silence(): void
  /** No later intent reaches the agent. */
  ignoreIntents(): void
  /** Puts this in place of heartbeats. */
  write(rawValue: string): void
  /** A new agent, and an SFU that answers: every fault but a crash is over. */
  recover(): void
}

export interface PodDeps {
  readonly ledger: LedgerWriter
  readonly shared: Omit<SharedParts, 'heartbeatSeconds' | 'leaseTtlSeconds'>
  /** Tells kwok that the SFU has ended. */
  readonly markExited: (pod: Pod) => Promise<void>
}

/** What the operator wrote for the agent of a pod. */
const environmentOf = ({ spec }: Pod): ReadonlyMap<string, string> => {
  const variables = (spec.initContainers ?? []).flatMap(({ env }) => (env ?? []) as { name: string; value?: string }[])
  return new Map(variables.map(({ name, value = '' }) => [name, value]))
}

const ownerOf = ({ metadata }: Pod): OwnerReference | undefined =>
  metadata.ownerReferences?.find(({ controller, kind }) => controller && kind === 'RTCNode')

/** By its owner before its label, because a label can be taken off while people are on the pod. */
const nameOf = (pod: Pod): string | undefined => ownerOf(pod)?.name ?? pod.metadata.labels?.['rtcnode.io/node']

export const isOfNode = (pod: Pod): boolean => nameOf(pod) !== undefined

export const nodeOf = (pod: Pod): ObjectKey => objectKey(nameOf(pod) ?? '', pod.metadata.namespace)

export function simulatedPod(
  pod: Pod,
  firstIntent: KnownIntent,
  { ledger, shared, markExited }: PodDeps,
): SimulatedPod {
  const node = nodeOf(pod)
  const podUID = pod.metadata.uid
  const environment = environmentOf(pod)
  let intent = firstIntent
  let rawValue: string | undefined
  let ignoresIntents = false
  let phase: 'running' | 'stopping' | 'told to end' | 'ended' = 'running'

  const sfu = simulatedSfu({ node, nodeUID: ownerOf(pod)?.uid ?? podUID, podUID }, ledger, () => {
    agent?.beatNow()
    endWhenEmpty()
  })
  let agent: SimulatedAgent | undefined = newAgent()

  function newAgent(): SimulatedAgent {
    const started = startAgent({
      node,
      podUID,
      graceSeconds: pod.spec.terminationGracePeriodSeconds ?? 30,
      address: pod.status?.podIP,
      adapter: sfu.adapter,
      valueOf: (heartbeat: Heartbeat) => rawValue ?? JSON.stringify(heartbeat),
      shared: {
        ...shared,
        heartbeatSeconds: Number(environment.get('RTCNODE_HEARTBEAT_SECONDS') ?? 3),
        leaseTtlSeconds: Number(environment.get('RTCNODE_LEASE_TTL_SECONDS') ?? 10),
      },
    })
    started.seeIntent(ignoresIntents ? { state: 'absent' } : intent)
    return started
  }

  /** After SIGTERM an SFU goes on until the last one has left, as LiveKit does. Else its grace period ends it. */
  function endWhenEmpty(): void {
    if (phase !== 'told to end' || sfu.isHanging || sfu.reported > 0) return
    phase = 'ended'
    const ending = agent?.stop()
    agent = undefined
    void Promise.resolve(ending).then(() => markExited(pod))
  }

  function sigterm(): void {
    if (phase === 'stopping') phase = 'told to end'
    endWhenEmpty()
  }

  return {
    node,
    sfu,
    seeIntent(next) {
      intent = next
      if (!ignoresIntents) agent?.seeIntent(next)
    },
    terminate() {
      if (phase !== 'running') return
      phase = 'stopping'
      // An agent that is dead refuses the connection, and kubelet goes on as if there were no preStop.
      if (agent) void agent.preStop().then(sigterm)
      else sigterm()
    },
    vanish(how, cause) {
      phase = 'ended'
      sfu.endAll(how, cause)
      agent?.kill()
      agent = undefined
    },
    silence() {
      agent?.kill()
      agent = undefined
      sigterm()
    },
    ignoreIntents() {
      ignoresIntents = true
    },
    write(value) {
      rawValue = value
      agent?.beatNow()
    },
    recover() {
      if (phase === 'ended') return
      rawValue = undefined
      ignoresIntents = false
      sfu.hang(false)
      sfu.neverEmpty(false)
      agent?.kill()
      agent = newAgent()
      if (phase === 'stopping') void agent.preStop().then(sigterm)
      endWhenEmpty()
    },
  }
}
