// `kubectl rtc doctor`: gathers, examines, prints.
import type { Cluster } from '../cluster.ts'
import { type ExitCode, FINE, FOUND } from '../errors.ts'
import { answer, type Output } from '../output.ts'
import { counted } from '../words.ts'
import { isFound, type Level } from './check.ts'
import { examine, examinedText } from './checks.ts'
import { gather, type Where } from './gather.ts'

export async function doctor(cluster: Cluster, output: Output, where: Where): Promise<ExitCode> {
  const examined = examine(await gather(cluster, where))
  const findings = examined.flatMap(it => it.findings)
  const count = (level: Level): number => findings.filter(it => it.level === level).length
  const [problems, warnings, unchecked] = [count('problem'), count('warning'), count('unchecked')]
  answer(output, { problems, warnings, unchecked, checks: examined }, () => [
    ...examinedText(examined),
    '',
    `${counted(problems, 'problem')}, ${counted(warnings, 'warning')}; ${unchecked === 0 ? 'all was checked' : `${unchecked} could not be checked (?)`}`,
  ])
  return findings.some(isFound) ? FOUND : FINE
}
