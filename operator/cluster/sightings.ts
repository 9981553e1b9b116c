// Which signals are seen at a host, or at a pod, and what they tell of times. Pure; asked by judge.ts. A time that makes
// no sense counts as not told: nobody is hurried by a typing error.
import { fromTimestamp, type Instant, instant, later } from '../ambient/clock.ts'
import type { Host, Pod, PodCondition } from '../api/core.ts'
import { timestamp } from '../api/meta.ts'
import type { HostEvent, NodeClaim, PresentHost } from './host-view.ts'
import { DELETING, nameOf, type Rule, type Signal, TERMINATION_TIMESTAMP } from './signals.ts'

export interface Sighting {
  readonly rule: Rule
  /** When it was announced. */
  readonly since: Instant | undefined
  readonly deadline: Instant | undefined
}

/** One place where a signal was found. */
interface Found {
  readonly at?: Instant | undefined
  /** A deadline that somebody wrote. */
  readonly until?: Instant | undefined
}

/** Clocks differ, but not by more than this. */
const SKEW_MS = 5 * 60_000

/** In the order of the rules. */
export function seenAtHost(view: PresentHost, rules: readonly Rule[], now: Instant): Sighting[] {
  const { creationTimestamp } = view.host.metadata
  return rules
    .flatMap(rule => seen(rule, foundAtHost(rule, view, now), fromTimestamp(creationTimestamp), now))
    .map(sighting => datedBySight(sighting, view.firstSeen))
}

function datedBySight(sighting: Sighting, firstSeen: PresentHost['firstSeen']): Sighting {
  const { rule, deadline } = sighting
  const since = sighting.since ?? (rule.countsFromSight ? firstSeen?.get(nameOf(rule.signal)) : undefined)
  return since === sighting.since ? sighting : { rule, since, deadline: deadlineBy(rule, since, deadline) }
}

export function seenAtPod(pod: Pod, rules: readonly Rule[], now: Instant): Sighting[] {
  const { creationTimestamp } = pod.metadata
  return rules.flatMap(rule => seen(rule, foundAtPod(rule.signal, pod), fromTimestamp(creationTimestamp), now))
}

function seen(rule: Rule, found: readonly Found[], bornAt: Instant | undefined, now: Instant): Sighting[] {
  if (found.length === 0) return []
  const notBefore = bornAt ?? Number.NEGATIVE_INFINITY
  const since = earliest(
    found.map(({ at }) => at).filter(at => at !== undefined && at >= notBefore && at <= now + SKEW_MS),
  )
  const written = earliest(found.map(({ until }) => until).filter(until => until !== undefined && until >= notBefore))
  return [{ rule, since, deadline: deadlineBy(rule, since, written) }]
}

function deadlineBy(
  { kind, deadline }: Rule,
  since: Instant | undefined,
  written: Instant | undefined,
): Instant | undefined {
  if (deadline === undefined || kind === 'Advisory') return undefined
  if (typeof deadline === 'string') return written
  return since === undefined ? undefined : later(since, deadline.afterSeconds * 1_000)
}

export const earliest = (times: readonly (Instant | undefined)[]): Instant | undefined =>
  times
    .filter(at => at !== undefined)
    .reduce<Instant | undefined>((first, at) => (first === undefined || at < first ? at : first), undefined)

function foundAtHost(rule: Rule, { host, nodeClaims, events }: PresentHost, now: Instant): Found[] {
  const { signal } = rule
  switch (signal.source) {
    case 'taint':
      return taintsOf(host)
        .filter(({ key, effect }) => key === signal.key && (signal.effect === undefined || effect === signal.effect))
        .map(({ value, timeAdded }) => ({ at: rule.valueIsTime ? fromSeconds(value) : fromTimestamp(timeAdded) }))
    case 'condition':
      return (host.status?.conditions ?? [])
        .filter(({ type, status }) => type === signal.type && status === signal.status)
        .filter(({ message = '' }) => signal.says === undefined || message.includes(signal.says))
        .map(changedAt)
    case 'nodeClaim':
      return nodeClaims.flatMap(claim => foundAtClaim(signal, claim))
    case 'event':
      return events.filter(event => event.reason === signal.reason && isFresh(rule, event, host, now)).map(firstSeen)
    case 'host':
      return foundAtItself(signal.is, host)
    case 'pod':
      return []
  }
}

function foundAtItself(is: string, host: Host): Found[] {
  if (is === 'Deleting' && host.metadata.deletionTimestamp !== undefined)
    return [{ at: fromTimestamp(host.metadata.deletionTimestamp) }]
  if (is !== 'Unschedulable' || host.spec.unschedulable !== true) return []
  // The field has no time; the taint that Kubernetes adds to it does.
  const taint = taintsOf(host).find(({ key }) => key === 'node.kubernetes.io/unschedulable')
  return [{ at: fromTimestamp(taint?.timeAdded) }]
}

const taintsOf = (host: Host) => host.spec.taints ?? []

function foundAtClaim(signal: Signal & { source: 'nodeClaim' }, { metadata, status }: NodeClaim): Found[] {
  const until = fromText(metadata.annotations?.[TERMINATION_TIMESTAMP])
  const { deletionTimestamp } = metadata
  if (signal.condition === DELETING)
    return deletionTimestamp === undefined ? [] : [{ at: fromTimestamp(deletionTimestamp), until }]
  return (status?.conditions ?? [])
    .filter(it => it.type === signal.condition && it.status === 'True')
    .map(it => ({ ...changedAt(it), until }))
}

function foundAtPod(signal: Signal, { metadata, status }: Pod): Found[] {
  if (signal.source !== 'pod') return []
  // It has the grace in it.
  const until = fromTimestamp(metadata.deletionTimestamp)
  return (status?.conditions ?? [])
    .filter(it => it.type === 'DisruptionTarget' && it.status === 'True' && it.reason === signal.reason)
    .map(it => ({ ...changedAt(it), until }))
}

const changedAt = ({ lastTransitionTime }: PodCondition): Found => ({ at: fromTimestamp(lastTransitionTime) })

const firstSeen = ({ firstTimestamp, eventTime, metadata }: HostEvent): Found => ({
  at: fromTimestamp(firstTimestamp ?? eventTime ?? metadata.creationTimestamp),
})

const lastSeen = ({ series, lastTimestamp, eventTime, metadata }: HostEvent): Instant | undefined =>
  fromTimestamp(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp)

/** Not of an earlier host of that name, and not of long ago. */
function isFresh({ countsForSeconds = 0 }: Rule, event: HostEvent, { metadata }: Host, now: Instant): boolean {
  const at = lastSeen(event)
  const bornAt = fromTimestamp(metadata.creationTimestamp)
  if (at === undefined || at <= now - countsForSeconds * 1_000 || at > now + SKEW_MS) return false
  return bornAt === undefined || at >= bornAt
}

/** Written by hand or by a program, checked by nobody. */
const fromText = (text: string | undefined): Instant | undefined =>
  timestamp.safeParse(text).success ? fromTimestamp(text) : undefined

const fromSeconds = (text: string | undefined): Instant | undefined =>
  text !== undefined && /^\d{1,12}$/.test(text) ? instant(Number(text) * 1_000) : undefined
