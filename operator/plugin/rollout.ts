// The roll-outs of a pool: what was, how far it is, and what an undo would do. Pure, over the pool and its ControllerRevisions;
// carried out by rollout-command.ts.
import { isDeepStrictEqual } from 'node:util'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodePool, RTCNodeTemplate } from '../api/rtcnodepool.ts'
import { conditionOf } from '../kube/conditions.ts'
import { revisionOf } from '../pool/census.ts'
import { type ControllerRevision, newestFirst, type Recorded, recordedIn } from '../pool/revision.ts'
import { poolRemedies, remedyFor } from './remedies.ts'
import { counted, listed } from './words.ts'

export interface HistoryRow {
  readonly revision: number
  /** `<hash of the template>-<hash of the class>`. */
  readonly name: string
  /** RFC 3339. */
  readonly recordedAt: string
  /** `update`: nodes are made from it now. `current`: the last that was rolled out whole. `pinned`: by an undo. */
  readonly is: readonly ('current' | 'update' | 'pinned')[]
  readonly nodes: number
  /** Against the one before it, a line a field; “the class” when the template is the same. */
  readonly changes: readonly string[]
  readonly template: RTCNodeTemplate
}

/** Oldest first, as `kubectl rollout history` does. */
export function historyOf(
  pool: RTCNodePool,
  records: readonly ControllerRevision[],
  nodes: readonly RTCNode[],
): HistoryRow[] {
  const { pinnedRevision } = pool.spec.strategy
  const { currentRevision, updateRevision } = pool.status ?? {}
  const recorded = newestFirst(records.flatMap(record => recordedIn(record) ?? [])).toReversed()
  return recorded.map(({ number, name, template, record }, index) => ({
    revision: number,
    name,
    recordedAt: record.metadata.creationTimestamp,
    is: [
      ...(name === updateRevision ? (['update'] as const) : []),
      ...(name === currentRevision ? (['current'] as const) : []),
      ...(number === pinnedRevision ? (['pinned'] as const) : []),
    ],
    nodes: nodes.filter(node => revisionOf(node) === name).length,
    changes: changesSince(recorded[index - 1], template),
    template,
  }))
}

function changesSince(before: Recorded | undefined, template: RTCNodeTemplate): string[] {
  if (before === undefined) return []
  const changes = differencesOf(before.template, template)
  return changes.length === 0 ? ['the class'] : changes
}

/** `spec.region: "a" → "b"`, for each field in which they differ. */
export function differencesOf(a: unknown, b: unknown, path = ''): string[] {
  if (isDeepStrictEqual(a, b)) return []
  if (isObject(a) && isObject(b)) {
    const fields = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
    return fields.flatMap(field => differencesOf(a[field], b[field], path === '' ? field : `${path}.${field}`))
  }
  return [`${path}: ${shown(a)} → ${shown(b)}`]
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const shown = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value))

export type Undo =
  | { readonly do: 'pin'; readonly revision: number; readonly says: string }
  | { readonly do: 'nothing'; readonly says: string }
  | { readonly do: 'refuse'; readonly says: string; readonly remedy: string }

/** `to`: a number of the history; undefined: the newest before the present one that had another template. */
export function undoOf(pool: RTCNodePool, history: readonly HistoryRow[], to: number | undefined): Undo {
  const { name } = pool.metadata
  const present = history.find(({ is }) => is.includes('update'))
  const number = to ?? history.findLast(row => goesBefore(row, present))?.revision
  const target = history.find(({ revision }) => revision === number)
  if (target === undefined) {
    const numbers = history.map(({ revision }) => String(revision))
    return {
      do: 'refuse',
      says:
        to === undefined
          ? `no revision of pool ${name} before the present one has another template`
          : `pool ${name} has no revision ${to}`,
      remedy:
        numbers.length === 0
          ? 'nothing is recorded yet: the operator records what it makes nodes from'
          : `there ${numbers.length === 1 ? 'is' : 'are'} ${listed(numbers, 20)}: kubectl rtc rollout history ${name}; what was changed in the class is undone in the class`,
    }
  }
  if (pool.spec.strategy.pinnedRevision === target.revision)
    return { do: 'nothing', says: `pool ${name} is pinned to revision ${target.revision} already` }
  if (present !== undefined && isDeepStrictEqual(target.template, present.template)) {
    return target.revision === present.revision
      ? { do: 'nothing', says: `nodes of pool ${name} are made from revision ${target.revision} already` }
      : {
          do: 'refuse',
          says: `revision ${target.revision} has the same template as what nodes are made from now (revision ${present.revision}); they differ in the class`,
          remedy: `a record is of the template alone: undo it in RTCNodeClass ${present.template.spec.className}`,
        }
  }
  return {
    do: 'pin',
    revision: target.revision,
    says: `pool ${name} goes back to revision ${target.revision}; nodes of it that still empty are reopened, spec.template waits. When spec.template is right again: kubectl rtc rollout unpin ${name}`,
  }
}

const goesBefore = (row: HistoryRow, present: HistoryRow | undefined): boolean =>
  present === undefined || (row.revision < present.revision && !isDeepStrictEqual(row.template, present.template))

export interface Progress {
  /** `held`: somebody holds it, and it will not go on by itself. `stuck`: it needs somebody. */
  readonly state: 'complete' | 'under-way' | 'held' | 'stuck'
  readonly says: string
  readonly remedy?: string
}

const holds: ReadonlySet<string> = new Set(['Paused', 'HeldBack'])

export function progressOf(pool: RTCNodePool): Progress {
  const { metadata, spec, status } = pool
  const progressing = conditionOf(status?.conditions, 'Progressing')
  if (status === undefined || progressing === undefined || status.observedGeneration !== metadata.generation)
    return { state: 'under-way', says: 'waiting for the operator to look at the last change of the pool' }
  const { reason, message } = progressing
  const names = { name: metadata.name, className: spec.template.spec.className }
  const remedy = remedyFor(poolRemedies[reason as keyof typeof poolRemedies], names)
  const told = { says: `${reason}: ${message}`, ...(remedy === undefined ? {} : { remedy }) }
  if (conditionOf(status.conditions, 'Stalled')?.status === 'True') return { state: 'stuck', ...told }
  if (holds.has(reason)) return { state: 'held', ...told }
  if (conditionOf(status.conditions, 'Reconciling')?.status === 'True') return { state: 'under-way', ...told }
  const draining = status.drainingReplicas
  const rest = draining === 0 ? '' : `; ${counted(draining, 'old node')} may still empty`
  return { state: 'complete', says: `${reason}: ${message}${rest}` }
}
