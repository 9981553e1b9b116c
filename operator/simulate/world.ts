// The simulated world: rooms, nodes, what is heard of them, and a policy that says how many there shall be; step after step, until
// the workload is over. Called by the command, the benchmarks and the tests. Same workload, policy and seed: same outcome.
import { later } from '../ambient/clock.ts'
import { beat } from './beats.ts'
import { type Chance, chanceOf } from './chance.ts'
import { doors } from './doors.ts'
import { type Faulty, faultsAt } from './faults.ts'
import { close, type Ground, takeAway } from './fleet.ts'
import { hostIsGoing, nodes } from './nodes.ts'
import type { Policy } from './policy.ts'
import { rooms } from './rooms.ts'
import { type Curves, type Score, scorer } from './score.ts'
import type { SfuModel } from './sfu-model.ts'
import type { SimNode } from './sim-node.ts'
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
  const { stepSeconds, scoredFrom, startsAt } = workload
  const chance = chanceOf(seed, 2)
  const people = rooms(stepSeconds, workload.steps)
  const ground = nodes(model, stepSeconds, chance)
  const entrance = doors(people, ground, model, goalMs, stepSeconds)
  const scores = scorer(model, stepSeconds)
  const begin = Math.max(0, scoredFrom - policy.warmUpSeconds / stepSeconds)
  const momentOf = (step: number) => later(startsAt, step * stepSeconds * 1_000)
  const fleet = policy.fleet()
  const scaler = policy.scaler(momentOf(begin))
  let replicas = minReplicas

  for (let step = begin; step < workload.steps; step += 1) {
    const faulty = faultsAt(workload.faults, step)
    const { registryIsOut } = faulty
    const at: Ground = { step, stepSeconds, nodes: ground, doors: entrance, registryIsOut }
    entrance.beginStep(step)
    warnHosts(at, faulty, chance)
    for (const node of ground.all) {
      live(at, node)
      beat(node, step, stepSeconds, model, faulty, chance)
    }
    workload.advance(step, people, entrance)
    people.advance(step, entrance)
    entrance.retry()
    const seen = {
      step,
      now: momentOf(step),
      stepSeconds,
      replicas,
      nodes: ground.all,
      registryIsOut,
      rank: ground.rank,
    }
    const wanted = scaler.wanted(seen) ?? replicas
    if (wanted !== replicas && step >= scoredFrom) scores.changed(step, replicas, wanted)
    replicas = wanted
    loseHosts(at)
    fleet.reconcile(at, replicas)
    ground.hosts.tidy(step)
    if (step >= scoredFrom) scores.step(step, ground.all, replicas, entrance.tally)
  }
  return { policy: policy.name, score: scores.score, curves: scores.curves }
}

/** A node that cannot register is not sent anybody; one whose host goes is sent nobody new. */
function live(at: Ground, node: SimNode): void {
  if (node.phase === 'starting' && at.step >= node.opensAt && !at.registryIsOut) {
    node.phase = 'open'
    node.opensAt = at.step
    at.nodes.rank(node)
  }
  if (hostIsGoing(node.host) && node.phase !== 'closed') close(at, node, Number.POSITIVE_INFINITY)
}

function warnHosts({ nodes: { hosts }, step, stepSeconds }: Ground, { hostWarnings }: Faulty, chance: Chance): void {
  for (const { sharePerHour, noticeSeconds } of hostWarnings) {
    for (const host of hosts.all) {
      const isWarned = chance.uniform() < (sharePerHour * stepSeconds) / 3_600
      if (isWarned && !hostIsGoing(host)) host.goesAt = step + noticeSeconds / stepSeconds
    }
  }
}

function loseHosts(at: Ground): void {
  for (const node of at.nodes.all.filter(({ host }) => at.step >= host.goesAt)) takeAway(at, node)
}
