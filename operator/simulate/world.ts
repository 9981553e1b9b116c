// The simulated world: rooms, nodes, what is heard of them, and a policy that says how many there shall be; step after step, until
// the workload is over. Called by the command, the benchmarks and the tests. Same workload, policy and seed: same outcome.
import { later } from '../ambient/clock.ts'
import { beat } from './beats.ts'
import { type Chance, chanceOf } from './chance.ts'
import { doors } from './doors.ts'
import { type Faulty, faultsAt } from './faults.ts'
import { close, type Ground, takeAway } from './fleet.ts'
import { hostIsGoing, type Nodes, nodes } from './nodes.ts'
import type { Policy } from './policy.ts'
import { rooms } from './rooms.ts'
import { type Curves, type Score, scorer } from './score.ts'
import type { SfuModel } from './sfu-model.ts'
import type { Workload } from './workload.ts'

export interface Run {
  readonly model: SfuModel
  readonly workload: Workload
  readonly policy: Policy
  readonly seed: number
  /** Joins that take longer are late. */
  readonly goalMs: number
  readonly minReplicas: number
}

export interface Outcome {
  readonly policy: string
  readonly score: Score
  readonly curves: Curves
}

export function runWorld({ model, workload, policy, seed, goalMs, minReplicas }: Run): Outcome {
  const { stepSeconds } = workload
  const chance = chanceOf(seed, 2)
  const people = rooms(stepSeconds, workload.steps)
  const fleetOfNodes = nodes(model, stepSeconds, chance)
  const entrance = doors(people, fleetOfNodes, model, goalMs, stepSeconds)
  const scores = scorer(model, stepSeconds)
  const begin = Math.max(0, workload.scoredFrom - policy.warmUpSeconds / stepSeconds)
  const momentOf = (step: number) => later(workload.startsAt, step * stepSeconds * 1_000)
  const fleet = policy.fleet()
  const scaler = policy.scaler(momentOf(begin))
  const rank = fleetOfNodes.rank
  let replicas = minReplicas

  for (let step = begin; step < workload.steps; step += 1) {
    const faulty = faultsAt(workload.faults, step)
    const { registryIsOut } = faulty
    const ground: Ground = { step, stepSeconds, nodes: fleetOfNodes, doors: entrance, registryIsOut }
    entrance.beginStep(step)
    warnHosts(fleetOfNodes, step, stepSeconds, faulty, chance)
    for (const node of fleetOfNodes.all) {
      // A node that cannot register is not sent anybody.
      if (node.phase === 'starting' && step >= node.opensAt && !registryIsOut) {
        node.phase = 'open'
        node.opensAt = step
        rank(node)
      }
      if (hostIsGoing(node.host) && node.phase !== 'closed') close(ground, node, Number.POSITIVE_INFINITY)
      beat(node, step, stepSeconds, model, faulty, chance)
    }
    workload.advance(step, people, entrance)
    people.advance(step, entrance)
    entrance.retry()
    const wanted = scaler.wanted({
      step,
      now: momentOf(step),
      stepSeconds,
      replicas,
      nodes: fleetOfNodes.all,
      registryIsOut,
      rank,
    })
    if (wanted !== undefined && wanted !== replicas) {
      if (step >= workload.scoredFrom) scores.changed(step, replicas, wanted)
      replicas = wanted
    }
    for (const node of fleetOfNodes.all.filter(({ host }) => step >= host.goesAt)) takeAway(ground, node)
    fleet.reconcile(ground, replicas)
    fleetOfNodes.hosts.tidy(step)
    if (step >= workload.scoredFrom) scores.step(step, fleetOfNodes.all, replicas, entrance.tally)
  }
  return { policy: policy.name, score: scores.score, curves: scores.curves }
}

function warnHosts(
  { hosts }: Nodes,
  step: number,
  stepSeconds: number,
  { hostWarnings }: Faulty,
  chance: Chance,
): void {
  for (const { sharePerHour, noticeSeconds } of hostWarnings) {
    for (const host of hosts.all) {
      const isWarned = chance.uniform() < (sharePerHour * stepSeconds) / 3_600
      if (isWarned && !hostIsGoing(host)) host.goesAt = step + noticeSeconds / stepSeconds
    }
  }
}
