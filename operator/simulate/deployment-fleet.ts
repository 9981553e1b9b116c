// A Deployment, as most people run an SFU: its ReplicaSet chooses pods by their age and readiness, not by who is there. A pod that
// goes takes no new rooms, ends when it is empty, and is killed when its grace is over.
import { close, closed, counted, type Fleet, type Ground, takeAway } from './fleet.ts'
import type { SimNode } from './sim-node.ts'

/** `graceSeconds`: terminationGracePeriodSeconds of its pods. */
export const deploymentFleet = (graceSeconds: number): Fleet => ({
  reconcile(at, replicas) {
    const serving = counted(at)
    for (let missing = replicas - serving.length; missing > 0; missing -= 1) at.nodes.create(at.step)
    if (serving.length > replicas) shrink(at, serving, serving.length - replicas, graceSeconds)
    for (const node of closed(at)) if (node.rooms === 0 || at.step >= node.deadlineAt) takeAway(at, node)
  },
})

function shrink(at: Ground, serving: readonly SimNode[], excess: number, graceSeconds: number): void {
  const ranked = serving.map(node => ({ node, age: ageClass(at, node) })).sort((a, b) => byRank(a, b))
  for (const { node } of ranked.slice(0, excess)) {
    if (node.phase === 'starting') at.nodes.remove(node, at.step)
    else close(at, node, graceSeconds)
  }
}

interface Ranked {
  readonly node: SimNode
  readonly age: number
}

/** ActivePodsWithRanks of the ReplicaSet controller: not ready, then most pods on one host, then youngest by power of two. */
const byRank = (a: Ranked, b: Ranked): number =>
  Number(a.node.phase !== 'starting') - Number(b.node.phase !== 'starting') ||
  b.node.host.nodes - a.node.host.nodes ||
  a.age - b.age ||
  a.node.luck - b.node.luck

const ageClass = ({ step, stepSeconds }: Ground, { opensAt }: SimNode): number =>
  Math.floor(Math.log2(Math.max(1, (step - opensAt) * stepSeconds)))
