// What is known about one node, and how each thing seen in the registry changes it. Pure: the fleet view feeds it, the
// property tests hold it to its laws. A key is a hint: only a value seen to move, under a lease, proves life.
import type { Monotonic } from '../ambient/clock.ts'
import { type Heartbeat, isClosedAndEmpty, isSameWriter, type Writer } from '../api/heartbeat.ts'
import { inPlace } from './in-place.ts'
import type { ParsedRegistration, Rejected } from './parse.ts'
import type { Registration } from './registration.ts'
import type { Sight } from './sight.ts'

export interface NodeRecord {
  readonly present: boolean
  /** Of the key's last change; 0 when it is gone. */
  readonly revision: number
  /** When the key came, or went. */
  readonly since: Monotonic
  /** Of the key as it is now; undefined when it is bound to none. */
  readonly leaseId: string | undefined
  readonly rejected: { readonly because: string; readonly since: Monotonic } | undefined
  /** The latest value that was not rejected and not outdated. */
  readonly value: Value | undefined
  /** Of the key when it got this value; 0 without one. */
  readonly valueRevision: number
  /** When the last beat was seen; undefined when none was. */
  readonly beatAt: Monotonic | undefined
  readonly emptyRun: EmptyRun | undefined
  /** Who has written under this key, newest first. Outlives the key, so that a late writer is known as such. */
  readonly incarnations: readonly Incarnation[]
}

type Value = Exclude<ParsedRegistration, Rejected>

/** Beats in a row that said: nobody here, and nobody new comes. The last `drainingBeats` of them said draining, not closed. */
interface EmptyRun {
  readonly ackIntent: number
  readonly since: Monotonic
  readonly drainingBeats: number
}

type Incarnation = Writer & { readonly seq: number }

export type NodeEvent =
  /** A change that was told as it happened. */
  | ({ readonly type: 'put' } & Written)
  /** It was there when all was read. If we saw the registry until `unseenSince`, a newer value is a beat after that. */
  | ({ readonly type: 'found'; readonly unseenSince: Monotonic | undefined } & Written)
  | { readonly type: 'gone' }

interface Written {
  readonly parsed: ParsedRegistration
  readonly leaseId: string | undefined
  readonly revision: number
}

// Enough for every pod and boot that can still be writing; it bounds what a hostile writer can make us remember.
const REMEMBERED_INCARNATIONS = 8

export function afterEvent(before: NodeRecord | undefined, event: NodeEvent, now: Monotonic): NodeRecord {
  const incarnations = before?.incarnations ?? []
  if (event.type === 'gone') return { ...nothing, present: false, since: now, incarnations }
  const { parsed, leaseId, revision } = event
  if (event.type === 'found' && before?.present && before.revision === revision) return before
  const record: NodeRecord = before?.present
    ? { ...before, leaseId, revision }
    : { ...nothing, present: true, since: now, leaseId, revision, incarnations }
  if (parsed.form === 'rejected') {
    const since = record.rejected?.since ?? now
    return { ...record, rejected: { because: parsed.because, since }, emptyRun: undefined }
  }
  const writers = parsed.form === 'full' ? withBeat(incarnations, parsed.heartbeat) : incarnations
  if (writers === undefined) return { ...record, rejected: undefined }
  const seen = { ...record, rejected: undefined, value: parsed, valueRevision: revision, incarnations: writers }
  if (leaseId === undefined) return { ...seen, emptyRun: undefined }
  if (event.type === 'put') return { ...seen, beatAt: now, emptyRun: extendRun(record, parsed, now) }
  // Beats in between went unseen, so a run of empty ones begins anew.
  return { ...seen, beatAt: event.unseenSince, emptyRun: extendRun(undefined, parsed, now) }
}

const nothing = {
  revision: 0,
  leaseId: undefined,
  rejected: undefined,
  value: undefined,
  valueRevision: 0,
  beatAt: undefined,
  emptyRun: undefined,
} satisfies Partial<NodeRecord>

/** What is kept from then on, in the place of `before`, which nobody else may hold; see in-place.ts. */
export function keep(before: NodeRecord | undefined, after: NodeRecord): NodeRecord {
  const value = keptValue(before?.value, after.value)
  const incarnations = keptWriters(before?.incarnations, after.incarnations)
  return inPlace(before, { ...after, value, incarnations })
}

function keptValue(before: Value | undefined, after: Value | undefined): Value | undefined {
  if (after?.form !== 'full') return after
  const known = before?.form === 'full' ? before : undefined
  return inPlace(known, { ...after, heartbeat: inPlace(known?.heartbeat, after.heartbeat) })
}

const keptWriters = (before: readonly Incarnation[] = [], after: readonly Incarnation[]): readonly Incarnation[] =>
  after.map((writer, index) => {
    const known = before[index]
    return inPlace(known && isSameWriter(known, writer) ? known : undefined, writer)
  })

/**
 * The writers after this beat; undefined when it is none, because its number does not grow or its pod has booted anew
 * since. Two pods under one key are not ordered: whoever wrote last is told, and its podUID shows whose word it is.
 */
function withBeat(
  known: readonly Incarnation[],
  { podUID, bootId, seq }: Heartbeat,
): readonly Incarnation[] | undefined {
  const newest = known.find(writer => writer.podUID === podUID)
  if (newest?.bootId === bootId) {
    return seq > newest.seq ? known.map(writer => (writer === newest ? { podUID, bootId, seq } : writer)) : undefined
  }
  if (known.some(writer => isSameWriter(writer, { podUID, bootId }))) return undefined
  return [{ podUID, bootId, seq }, ...known].slice(0, REMEMBERED_INCARNATIONS)
}

function extendRun(before: NodeRecord | undefined, value: Value, now: Monotonic): EmptyRun | undefined {
  if (value.form !== 'full' || !isClosedAndEmpty(value.heartbeat)) return undefined
  const { state, ackIntent } = value.heartbeat
  if (ackIntent === undefined) return undefined
  const last = before?.value
  const run = last?.form === 'full' && isSameWriter(last.heartbeat, value.heartbeat) ? before?.emptyRun : undefined
  const { since, drainingBeats } = run?.ackIntent === ackIntent ? run : { since: now, drainingBeats: 0 }
  return { ackIntent, since, drainingBeats: state === 'draining' ? drainingBeats + 1 : 0 }
}

export interface Judging {
  readonly sight: Sight
  /** Of the intent as it stands now; undefined when there is none that can be read. */
  readonly intentRevision: number | undefined
  readonly staleAfterMs: number
  readonly now: Monotonic
}

export function judge(
  record: NodeRecord | undefined,
  { sight, intentRevision, staleAfterMs, now }: Judging,
): Registration {
  if (sight.state === 'none') return { state: 'unknown', because: sight.because, forMs: now - sight.since }
  const countedFrom = (at: Monotonic | undefined): number => now - Math.max(at ?? sight.since, sight.since)
  if (!record?.present) return { state: 'absent', forMs: countedFrom(record?.since) }
  const { rejected, value, valueRevision: revision, leaseId, beatAt, emptyRun } = record
  if (rejected) return { state: 'rejected', because: rejected.because, forMs: countedFrom(rejected.since) }
  const ageMs = beatAt !== undefined && beatAt >= sight.since ? now - beatAt : Number.POSITIVE_INFINITY
  if (value === undefined || leaseId === undefined || ageMs > staleAfterMs) {
    const podUID = value?.form === 'full' ? { podUID: value.heartbeat.podUID } : {}
    return { state: 'stale', ...podUID, forMs: countedFrom(beatAt ?? record.since) }
  }
  if (value.form === 'plain') return { state: 'plain', load: value.load, revision, ageMs, leaseId }
  const acknowledged = emptyRun !== undefined && intentRevision !== undefined && emptyRun.ackIntent >= intentRevision
  const empty = acknowledged
    ? { emptySamples: emptyRun.drainingBeats, emptyForMs: countedFrom(emptyRun.since) }
    : { emptySamples: 0, emptyForMs: 0 }
  return { state: 'fresh', heartbeat: value.heartbeat, revision, ageMs, leaseId, ...empty }
}
