// What the fleet view remembers: nodes, intents, flags, and the keys that are missed. Pure bookkeeping without a clock of
// its own; the fleet view feeds it what it watches.
import type { Monotonic } from '../ambient/clock.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { RegistryChange, RegistryEntry } from './change.ts'
import { afterEvent, keep, type NodeEvent, type NodeRecord } from './fleet-state.ts'
import type { Census } from './freeze.ts'
import { readIntent } from './intents.ts'
import { parseKey, type RegistryKey } from './keys.ts'
import { parseRegistration, type RejectionCause } from './parse.ts'
import type { KnownIntent } from './registration.ts'

// After that long in plain sight without a key, its node is dead and no longer missed: a freeze must end by itself.
const MISSED_FOR_MS = 600_000
const MAX_FLAG_BYTES = 256

type StandingIntent = Extract<KnownIntent, { revision: number }>

export interface FleetContents {
  /** Records change in place. */
  readonly nodes: ReadonlyMap<ObjectKey, NodeRecord>
  readonly intents: ReadonlyMap<ObjectKey, StandingIntent>
  readonly flags: ReadonlyMap<string, string>
  counts(): { readonly present: number; readonly rejected: number; readonly missing: number }
  census(ttlMs: number, now: Monotonic): Pick<Census, 'present' | 'missing' | 'vanishedLately'>
  /** Looks at every node. Silent is who has a lease, and was not heard for longer than `afterMs`. */
  silence(afterMs: number, ttlMs: number, now: Monotonic): Pick<Census, 'silent' | 'silencedLately'>
  /** Takes `entries` for all there is. `unseenSince`: the moment until which nothing was missed, if there is one. */
  replace(entries: readonly RegistryEntry[], unseenSince: Monotonic | undefined, now: Monotonic): void
  /** Gives the node that the change is about. */
  apply(change: RegistryChange, now: Monotonic): ObjectKey | undefined
  forget(node: ObjectKey): void
  /** Drops what went so long ago that nobody asks; the registry has been in sight since `sightSince`. */
  expire(sightSince: Monotonic, now: Monotonic): void
}

export function fleetContents(prefix: string, onRejected: (cause: RejectionCause) => void): FleetContents {
  const nodes = new Map<ObjectKey, NodeRecord>()
  const intents = new Map<ObjectKey, StandingIntent>()
  const flags = new Map<string, string>()
  /** When keys went that were not told to. */
  const missing = new Map<ObjectKey, Monotonic>()
  /** Keys that are still there though their RTCNode is gone. */
  const forgotten = new Set<ObjectKey>()
  /** What the keys that are there are about: taken apart once, not with each beat. */
  const meanings = new Map<string, RegistryKey>()
  let present = 0
  let rejected = 0

  function see(node: ObjectKey, event: NodeEvent, now: Monotonic): void {
    const before = nodes.get(node)
    const after = afterEvent(before, event, now)
    present += Number(after.present) - Number(before?.present ?? false)
    rejected += Number(after.rejected !== undefined) - Number(before?.rejected !== undefined)
    if (after.present) missing.delete(node)
    else if (before?.present && !forgotten.delete(node) && !wasToldToLeave(node)) missing.set(node, now)
    const kept = keep(before, after)
    if (kept !== before) nodes.set(node, kept)
  }

  function meaningOf(key: string): RegistryKey | undefined {
    const known = meanings.get(key)
    if (known) return known
    const meaning = parseKey(prefix, key)
    if (meaning) meanings.set(key, meaning)
    return meaning
  }

  function wasToldToLeave(node: ObjectKey): boolean {
    const intent = intents.get(node)
    return intent?.state === 'known' && intent.intent.drain?.stage === 'leave'
  }

  function written({ value, leaseId, revision }: RegistryEntry) {
    const parsed = parseRegistration(value)
    if (parsed.form === 'rejected') onRejected(parsed.cause)
    return { parsed, leaseId, revision }
  }

  function setIntent(node: ObjectKey, entry: RegistryEntry): void {
    const intent = readIntent(entry)
    if (intent.state === 'unreadable') onRejected('invalid')
    intents.set(node, intent)
  }

  function setFlag(name: string, { value }: RegistryEntry): void {
    if (value.length <= MAX_FLAG_BYTES) flags.set(name, new TextDecoder().decode(value))
    else flags.delete(name)
  }

  function put(key: RegistryKey, entry: RegistryEntry, now: Monotonic): void {
    if (key.kind === 'node') see(key.node, { type: 'put', ...written(entry) }, now)
    else if (key.kind === 'intent') setIntent(key.node, entry)
    else setFlag(key.name, entry)
  }

  function remove(key: RegistryKey, now: Monotonic): void {
    if (key.kind === 'node') see(key.node, { type: 'gone' }, now)
    else if (key.kind === 'intent') intents.delete(key.node)
    else flags.delete(key.name)
  }

  return {
    nodes,
    intents,
    flags,
    counts: () => ({ present, rejected, missing: missing.size }),
    census(ttlMs, now) {
      let vanishedLately = 0
      for (const since of missing.values()) if (now - since <= ttlMs) vanishedLately += 1
      return { present, missing: missing.size, vanishedLately }
    },
    silence(afterMs, ttlMs, now) {
      let silent = 0
      let silencedLately = 0
      for (const [node, record] of nodes) {
        // Who writes what cannot be read is heard, too.
        if (!record.present || record.leaseId === undefined || record.rejected || forgotten.has(node)) continue
        const forMs = now - (record.beatAt ?? record.since)
        if (forMs <= afterMs || forMs > MISSED_FOR_MS) continue
        silent += 1
        if (forMs <= afterMs + ttlMs) silencedLately += 1
      }
      return { silent, silencedLately }
    },
    replace(entries, unseenSince, now) {
      meanings.clear()
      const known = entries.map(entry => ({ entry, key: meaningOf(entry.key) }))
      const vanished = new Set([...nodes].filter(([, record]) => record.present).map(([node]) => node))
      for (const { entry, key } of known) {
        if (key?.kind !== 'node') continue
        vanished.delete(key.node)
        see(key.node, { type: 'found', unseenSince, ...written(entry) }, now)
      }
      // Before the intents are replaced: when etcd lost its data they went too, and still say who was to leave.
      for (const node of vanished) see(node, { type: 'gone' }, now)
      intents.clear()
      flags.clear()
      for (const { entry, key } of known) if (key && key.kind !== 'node') put(key, entry, now)
    },
    apply(change, now) {
      const name = change.type === 'put' ? change.entry.key : change.key
      const key = meaningOf(name)
      if (!key) return undefined
      if (change.type === 'put') put(key, change.entry, now)
      else {
        meanings.delete(name)
        remove(key, now)
      }
      return key.kind === 'flag' ? undefined : key.node
    },
    forget(node) {
      missing.delete(node)
      if (nodes.get(node)?.present) forgotten.add(node)
      else nodes.delete(node)
    },
    expire(sightSince, now) {
      const old = (at: Monotonic): boolean => now - Math.max(at, sightSince) > MISSED_FOR_MS
      for (const [node, since] of missing) if (old(since)) missing.delete(node)
      for (const [node, record] of nodes) if (!record.present && old(record.since)) nodes.delete(node)
    },
  }
}
