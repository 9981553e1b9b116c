// An RTCNodePool, as operator/pool does it: closed nodes are reopened before new ones are made; those that are one too many are
// closed, fewest people first, and leave when they are empty or at the deadline that people were promised.
import { isHeard } from './beats.ts'
import { close, closed, counted, type Fleet, type Ground, takeAway } from './fleet.ts'
import { hostIsGoing } from './nodes.ts'
import type { SimNode } from './sim-node.ts'

export interface PoolTerms {
  readonly deadlineSeconds: number
  readonly emptySeconds: number
}

export const poolFleet = (terms: PoolTerms): Fleet => ({
  reconcile(at, replicas) {
    const serving = counted(at)
    const missing = replicas - serving.length
    if (missing > 0) grow(at, missing)
    if (at.registryIsOut) return
    if (missing < 0) shrink(at, serving, replicas, terms)
    for (const node of closed(at)) if (mayGo(at, node, terms)) takeAway(at, node)
  },
})

/** The last that would be chosen to go is the first to come back. */
function grow(at: Ground, missing: number): void {
  const { step, nodes } = at
  const back = closed(at)
    .filter(({ host }) => !hostIsGoing(host))
    .sort((a, b) => byVictim(b, a))
    .slice(0, missing)
  for (const node of back) {
    node.phase = 'open'
    node.deadlineAt = Number.POSITIVE_INFINITY
    nodes.rank(node)
  }
  for (let left = missing - back.length; left > 0; left -= 1) nodes.create(step)
}

/** What does not serve yet goes before what does; never below `replicas` open; whose people nobody knows stays. */
function shrink(at: Ground, serving: readonly SimNode[], replicas: number, { deadlineSeconds }: PoolTerms): void {
  let excess = serving.length - replicas
  let spare = serving.filter(({ phase }) => phase === 'open').length - replicas
  for (const node of serving.toSorted(byVictim)) {
    if (excess === 0) return
    if (node.phase === 'starting') at.nodes.remove(node, at.step)
    else if (spare > 0 && isHeard(node, at.step, at.stepSeconds)) {
      close(at, node, deadlineSeconds)
      spare -= 1
    } else continue
    excess -= 1
  }
}

function mayGo({ step, stepSeconds }: Ground, node: SimNode, { emptySeconds }: PoolTerms): boolean {
  if (step >= node.deadlineAt) return true
  return node.rooms === 0 && isHeard(node, step, stepSeconds) && step - node.emptySince >= emptySeconds / stepSeconds
}

/** As operator/pool/victims.ts: what has not started, then fewest people as they were last heard, then fewest rooms. */
const byVictim = (a: SimNode, b: SimNode): number =>
  Number(a.phase !== 'starting') - Number(b.phase !== 'starting') ||
  a.telemetry.heartbeat.sessions - b.telemetry.heartbeat.sessions ||
  (a.telemetry.heartbeat.rooms ?? 0) - (b.telemetry.heartbeat.rooms ?? 0) ||
  a.host.nodes - b.host.nodes ||
  a.createdAt - b.createdAt ||
  a.slot - b.slot
