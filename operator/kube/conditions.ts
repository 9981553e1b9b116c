// Conditions as Kubernetes' conventions want them: the transition time moves only when the status does.
import { type Instant, toTimestamp } from '../ambient/clock.ts'
import type { Condition } from '../api/meta.ts'

type Finding = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>

export const conditionOf = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find(condition => condition.type === type)

/** The previous conditions with the findings put in; others stay as they are. Sorted by type, so equal findings give equal lists. */
export function withFindings(
  previous: readonly Condition[] | undefined,
  findings: readonly Finding[],
  generation: number | undefined,
  now: Instant,
): Condition[] {
  const byType = new Map((previous ?? []).map(condition => [condition.type, condition]))
  for (const finding of findings) {
    const before = byType.get(finding.type)
    byType.set(finding.type, {
      type: finding.type,
      status: finding.status,
      reason: finding.reason,
      message: finding.message.slice(0, 2_048),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: before?.status === finding.status ? before.lastTransitionTime : toTimestamp(now),
    })
  }
  return [...byType.values()].sort((a, b) => (a.type < b.type ? -1 : 1))
}
