// The nodes of a pool, sorted by what they are to it. Pure; for the explanation of a pool and for the table.
import { closedByPool } from '../api/closed-by-pool.ts'
import { startTroubles } from '../api/reasons.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { conditionOf } from '../kube/conditions.ts'

/**
 * `open`: takes rooms. `full`: would, if its load were less. `starting`, `troubled`: not yet, or not without help. `unwell`: did, and
 * does not now. `closed`: by the pool, and can be taken back. `cordoned`: by people; it counts no more. `draining`: deleted.
 */
export const standings = ['open', 'full', 'starting', 'troubled', 'unwell', 'closed', 'cordoned', 'draining'] as const
export type Standing = (typeof standings)[number]

export function standingOf(node: RTCNode): Standing {
  const { metadata, spec, status } = node
  if (metadata.deletionTimestamp !== undefined) return 'draining'
  if (spec.cordoned) return closedByPool(node) === undefined ? 'cordoned' : 'closed'
  const ready = conditionOf(status?.conditions, 'Ready')
  if ((status?.phase ?? 'Pending') === 'Pending') return troubles.has(ready?.reason ?? '') ? 'troubled' : 'starting'
  if (ready?.status !== 'True') return 'unwell'
  if (conditionOf(status?.conditions, 'AdmissionOpen')?.status === 'True') return 'open'
  return ready.reason === 'Shedding' ? 'full' : 'starting'
}

const troubles: ReadonlySet<string> = new Set(startTroubles)

export type Members = Readonly<Record<Standing, readonly RTCNode[]>>

export function membersOf(nodes: readonly RTCNode[]): Members {
  const sorted = [...nodes].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const members = Object.fromEntries(standings.map(standing => [standing, [] as RTCNode[]])) as Record<
    Standing,
    RTCNode[]
  >
  for (const node of sorted) members[standingOf(node)].push(node)
  return members
}
