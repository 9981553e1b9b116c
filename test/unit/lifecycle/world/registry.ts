// A simulated etcd: keys under leases, intents with revisions, outages, and the views that operators have of it. What a
// view concludes is the real judgement of operator/registry.
import { type Instant, type Monotonic, monotonic } from '../../../../operator/ambient/clock.ts'
import type { Heartbeat } from '../../../../operator/api/heartbeat.ts'
import type { Intent } from '../../../../operator/api/intent.ts'
import type { ObjectKey } from '../../../../operator/api/meta.ts'
import { splitKey } from '../../../../operator/api/meta.ts'
import { IntentConflictError, RegistryError } from '../../../../operator/registry/errors.ts'
import type { FleetView } from '../../../../operator/registry/fleet.ts'
import { afterEvent, judge, type NodeRecord } from '../../../../operator/registry/fleet-state.ts'
import type { IntentWriter } from '../../../../operator/registry/intents.ts'
import type { KnownIntent } from '../../../../operator/registry/registration.ts'
import { heardAgain, noSightYet, type Sight, sightAt } from '../../../../operator/registry/sight.ts'

const TTL_MS = 10_000

interface Key {
  readonly heartbeat: Heartbeat
  readonly since: number
  readonly leaseUntil: number
  readonly revision: number
}
type KeyEvent = { readonly name: string; readonly heartbeat: Heartbeat | undefined; readonly revision: number }
type IntentEvent = { readonly name: string; readonly intent: Intent | undefined; readonly revision: number }

export interface Registry {
  up: boolean
  key(name: string): Key | undefined
  intent(name: string): { readonly intent: Intent; readonly revision: number } | undefined
  readonly keys: ReadonlyMap<string, Key>
  readonly intents: ReadonlyMap<string, { readonly intent: Intent; readonly revision: number }>
  readonly events: readonly (KeyEvent | IntentEvent)[]
  put(name: string, heartbeat: Heartbeat): void
  keepAlive(name: string, podUID: string): void
  remove(name: string, podUID: string): void
  writeIntent(name: string, intent: Intent | undefined, expect: number | 'absent'): { revision: number }
  expire(): void
  /** Frozen for longer than the leases: at once all are gone, though their owners live. Or all begin anew. */
  resume(leases: 'expired' | 'renewed'): void
}

export function registry(now: () => Instant): Registry {
  const keys = new Map<string, Key>()
  const intents = new Map<string, { intent: Intent; revision: number }>()
  const events: (KeyEvent | IntentEvent)[] = []
  let revision = 0

  function gone(name: string): void {
    keys.delete(name)
    events.push({ name, heartbeat: undefined, revision: ++revision })
  }
  const self: Registry = {
    up: true,
    keys,
    intents,
    events,
    key: name => keys.get(name),
    intent: name => intents.get(name),
    put(name, heartbeat) {
      keys.set(name, {
        heartbeat,
        since: keys.get(name)?.since ?? now(),
        leaseUntil: now() + TTL_MS,
        revision: ++revision,
      })
      events.push({ name, heartbeat, revision })
    },
    keepAlive(name, podUID) {
      const key = keys.get(name)
      if (key?.heartbeat.podUID === podUID) keys.set(name, { ...key, leaseUntil: now() + TTL_MS })
    },
    remove(name, podUID) {
      if (keys.get(name)?.heartbeat.podUID === podUID) gone(name)
    },
    writeIntent(name, intent, expect) {
      if (!self.up) throw new RegistryError('write', 'refused', 'down')
      const found = intents.get(name)?.revision ?? 'absent'
      if (found !== expect) throw new IntentConflictError(`media/${name}` as ObjectKey, expect, found)
      revision++
      if (intent === undefined) intents.delete(name)
      else intents.set(name, { intent, revision })
      events.push({ name, intent, revision })
      return { revision }
    },
    expire() {
      if (!self.up) return
      for (const [name, key] of keys) if (key.leaseUntil < now()) gone(name)
    },
    resume(leases) {
      self.up = true
      if (leases === 'expired') for (const name of keys.keys()) gone(name)
      else for (const [name, key] of keys) keys.set(name, { ...key, leaseUntil: now() + TTL_MS })
    },
  }
  return self
}

export interface RegistryView {
  readonly fleet: FleetView
  /** Hears of everything so far, as long as the registry answers. */
  catchUp(): void
}

/** What one operator process sees of the registry; it begins by reading all. */
export function registryView(etcd: Registry, now: () => Instant): RegistryView {
  const records = new Map<string, NodeRecord>()
  const intents = new Map<string, KnownIntent>()
  let next = 0
  const clock = (): Monotonic => monotonic(now())
  let sight: Sight = noSightYet(clock())
  const lease = '1'

  function readAll(): void {
    for (const [name, { heartbeat, revision }] of etcd.keys) {
      const parsed = { form: 'full', heartbeat } as const
      records.set(
        name,
        afterEvent(undefined, { type: 'found', unseenSince: undefined, parsed, leaseId: lease, revision }, clock()),
      )
    }
    for (const [name, intent] of etcd.intents) intents.set(name, { state: 'known', ...intent })
    next = etcd.events.length
  }

  function hear(event: KeyEvent | IntentEvent): void {
    const { name, revision } = event
    if ('intent' in event) {
      if (event.intent === undefined) intents.delete(name)
      else intents.set(name, { state: 'known', intent: event.intent, revision })
      return
    }
    const change =
      event.heartbeat === undefined
        ? ({ type: 'gone' } as const)
        : ({ type: 'put', parsed: { form: 'full', heartbeat: event.heartbeat }, leaseId: lease, revision } as const)
    records.set(name, afterEvent(records.get(name), change, clock()))
  }

  const seesIt = (): boolean => sightAt(sight, clock()).state === 'clear'
  const fleet: Pick<FleetView, 'registration' | 'intent' | 'forget'> = {
    registration(key) {
      const name = splitKey(key).name
      const standing = intents.get(name)
      const intentRevision = standing?.state === 'known' ? standing.revision : undefined
      const seen = { sight: sightAt(sight, clock()), intentRevision, staleAfterMs: 9_000, now: clock() }
      return judge(records.get(name), seen)
    },
    intent: key => (seesIt() ? (intents.get(splitKey(key).name) ?? { state: 'absent' }) : { state: 'unknown' }),
    forget: () => undefined,
  }
  return {
    fleet: fleet as FleetView,
    catchUp() {
      if (!etcd.up) return
      if (sight.state === 'none' && next === 0) readAll()
      sight = heardAgain(sight, clock())
      while (next < etcd.events.length) hear(etcd.events[next++]!)
    },
  }
}

export const intentsOf = (etcd: Registry, onWrite: (name: string) => void): IntentWriter => ({
  claim: () => Promise.resolve(),
  async write(key, intent, expect) {
    const { name } = splitKey(key)
    onWrite(name)
    return etcd.writeIntent(name, intent, expect === 'absent' ? 'absent' : expect.revision)
  },
  async remove(key, expect) {
    const { name } = splitKey(key)
    onWrite(name)
    if (etcd.intent(name) !== undefined) etcd.writeIntent(name, undefined, expect.revision)
  },
})
