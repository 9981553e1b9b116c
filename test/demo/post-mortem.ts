// What is told when the story does not go on: how pool and nodes are, in their own words, and what the operator complained about.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isGone, messageOf, phaseOf, reasonOf } from './node-seen.ts'
import type { Look } from './observer.ts'

const LAST_COMPLAINTS = 5

export function postMortem(look: Look | undefined, clusterFolder: string): string[] {
  const there = look?.nodes.filter(seen => !isGone(seen)) ?? []
  return [
    ...(look?.pool?.status?.conditions ?? []).map(
      ({ type, status, reason, message }) => `pool: ${type}=${status}, ${reason}: ${message}`,
    ),
    ...there.map(
      seen => `${seen.name}: ${phaseOf(seen)}, ${reasonOf(seen)}: ${messageOf(seen) ?? 'nothing more is said'}`,
    ),
    ...complaints(join(clusterFolder, 'operator.log')).slice(-LAST_COMPLAINTS),
  ]
}

function complaints(logPath: string): string[] {
  try {
    const lines = readFileSync(logPath, 'utf8').split('\n')
    return lines.filter(line => /"level":"(warn|error)"/.test(line)).map(line => `operator: ${line.slice(0, 400)}`)
  } catch {
    return ['the operator was not started']
  }
}
