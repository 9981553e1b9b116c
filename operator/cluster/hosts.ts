// What hosts announce, as it is now: kept from the caches of Nodes, NodeClaims and Events, and asked by lifecycle, pool and
// protection. Nothing is remembered but that a host went, and since when a signal is there that does not tell; so what is taken
// back is as if it had never been.
import type { Clock, Instant } from '../ambient/clock.ts'
import type { Host } from '../api/core.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { Cache } from '../kube/cache.ts'
import type { ServerClock } from '../kube/server-clock.ts'
import type { Disruption, HostSignals } from './disruption.ts'
import { byHost, type HostEvent, type HostView, type NodeClaim } from './host-view.ts'
import { disruptionOf, disruptionOfPod } from './judge.ts'
import { seenAtHost } from './sightings.ts'
import { nameOf, type Rule } from './signals.ts'

export interface HostSignalsDeps {
  readonly hostCache: Cache<Host>
  /** Must have the index of host-view.ts, as that of events must. */
  readonly nodeClaimCache: Cache<NodeClaim>
  readonly hostEventCache: Cache<HostEvent>
  readonly rules: readonly Rule[]
  readonly clock: Clock
  readonly serverClock: ServerClock
}

/** That a host went is known for so long: pods that were on it are collected within minutes. */
const GONE_FOR_MS = 3_600_000
/** How late it may be noticed that an event has become too old. */
const LOOK_EVERY_MS = 10_000
/** Of a broken installation of Karpenter nothing may ever be read, and calls must not wait for that. */
const READ_WITHIN_MS = 30_000

export function hostSignals(deps: HostSignalsDeps): HostSignals {
  const { hostCache, nodeClaimCache, hostEventCache, rules, clock, serverClock } = deps
  const current = new Map<string, Disruption>()
  const gone = new Map<string, Instant>()
  const listeners = new Set<(hostName: string) => void>()
  /** Hosts whose answer changes with time alone. */
  const ageing = new Set<string>()
  const reasons = new Set(rules.flatMap(({ signal }) => (signal.source === 'event' ? [signal.reason] : [])))
  const undated = rules.filter(({ countsFromSight }) => countsFromSight)
  const firstSeen = new Map<string, ReadonlyMap<string, Instant>>()
  const startedAt = clock.monotonic()
  let willLook = false

  const now = (): Instant => serverClock.now() ?? clock.wall()

  function viewOf(name: string): HostView {
    const host = hostCache.get(name as ObjectKey)
    const goneAt = gone.get(name)
    if (host === undefined) return goneAt === undefined ? { state: 'Unknown' } : { state: 'Gone', at: goneAt }
    return {
      state: 'Present',
      host,
      nodeClaims: nodeClaimCache.byIndex(byHost, name),
      events: hostEventCache.byIndex(byHost, name).filter(({ reason = '' }) => reasons.has(reason)),
    }
  }

  /** As it is, with the time of what does not tell its own. */
  function dated(name: string, view: HostView): HostView {
    if (undated.length === 0 || view.state !== 'Present') return view
    const before = firstSeen.get(name)
    const signals = seenAtHost(view, undated, now()).filter(({ since }) => since === undefined)
    const names = signals.map(({ rule }) => nameOf(rule.signal))
    const since = new Map(names.map(signal => [signal, before?.get(signal) ?? now()]))
    if (since.size === 0) firstSeen.delete(name)
    else firstSeen.set(name, since)
    return { ...view, firstSeen: since }
  }

  function look(name: string): void {
    const view = viewOf(name)
    if (view.state === 'Gone' || (view.state === 'Present' && view.events.length > 0)) age(name)
    else ageing.delete(name)
    const before = current.get(name)
    const found = disruptionOf(dated(name, view), rules, now())
    if (JSON.stringify(found) === JSON.stringify(before)) return
    if (found === undefined) current.delete(name)
    else current.set(name, found)
    for (const listener of listeners) listener(name)
  }

  function age(name: string): void {
    ageing.add(name)
    if (willLook) return
    willLook = true
    clock.after(LOOK_EVERY_MS, () => {
      willLook = false
      const tooOld = now() - GONE_FOR_MS
      for (const [host, at] of gone) if (at < tooOld) gone.delete(host)
      for (const host of ageing) look(host)
    })
  }

  hostCache.onChange(({ key, old, new: host }) => {
    if (host !== undefined) gone.delete(key)
    else if (old !== undefined) gone.set(key, now())
    if (old?.metadata.uid !== host?.metadata.uid) firstSeen.delete(key)
    look(key)
  })
  nodeClaimCache.onChange(({ old, new: claim }) => {
    for (const name of new Set([old?.status?.nodeName, claim?.status?.nodeName])) if (name) look(name)
  })
  hostEventCache.onChange(({ old, new: event }) => {
    const { reason = '', involvedObject } = event ?? old ?? {}
    if (reasons.has(reason) && involvedObject?.name) look(involvedObject.name)
  })

  return {
    of: name => current.get(name),
    announced: () => current.keys(),
    ofPod: pod => disruptionOfPod(pod, rules, now()),
    ready() {
      const isLate = clock.monotonic() - startedAt > READ_WITHIN_MS
      return hostCache.synced && (isLate || (nodeClaimCache.synced && hostEventCache.synced))
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
