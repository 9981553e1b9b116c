// All that is read of one host at one moment, and the kinds that are read besides the Node itself. Made by hosts.ts from its
// caches; judged by judge.ts.
import type { Instant } from '../ambient/clock.ts'
import type { Host, PodCondition } from '../api/core.ts'
import type { KubeObject } from '../api/meta.ts'
import { coreEventType } from '../kube/events.ts'
import type { ResourceType } from '../kube/resource.ts'
import type { Indexes } from '../kube/store.ts'
import { TERMINATION_TIMESTAMP } from './signals.ts'

/** Karpenter's record of one machine; of a product that may not be installed. */
export interface NodeClaim extends KubeObject {
  readonly status?: {
    /** Absent until the machine has joined. */
    readonly nodeName?: string
    readonly conditions?: readonly PodCondition[]
  }
}

export const nodeClaimType: ResourceType<NodeClaim> = {
  apiVersion: 'karpenter.sh/v1',
  kind: 'NodeClaim',
  plural: 'nodeclaims',
  namespaced: false,
}

/** An Event about a host, of those who write the old form (all that we look for) and the new one. */
export interface HostEvent extends KubeObject {
  readonly reason?: string
  readonly involvedObject: { readonly kind?: string; readonly name?: string }
  readonly firstTimestamp?: string | null
  readonly lastTimestamp?: string | null
  readonly eventTime?: string | null
  readonly series?: { readonly lastObservedTime?: string }
}

export const hostEventType: ResourceType<HostEvent> = coreEventType
/** Where events about what has no namespace are kept, and which of them are about hosts. */
export const hostEvents = {
  namespace: 'default',
  fieldSelector: 'involvedObject.kind=Node',
  name: 'HostEvent',
} as const

/** Name of the index that the caches of both must have. */
export const byHost = 'host'
export const nodeClaimIndexes: Indexes<NodeClaim> = { [byHost]: claim => present(claim.status?.nodeName) }
export const hostEventIndexes: Indexes<HostEvent> = { [byHost]: event => present(event.involvedObject.name) }

const present = (name: string | undefined): string[] => (name === undefined || name === '' ? [] : [name])

/** What is kept of one in memory. */
export function keptOfNodeClaim({ apiVersion, kind, metadata, status }: NodeClaim): NodeClaim {
  const { annotations, labels: _, ownerReferences: __, ...rest } = metadata
  const deadline = annotations?.[TERMINATION_TIMESTAMP]
  const { nodeName, conditions } = status ?? {}
  return {
    apiVersion,
    kind,
    metadata: { ...rest, ...(deadline !== undefined && { annotations: { [TERMINATION_TIMESTAMP]: deadline } }) },
    status: { ...(nodeName !== undefined && { nodeName }), ...(conditions !== undefined && { conditions }) },
  }
}

/** What is kept of one in memory: not its words. */
export function keptOfHostEvent(event: HostEvent): HostEvent {
  const { apiVersion, kind, metadata, reason, firstTimestamp, lastTimestamp, eventTime, series } = event
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion, creationTimestamp },
    ...(reason !== undefined && { reason }),
    involvedObject: {
      kind: 'Node',
      ...(event.involvedObject.name !== undefined && { name: event.involvedObject.name }),
    },
    firstTimestamp: firstTimestamp ?? null,
    lastTimestamp: lastTimestamp ?? null,
    eventTime: eventTime ?? null,
    ...(series !== undefined && { series }),
  }
}

/** A host that is not known is no host that is gone: the cache may be behind. */
export type HostView =
  | { readonly state: 'Unknown' }
  | { readonly state: 'Gone'; readonly at: Instant }
  | {
      readonly state: 'Present'
      readonly host: Host
      readonly nodeClaims: readonly NodeClaim[]
      readonly events: readonly HostEvent[]
      /** Of signals that do not tell when they came, by name (signals.ts). */
      readonly firstSeen?: ReadonlyMap<string, Instant>
    }

export type PresentHost = Extract<HostView, { readonly state: 'Present' }>
