// What cordon, uncordon, drain and undrain do to one node as it is, or why they do not. Pure; carried out by by-hand-command.ts.
import type { Instant } from '../ambient/clock.ts'
import { closedByPool } from '../api/closed-by-pool.ts'
import { annotations } from '../api/marks.ts'
import { MAX_DRAIN_SECONDS, type RTCNode } from '../api/rtcnode.ts'
import { poolOf } from '../kube/owner.ts'
import { UsageError } from './errors.ts'
import { peopleOn } from './explain-node.ts'
import { leftUntil, people } from './words.ts'

export type Deed =
  | { readonly do: 'patch'; readonly patch: object; readonly says: string }
  /** Deleting is how a node drains; `first` is written before. */
  | { readonly do: 'delete'; readonly first?: object; readonly says: string }
  /** It is as it was asked for. */
  | { readonly do: 'nothing'; readonly says: string }
  | { readonly do: 'refuse'; readonly says: string; readonly remedy: string }

const poolName = (node: RTCNode): string | undefined => poolOf(node)?.split('/').at(-1)
const isDeleted = ({ metadata }: RTCNode): boolean => metadata.deletionTimestamp !== undefined
const patch = (says: string, spec: object, marks?: Readonly<Record<string, string>>): Deed => ({
  do: 'patch',
  patch: { spec, ...(marks === undefined ? {} : { metadata: { annotations: marks } }) },
  says,
})

export function cordon(node: RTCNode, now: Instant): Deed {
  if (isDeleted(node)) return { do: 'nothing', says: `takes no rooms already: it is being deleted; ${stay(node, now)}` }
  const byPool = closedByPool(node)
  if (byPool !== undefined) {
    return {
      do: 'nothing',
      says: `takes no rooms already: its pool closed it (${byPool.reason}), and opens or deletes it when it needs to`,
    }
  }
  if (node.spec.cordoned) return { do: 'nothing', says: 'is cordoned already' }
  const pool = poolName(node)
  const then =
    pool === undefined ? 'calls go on' : `calls go on; pool ${pool} makes another, and leaves this one to you`
  return patch(`cordoned: no new rooms, ${then}`, { cordoned: true })
}

export function uncordon(node: RTCNode, now: Instant): Deed {
  if (isDeleted(node)) return cannotComeBack(node, now)
  if (!node.spec.cordoned) return { do: 'nothing', says: 'takes rooms already: it is not cordoned' }
  return patch(`uncordoned: takes new rooms${whatPoolDoes(node, false)}`, { cordoned: false })
}

/** `protects`: the pool shall not choose it again. */
export function undrain(node: RTCNode, protects: boolean, now: Instant): Deed {
  if (isDeleted(node)) return cannotComeBack(node, now)
  const { name } = node.metadata
  if (!node.spec.cordoned) return { do: 'nothing', says: 'does not drain' }
  if (closedByPool(node) === undefined) {
    return {
      do: 'refuse',
      says: 'does not drain: people have cordoned it, and it stays until they say otherwise',
      remedy: `to open it: kubectl rtc uncordon ${name}`,
    }
  }
  const says = `open again: takes new rooms${whatPoolDoes(node, protects)}`
  return patch(says, { cordoned: false }, protects ? { [annotations.scaleInProtection]: 'true' } : undefined)
}

/** `deadlineSeconds` goes over what the node and its class promise. */
export function drain(node: RTCNode, deadlineSeconds: number | undefined, now: Instant): Deed {
  if (isDeleted(node)) return { do: 'nothing', says: `drains already: ${stay(node, now)}` }
  const byPool = closedByPool(node)
  if (byPool !== undefined && deadlineSeconds !== undefined) {
    return {
      do: 'refuse',
      says: `--deadline cannot be kept: when its pool closed it, people were promised to stay until ${byPool.deadline}, and a promise does not move`,
      remedy: 'leave --deadline out',
    }
  }
  const pool = poolName(node)
  const then = pool === undefined ? 'nobody makes another: it has no pool' : `pool ${pool} makes another`
  return {
    do: 'delete',
    ...(deadlineSeconds === undefined ? {} : { first: { spec: { drain: { deadlineSeconds } } } }),
    says: `drains: no new rooms, people finish, then it is gone; ${then}`,
  }
}

function cannotComeBack(node: RTCNode, now: Instant): Deed {
  const pool = poolName(node)
  return {
    do: 'refuse',
    says: `cannot be taken back: it was deleted, and a deletion is for good; ${stay(node, now)}`,
    remedy:
      pool === undefined
        ? 'it has no pool that would make another: apply its manifest again, under another name or when it is gone'
        : `pool ${pool} has made another already, or does; for one more: kubectl scale rtcp/${pool} --replicas=…`,
  }
}

/** How long those who are there have. */
export function stay(node: RTCNode, now: Instant): string {
  const who = peopleOn(node)
  const deadline = node.status?.drain?.deadline
  const there = who === undefined ? 'it is not known who is there' : `${people(who)} there`
  return deadline === undefined ? there : `${there}, ${leftUntil(deadline, now)}`
}

/** A pool that has one open node too many takes the best victim, and that may be the very same. */
function whatPoolDoes(node: RTCNode, isProtected: boolean): string {
  const pool = poolName(node)
  const byPool = closedByPool(node)
  if (pool === undefined) return ''
  if (byPool === undefined) return `; it counts again for pool ${pool}, which may close the one that is then too many`
  if (isProtected) return `; pool ${pool} closes another one instead, if one is too many`
  return byPool.reason === 'RollOut'
    ? `; it is of an older revision, so the roll-out of pool ${pool} closes it again: pause it, or use --protect`
    : `; pool ${pool} has one too many now and closes the one that is easiest to lose, maybe this one again: raise its replicas, or use --protect`
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** `90s`, `10m`, `2h`, `1d`, or seconds. @throws {UsageError} */
export function deadlineOption(text: string): number {
  const [, amount, unit = 's'] = /^(\d{1,6})([smhd]?)$/.exec(text) ?? []
  const seconds = amount === undefined ? Number.NaN : Number(amount) * (units[unit || 's'] ?? Number.NaN)
  if (seconds >= 0 && seconds <= MAX_DRAIN_SECONDS) return seconds
  throw new UsageError(
    `--deadline is “${text}”: write how long people may stay, such as 90s, 10m, 2h or 1d, at most 7d`,
  )
}
