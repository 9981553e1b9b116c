// Nodes on hosts that go, in numbers: how many replacements may be made for them now, and how many of them have one. Such a node
// counts until it is closed, but takes no rooms: its lifecycle has seen to that. Pure; asked by the steps of a plan and by its status.
import type { Census } from './census.ts'

/** So many of them have no replacement, not even one that starts. */
export const unreplacedOf = (replicas: number, census: Census): number =>
  Math.max(0, Math.min(census.going, replicas - stayingOf(census)))

/**
 * As many replacements may be on their way at once as a roll-out may make in advance, and at least one: a thousand hosts that go
 * together are replaced wave by wave. What came to a host that goes as well is on its way still: another would come there too.
 */
export const growthForGoing = (replicas: number, census: Census, surge: number): number =>
  Math.max(0, Math.min(unreplacedOf(replicas, census), Math.max(1, surge) - census.starting - census.inVain))

/** So many of them may be closed: a replacement has come up for each. */
export const replacedOf = (replicas: number, { counted, starting, going, inVain }: Census): number =>
  Math.min(going, Math.max(0, counted.length - starting - inVain - replicas))

/** Those that a roll-out has to do with: what goes with its host is replaced anyway. */
export const stayingOf = ({ counted, going }: Census): number => counted.length - going

/** Of older revisions. */
export const oldStayingOf = (census: Census): number => stayingOf(census) - census.updatedStaying
