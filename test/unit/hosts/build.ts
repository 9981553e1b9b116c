// Hosts, NodeClaims and Events for the tests of what hosts announce.
import { type Instant, instant, toTimestamp } from '../../../operator/ambient/clock.ts'
import type { Host, PodCondition, Taint } from '../../../operator/api/core.ts'
import type { KubeObject, Uid } from '../../../operator/api/meta.ts'
import type { HostEvent, HostView, NodeClaim } from '../../../operator/cluster/host-view.ts'
import { DELETING, type Rule, TERMINATION_TIMESTAMP } from '../../../operator/cluster/signals.ts'

export const NOW = instant(Date.UTC(2030, 0, 1, 12))
export const inSeconds = (seconds: number): Instant => instant(NOW + seconds * 1_000)
export const at = (seconds: number): string => toTimestamp(inSeconds(seconds))
/** As Cluster Autoscaler writes it. */
export const unixAt = (seconds: number): string => String(inSeconds(seconds) / 1_000)

/** Before now. */
export const BORN = -86_400

let version = 0
const metadata = (name: string, change: Partial<KubeObject['metadata']> = {}): KubeObject['metadata'] => ({
  name,
  uid: `uid-of-${name}` as Uid,
  resourceVersion: String(++version),
  creationTimestamp: at(BORN),
  ...change,
})

export interface HostTraits {
  readonly taints?: readonly Taint[]
  readonly unschedulable?: boolean
  readonly conditions?: readonly PodCondition[]
  readonly metadata?: Partial<KubeObject['metadata']>
}

export const aHost = (traits: HostTraits = {}, name = 'h'): Host => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: metadata(name, traits.metadata),
  spec: {
    ...(traits.unschedulable !== undefined && { unschedulable: traits.unschedulable }),
    ...(traits.taints !== undefined && { taints: traits.taints }),
  },
  status: { conditions: traits.conditions ?? [] },
})

export const aTaint = (key: string, more: Partial<Taint> = {}): Taint => ({ key, effect: 'NoSchedule', ...more })

export const aCondition = (type: string, more: Partial<PodCondition> = {}): PodCondition => ({
  type,
  status: 'True',
  lastTransitionTime: at(-60),
  ...more,
})

export interface ClaimTraits {
  readonly nodeName?: string
  readonly conditions?: readonly PodCondition[]
  readonly deletedAt?: number
  /** As the annotation has it. */
  readonly deadline?: string
}

export const aClaim = ({ nodeName, conditions = [], deletedAt, deadline }: ClaimTraits, name = 'claim'): NodeClaim => ({
  apiVersion: 'karpenter.sh/v1',
  kind: 'NodeClaim',
  metadata: metadata(name, {
    ...(deletedAt !== undefined && { deletionTimestamp: at(deletedAt) }),
    ...(deadline !== undefined && { annotations: { [TERMINATION_TIMESTAMP]: deadline } }),
  }),
  status: { ...(nodeName !== undefined && { nodeName }), conditions },
})

export const anEvent = (reason: string, seconds: number, host = 'h', name = reason.toLowerCase()): HostEvent => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: metadata(name, { namespace: 'default', creationTimestamp: at(seconds) }),
  reason,
  involvedObject: { kind: 'Node', name: host },
  firstTimestamp: at(seconds),
  lastTimestamp: at(seconds),
  eventTime: null,
})

export const seen = (
  host: Host,
  nodeClaims: readonly NodeClaim[] = [],
  events: readonly HostEvent[] = [],
): HostView => ({
  state: 'Present',
  host,
  nodeClaims,
  events,
})

/** A host that shows what the rule looks for, and nothing else. */
export function hostShowing({ signal }: Rule): HostView {
  switch (signal.source) {
    case 'taint':
      return seen(aHost({ taints: [aTaint(signal.key, { effect: signal.effect ?? 'NoSchedule' })] }))
    case 'condition': {
      const { type, status, says } = signal
      const message = says === undefined ? {} : { message: `the node is ${says} now` }
      return seen(aHost({ conditions: [aCondition(type, { status: status as 'True', ...message })] }))
    }
    case 'nodeClaim':
      return seen(aHost(), [
        aClaim(
          signal.condition === DELETING
            ? { nodeName: 'h', deletedAt: -30 }
            : { nodeName: 'h', conditions: [aCondition(signal.condition)] },
        ),
      ])
    case 'event':
      return seen(aHost(), [], [anEvent(signal.reason, -5)])
    case 'host':
      if (signal.is === 'Gone') return { state: 'Gone', at: inSeconds(-5) }
      return seen(
        signal.is === 'Unschedulable'
          ? aHost({ unschedulable: true })
          : aHost({ metadata: { deletionTimestamp: at(-5) } }),
      )
    case 'pod':
      return seen(aHost())
  }
}
