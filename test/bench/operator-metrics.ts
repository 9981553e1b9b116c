// What the operator's own /metrics tell about its calls to the API server. Used where a benchmark explains where time goes, or waits
// until there is nothing more to do.
import { until } from '../cluster/until.ts'
import type { Operator } from '../integration/harness/operator.ts'

interface Calls {
  readonly count: number
  readonly seconds: number
}

/** By verb: how many answers there were, and how long they took in all. */
export function apiCalls(metrics: string): ReadonlyMap<string, Calls> {
  const found = new Map<string, Calls>()
  const lines = metrics.matchAll(/^rest_client_request_duration_seconds_(count|sum)\{verb="(\w+)"[^}]*\} (\S+)$/gm)
  for (const [, part, verb = '', value] of lines) {
    const known = found.get(verb) ?? { count: 0, seconds: 0 }
    found.set(verb, { ...known, [part === 'count' ? 'count' : 'seconds']: Number(value) })
  }
  return found
}

export function callsBetween(before: ReturnType<typeof apiCalls>, after: ReturnType<typeof apiCalls>): string {
  const between = [...after].map(([verb, { count, seconds }]) => {
    const calls = count - (before.get(verb)?.count ?? 0)
    return { verb, calls, meanMs: ((seconds - (before.get(verb)?.seconds ?? 0)) / calls) * 1_000 }
  })
  return between
    .filter(({ calls }) => calls > 0)
    .map(({ verb, calls, meanMs }) => `${verb} ${calls} × ${meanMs.toFixed(0)} ms`)
    .join(', ')
}

/** Resolves when no RTCNode was written for ten seconds: the status of nodes that have just started follows in turns. */
export async function atRest(operator: Operator): Promise<void> {
  let before: string | undefined
  const hasPaused = async (): Promise<boolean> => {
    const now = (await operator.metrics()).match(/^rtcnode_api_requests_total\{.*resource="rtcnodes.*$/gm)?.join()
    const isSame = now === before
    before = now
    return isSame
  }
  await until('the operator to have told all there is to tell', hasPaused, { withinMs: 600_000, everyMs: 10_000 })
}
