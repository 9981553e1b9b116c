// Which node goes first when a pool has to choose: a total order, so that whoever plans from the same view picks the same.
// Pure; asked by scale-in.ts and, backwards, by scale-out.ts for the node to reopen.
import { annotations, labels } from '../api/marks.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { urgencyOf } from '../cluster/reaction.ts'
import { hasStarted, type Judged } from './census.ts'
import { lazilySorted } from './lazily-sorted.ts'
import type { Member, PoolView } from './view.ts'

export interface Candidate {
  readonly judged: Judged
  /** rtcnode.io/deletion-priority, by people. */
  readonly priority: number
  /** How soon its host goes. */
  readonly urgency: number
  readonly started: boolean
  /** Nobody was ever sent there. */
  readonly neverServed: boolean
  /** Where nodes are to be together: how many of this pool are on its host, 0 with nobody on it. Elsewhere 0. */
  readonly keepsHost: number
  /** Participants now. Heartbeats tell no ages, so those who stay longest are expected where most are. Infinity: unknown. */
  readonly sessions: number
  readonly rooms: number
  /** It is the only node of this pool on its host. */
  readonly freesHost: boolean
  /** Nodes left in its zone, were all before it in the zone's own order gone. */
  readonly inZone: number
  /** The ControllerRevision's number; what has no record is older than all. */
  readonly revision: number
  readonly name: string
}

export const isProtected = ({ metadata }: RTCNode): boolean =>
  metadata.annotations?.[annotations.scaleInProtection] === 'true'

/** Negative: `a` goes before `b`. 0 only for the same node. */
export const byVictim = (a: Candidate, b: Candidate): number => byWorth(a, b) || b.inZone - a.inZone || byAge(a, b)

const byWorth = (a: Candidate, b: Candidate): number =>
  b.priority - a.priority ||
  b.urgency - a.urgency ||
  Number(a.started) - Number(b.started) ||
  ascending(a.keepsHost, b.keepsHost) ||
  ascending(a.sessions, b.sessions) ||
  ascending(a.rooms, b.rooms) ||
  Number(b.freesHost) - Number(a.freesHost)

const byAge = (a: Candidate, b: Candidate): number =>
  a.revision - b.revision || (a.name < b.name ? -1 : Number(a.name > b.name))

const ascending = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1)

/** The first of them goes first. Lazily: of ten thousand nodes most often a few are to go. */
export function* inVictimOrder(view: PoolView, nodes: readonly Judged[]): Generator<Candidate, void> {
  const numbers = new Map(view.revisions.map(({ name, number }) => [name, number]))
  const { onHost, inZone } = tally(view.members)
  const alike = nodes.map(judged => {
    const { member } = judged
    const { metadata, status } = member.node
    const load = loadOf(member)
    const onItsHost = status?.nodeName === undefined ? 0 : (onHost.get(status.nodeName) ?? 0)
    return {
      judged,
      priority: priorityOf(member.node),
      urgency: urgencyOf(member.disruption),
      started: hasStarted(member.node),
      neverServed: neverServed(member),
      keepsHost: view.packs ? keepsHost(load, onItsHost) : 0,
      sessions: load?.sessions ?? Number.POSITIVE_INFINITY,
      rooms: load?.rooms ?? 0,
      freesHost: onItsHost === 1,
      inZone: 0,
      revision: numbers.get(metadata.labels?.[labels.revision] ?? '') ?? -1,
      name: metadata.name,
    }
  })
  let equals: Candidate[] = []
  for (const candidate of lazilySorted(alike, (a, b) => byWorth(a, b) || byAge(a, b))) {
    if (equals[0] !== undefined && byWorth(equals[0], candidate) !== 0) {
      yield* equals.sort(byVictim)
      equals = []
    }
    // Each that goes makes its zone smaller for the next: without that, all would be taken from the one that was largest.
    const { zone } = candidate.judged.member
    const left = zone === undefined ? 0 : (inZone.get(zone) ?? 0)
    if (zone !== undefined) inZone.set(zone, left - 1)
    equals.push({ ...candidate, inZone: left })
  }
  yield* equals.sort(byVictim)
}

function tally(members: readonly Member[]): { onHost: Map<string, number>; inZone: Map<string, number> } {
  const onHost = new Map<string, number>()
  const inZone = new Map<string, number>()
  for (const { node, zone } of members) {
    if (node.metadata.deletionTimestamp !== undefined) continue
    const host = node.status?.nodeName
    if (host !== undefined) onHost.set(host, (onHost.get(host) ?? 0) + 1)
    if (zone !== undefined && !node.spec.cordoned) inZone.set(zone, (inZone.get(zone) ?? 0) + 1)
  }
  return { onHost, inZone }
}

/** Hosts with the fewest nodes become free the soonest, also where their people stay a little longer. */
const keepsHost = (load: Load | undefined, onItsHost: number): number =>
  load === undefined ? Number.POSITIVE_INFINITY : load.sessions === 0 ? 0 : onItsHost

function priorityOf({ metadata }: RTCNode): number {
  const text = metadata.annotations?.[annotations.deletionPriority]
  return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : 0
}

export interface Load {
  readonly sessions: number
  readonly rooms: number
}

/** Only a fresh heartbeat of this node's own pod tells how many people are there. */
export function loadOf({ node, registration }: Member): Load | undefined {
  if (registration.state !== 'fresh' || registration.heartbeat.podUID !== node.status?.podUID) return undefined
  const { sessions, rooms } = registration.heartbeat
  return { sessions, rooms: rooms ?? 0 }
}

/** Nobody was ever sent there. To be trusted only while the registry is in sight. */
export const neverServed = ({ node, registration }: Member): boolean =>
  !hasStarted(node) && registration.state === 'absent'
