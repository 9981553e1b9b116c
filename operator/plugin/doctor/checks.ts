// The table of all checks, in the order in which one rests on the others.
import type { Check, Finding } from './check.ts'
import { clocksCheck } from './clocks.ts'
import { crdsCheck } from './crds.ts'
import type { Evidence } from './evidence.ts'
import { hostsCheck } from './hosts.ts'
import { leaderCheck } from './leader.ts'
import { registryCheck } from './registry.ts'
import { callerCheck, operatorRightsCheck } from './rights.ts'
import { versionsCheck } from './versions.ts'

export const checks: readonly Check[] = [
  crdsCheck,
  callerCheck,
  operatorRightsCheck,
  leaderCheck,
  versionsCheck,
  registryCheck,
  clocksCheck,
  hostsCheck,
]

export interface Examined {
  readonly check: string
  readonly title: string
  readonly findings: readonly Finding[]
}

export const examine = (evidence: Evidence): Examined[] =>
  checks.map(({ name, title, judge }) => ({ check: name, title, findings: judge(evidence) }))

const signs: Readonly<Record<Finding['level'], string>> = {
  ok: '✓',
  note: '•',
  warning: '!',
  problem: '✗',
  unchecked: '?',
}

export function examinedText(examined: readonly Examined[]): string[] {
  return examined.flatMap(({ title, findings }) => [
    title,
    ...findings.flatMap(({ level, says, remedy }) => [
      `  ${signs[level]} ${says}`,
      ...(remedy === undefined ? [] : [`    → ${remedy}`]),
    ]),
  ])
}
