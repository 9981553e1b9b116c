// What the signals seen at a host mean together. Pure; asked by hosts.ts at each change.
import type { Instant } from '../ambient/clock.ts'
import type { Pod } from '../api/core.ts'
import type { Disruption, DisruptionKind } from './disruption.ts'
import type { HostView } from './host-view.ts'
import { isGoing } from './reaction.ts'
import { earliest, type Sighting, seenAtHost, seenAtPod } from './sightings.ts'
import { nameOf, type Rule, sentenceOf } from './signals.ts'

const strengthOf: Readonly<Record<DisruptionKind, number>> = { Advisory: 0, Planned: 1, Imminent: 2 }

/** Total. Of several signals the strongest names kind and reason, and the earliest deadline holds. */
export function disruptionOf(view: HostView, rules: readonly Rule[], now: Instant): Disruption | undefined {
  switch (view.state) {
    case 'Unknown':
      return undefined
    case 'Gone': {
      const rule = rules.find(({ signal }) => signal.source === 'host' && signal.is === 'Gone')
      return rule && inWords({ rule, since: view.at, deadline: undefined })
    }
    case 'Present':
      return strongest(seenAtHost(view, rules, now).map(inWords))
  }
}

/** What the cluster does to a pod while its host may stay. */
export const disruptionOfPod = (pod: Pod, rules: readonly Rule[], now: Instant): Disruption | undefined =>
  strongest(seenAtPod(pod, rules, now).map(inWords))

/** Several of them as one; of equally strong ones the first names the reason. */
export function strongest(all: readonly (Disruption | undefined)[]): Disruption | undefined {
  const known = all.filter(it => it !== undefined)
  const [first, ...others] = known.toSorted((a, b) => strengthOf[b.kind] - strengthOf[a.kind])
  if (first === undefined || others.length === 0) return first
  const decided = known.filter(isGoing)
  const also = [...new Set(others.map(({ reason }) => reason))].filter(reason => reason !== first.reason)
  return {
    ...first,
    message: also.length === 0 ? first.message : `${first.message}; also ${also.join(', ')}`,
    deadline: earliest(decided.map(({ deadline }) => deadline)),
    since: earliest((decided.length === 0 ? known : decided).map(({ since }) => since)),
  }
}

const inWords = ({ rule, since, deadline }: Sighting): Disruption => ({
  kind: rule.kind,
  reason: rule.reason,
  by: rule.by,
  message: `${sentenceOf(rule)} (${nameOf(rule.signal)})`,
  deadline,
  since,
})
