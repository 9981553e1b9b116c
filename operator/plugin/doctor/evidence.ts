// Everything that the doctor looks at, gathered once (gather.ts) and judged by the checks. What could not be read is a value too: it
// says why, so that no check takes silence for health.
import type { Instant } from '../../ambient/clock.ts'
import type { Host, Pod } from '../../api/core.ts'
import type { CustomResourceDefinition } from '../../api/crd.ts'
import type { RTCAutoscaler } from '../../api/rtcautoscaler.ts'
import type { RTCNode } from '../../api/rtcnode.ts'
import type { RTCNodeClass } from '../../api/rtcnodeclass.ts'
import type { RTCNodePool } from '../../api/rtcnodepool.ts'
import type { Lease } from '../../kube/leader.ts'

export type Known<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly because: string }

/** As the API server has it. */
export interface InstalledCrd extends CustomResourceDefinition {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[]
  }
}

/** What somebody may do, as RBAC says it. */
export interface Right {
  readonly group: string
  /** With its subresource: `pods/status`. */
  readonly resource: string
  readonly verb: string
  /** Absent: everywhere, or the kind has none. */
  readonly namespace?: string
  /** Absent: all of them. */
  readonly name?: string
}

export interface Asked {
  readonly right: Right
  readonly allowed: boolean
}

/** The Lease of the leader, and whether it was renewed while it was watched: times written in it are by another clock. */
export interface WatchedLease {
  readonly lease: Lease
  readonly watchedMs: number
  /** The first renewal that was seen, and the API server's time then. */
  readonly renewed?: { readonly lease: Lease; readonly seenAt: Instant }
}

/** What one operator says of itself. */
export interface OperatorHealth {
  readonly pod: string
  /** The lines of /readyz, `[+]registry ok` or `[-]registry failed: …`. */
  readonly ready: Known<readonly string[]>
  readonly registryFrozen: Known<boolean>
  /** Since the registry was last heard; undefined: never. */
  readonly registryAgeSeconds: Known<number | undefined>
  /** Unix time when its client certificate for the registry ends; undefined: it has none. */
  readonly certificateEndsAtSeconds: Known<number | undefined>
}

/** The first lines of the log of an SFU. */
export interface SfuLog {
  readonly host: string
  readonly pod: string
  readonly lines: Known<readonly string[]>
}

export interface Evidence {
  /** This program. */
  readonly version: string
  readonly crds: readonly CustomResourceDefinition[]
  /** Where the caller looks, and where the operator is. */
  readonly namespace: string
  readonly operatorNamespace: string
  /** The API server's clock, and how far the clock of this machine is ahead of it. */
  readonly now: Instant
  readonly aheadMs: Known<number>
  readonly serverVersion: Known<string>
  /** By name; undefined: it is not there. */
  readonly installedCrds: Readonly<Record<string, Known<InstalledCrd | undefined>>>
  readonly callerRights: Known<readonly Asked[]>
  /** Undefined: there is none. */
  readonly lease: Known<WatchedLease | undefined>
  readonly operatorPods: Known<readonly Pod[]>
  /** Of the service account of the operator. */
  readonly operatorRights: Known<{ readonly account: string; readonly asked: readonly Asked[] }>
  readonly operators: readonly OperatorHealth[]
  readonly pools: Known<readonly RTCNodePool[]>
  readonly nodes: Known<readonly RTCNode[]>
  readonly autoscalers: Known<readonly RTCAutoscaler[]>
  readonly classes: Known<readonly RTCNodeClass[]>
  readonly hosts: Known<readonly HostRead[]>
  readonly hostLeases: Known<readonly Lease[]>
  readonly sfuLogs: readonly SfuLog[]
}

export interface HostRead extends Host {
  readonly status?: NonNullable<Host['status']> & {
    readonly nodeInfo?: { readonly kubeletVersion?: string; readonly kernelVersion?: string }
  }
}
