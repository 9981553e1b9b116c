// The steps of a plan that take nodes away: they are closed first, which can be undone, and deleted when nobody is there. Each
// needs to know how many people it is about; whatever is not known keeps a node.
import { fromTimestamp, type Instant, later, toTimestamp } from '../ambient/clock.ts'
import { type ClosingReason, closedByPool } from '../api/closed-by-pool.ts'
import { isGoing } from '../cluster/reaction.ts'
import { isOpening, type Judged } from './census.ts'
import { replacedOf } from './going.ts'
import { limitOf, type Replaceable, replaceable } from './rollout.ts'
import { picked } from './scale-out.ts'
import { type Finding, isRegistryTrusted, type Situation } from './situation.ts'
import { type Candidate, inVictimOrder, isProtected, loadOf, neverServed } from './victims.ts'
import type { Picked, Plan } from './view.ts'

const nothing: Finding = {}

/** Nodes of older revisions go as those of the update revision take rooms. */
export function replaceOld(at: Situation): Finding {
  const { census, rollout } = at
  const may = replaceable(census, rollout)
  if (may.nodes === 0) return nothing
  if (!isRegistryTrusted(at)) return { inhibited: { because: 'RegistryFrozen', nodes: may.nodes } }
  const { chosen, held } = choose(closedFirst(at), may)
  const unknown = chosen.length < may.nodes ? held.length : 0
  return {
    ...removing(at, chosen, 'RollOut'),
    held,
    ...(unknown === 0 ? {} : { inhibited: { because: 'LoadUnknown', nodes: unknown } }),
  }
}

function* closedFirst({ view, rollout: { candidates } }: Situation): Generator<Candidate, void> {
  yield* inVictimOrder(
    view,
    candidates.filter(({ open }) => !open),
  )
  yield* inVictimOrder(
    view,
    candidates.filter(({ open }) => open),
  )
}

/** Nodes on hosts that go leave as others take their place; whose host goes first, first. */
export function closeGoing(at: Situation): Finding {
  const { view, census } = at
  const may = replacedOf(view.pool.spec.replicas, census)
  if (may === 0) return nothing
  if (!isRegistryTrusted(at)) return { inhibited: { because: 'RegistryFrozen', nodes: may } }
  const free = census.counted.filter(({ member, going, inVain }) => going && !inVain && !isProtected(member.node))
  const { chosen, held } = choose(inVictimOrder(view, free), { nodes: may, open: 0 })
  return {
    ...removing(at, chosen, 'HostGoing'),
    held,
    ...(chosen.length < may && held.length > 0 ? { inhibited: { because: 'LoadUnknown', nodes: held.length } } : {}),
  }
}

/** Never below replicas open: what does not take rooms yet, or any more, goes before what does. */
export function closeExcess(at: Situation): Finding {
  const { view, census, rollout } = at
  const excess = census.counted.length - limitOf(view, census, rollout)
  if (excess <= 0) return nothing
  if (!isRegistryTrusted(at)) return { inhibited: { because: 'RegistryFrozen', nodes: excess } }
  const free = census.counted.filter(({ member }) => !isProtected(member.node))
  // Somebody is there, and it takes no rooms only for this moment: once it does, whoever has the fewest people goes.
  const settled = free.filter(judged => !isOpening(judged) || (loadOf(judged.member)?.sessions ?? 0) === 0)
  const mayWait = settled.length >= excess
  const may = { nodes: excess, open: Math.max(0, census.open - view.pool.spec.replicas) }
  const { chosen, held } = choose(inVictimOrder(view, mayWait ? settled : free), may)
  const kept = excess - chosen.length
  if (kept === 0 || (mayWait && kept <= free.length - settled.length)) {
    return { ...removing(at, chosen, 'ScaleIn'), held }
  }
  return {
    ...removing(at, chosen, 'ScaleIn'),
    held: [...held, ...protectedAmong(census.counted)],
    inhibited: { because: held.length > 0 ? 'LoadUnknown' : 'Protected', nodes: kept },
  }
}

interface Choice {
  readonly chosen: readonly Candidate[]
  readonly held: Plan['held']
}

function choose(order: Iterable<Candidate>, may: Replaceable): Choice {
  const chosen: Candidate[] = []
  const held: { name: string; because: string }[] = []
  let open = may.open
  for (const candidate of order) {
    if (chosen.length === may.nodes) break
    const { judged, name, sessions } = candidate
    if (judged.open && open === 0) continue
    if (sessions === Number.POSITIVE_INFINITY && !candidate.neverServed) {
      held.push({ name, because: 'it is not known how many people are there' })
      continue
    }
    if (judged.open) open -= 1
    chosen.push(candidate)
  }
  return { chosen, held }
}

const protectedAmong = (nodes: readonly Judged[]): Plan['held'] =>
  nodes
    .filter(({ member }) => isProtected(member.node))
    .map(({ member }) => ({ name: member.node.metadata.name, because: 'it is protected by an annotation' }))

const sentences: Record<ClosingReason, string> = {
  ScaleIn: 'its pool has one node too many',
  RollOut: 'its pool replaces it by a newer revision',
  HostGoing: 'its host is about to go',
}

function removing(at: Situation, chosen: readonly Candidate[], reason: ClosingReason): Finding {
  const because = sentences[reason]
  const idle = chosen.filter(candidate => candidate.neverServed)
  if (idle.length > 0) return deleting(idle.map(({ judged }) => picked(judged, `${because}, and it never served`)))
  if (chosen.length === 0) return nothing
  const deadlineAfter = deadlinesFrom(at.view.now)
  const nodes = chosen.map(({ judged, sessions }) => {
    const { name, uid, resourceVersion } = judged.member.node.metadata
    const deadline = deadlineAfter(Math.min(staySeconds(at, judged), hostSeconds(at, judged)))
    return { name, uid, resourceVersion, because: `${because}; ${people(sessions)} there`, reason, deadline }
  })
  return { batch: { do: 'close', nodes } }
}

const staySeconds = ({ view }: Situation, { member }: Judged): number =>
  view.pool.spec.scaleIn.deadlineSeconds ?? view.drainSecondsOf(member.node)

/** Whole seconds until people have to be moved off because of the host. */
function hostSeconds({ view }: Situation, { member: { node, disruption } }: Judged): number {
  if (!isGoing(disruption) || disruption.deadline === undefined) return Number.POSITIVE_INFINITY
  const marginMs = 1_000 * view.evictGraceSecondsOf(node)
  return Math.max(0, Math.floor((disruption.deadline - marginMs - view.now) / 1_000))
}

/** Thousands of nodes share a few. */
function deadlinesFrom(now: Instant): (seconds: number) => string {
  const known = new Map<number, string>()
  return seconds => {
    const before = known.get(seconds)
    if (before !== undefined) return before
    const deadline = toTimestamp(later(now, 1_000 * seconds))
    known.set(seconds, deadline)
    return deadline
  }
}

const people = (sessions: number): string => (sessions === 1 ? '1 participant is' : `${sessions} participants are`)

const deleting = (nodes: Picked[]): Finding => (nodes.length === 0 ? nothing : { batch: { do: 'delete', nodes } })

/** A zero may have just been told; whether it lasts, time tells. */
const EMPTY_LOOK_MS = 3_000

/** When nobody has been there for long enough, or at the deadline that people were promised. */
export function deleteEmptied(at: Situation): Finding {
  const { closed } = at.census
  if (closed.length === 0) return nothing
  if (!isRegistryTrusted(at)) return { inhibited: { because: 'RegistryFrozen', nodes: closed.length } }
  const held = protectedAmong(closed)
  const nodes: Picked[] = []
  let lookAgainMs = Number.POSITIVE_INFINITY
  for (const judged of closed) {
    if (isProtected(judged.member.node)) continue
    const waiting = whyDelete(at, judged)
    if (typeof waiting === 'string') nodes.push(picked(judged, waiting))
    else lookAgainMs = Math.min(lookAgainMs, waiting)
  }
  return {
    ...deleting(nodes),
    held,
    ...(Number.isFinite(lookAgainMs) ? { lookAgainMs } : {}),
    ...(held.length === 0 ? {} : { inhibited: { because: 'Protected', nodes: held.length } }),
  }
}

/** The sentence for its deletion, or how many milliseconds to wait before it is asked again. */
function whyDelete({ view }: Situation, { member }: Judged): string | number {
  if (neverServed(member)) return 'it is closed and never served'
  const { emptySeconds } = view.pool.spec.scaleIn
  const deadline = fromTimestamp(closedByPool(member.node)?.deadline)
  const untilDeadlineMs = deadline === undefined ? Number.POSITIVE_INFINITY : deadline - view.now
  if (untilDeadlineMs <= 0) return 'the time that people were given is up'
  if (loadOf(member)?.sessions !== 0 || member.registration.state !== 'fresh') return untilDeadlineMs
  const { emptyForMs } = member.registration
  if (emptyForMs > 0 && emptyForMs >= emptySeconds * 1_000) return `nobody has been there for ${emptySeconds} s`
  return Math.min(untilDeadlineMs, emptyForMs > 0 ? emptySeconds * 1_000 - emptyForMs : EMPTY_LOOK_MS)
}
