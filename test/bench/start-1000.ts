// How long a thousand RTCNodes take from nothing to Running, beside a ReplicaSet of a thousand of the same pods, and where
// the difference goes.
import { availableParallelism } from 'node:os'
import type { Cluster } from '../cluster/cluster.ts'
import type { Operator } from '../integration/harness/operator.ts'
import type { Benchmark, Log, Result } from './figure.ts'
import { startFleetThread } from './fleet-thread.ts'
import { type Moments, momentsOfKeys } from './moments.ts'
import { apiCalls, callsBetween } from './operator-metrics.ts'
import { emptyReplicaSet, growReplicaSet, podSpecOfNodes } from './replica-set.ts'
import { numbered, type Stage, startStage } from './stage.ts'
import { all, median, seconds, spread } from './statistics.ts'
import { cpuMeter } from './usage.ts'

const COUNT = Number(process.env['COUNT'] ?? 1000)
const PAIRS = Number(process.env['PAIRS'] ?? 3)
const WITHIN_MS = 240_000

interface Run {
  readonly totalMs: number
  readonly cpu: Record<string, number>
}

interface NodesRun extends Run {
  /** Milliseconds from the start until the last one had come so far. */
  readonly milestones: { posted: number; podsReady: number; registered: number; running: number }
  /** Milliseconds, of each node. */
  readonly readyToKey: readonly number[]
  readonly keyToRunning: readonly number[]
  readonly calls: string
}

export const start1000: Benchmark = {
  name: 'start-1000',
  title: 'From nothing to a thousand Running',
  method: `An empty cluster, ${COUNT} RTCNodes posted one by one over 16 connections, until an independent watcher has seen the last one
Running; the simulated fleet registers each pod with the agent's real code. Beside it, in the same cluster and alternating, a ReplicaSet of
${COUNT} pods with the same spec, from its POST until the watcher has seen the last pod Ready. kwok starts both kinds of pods by the same
stage (50 to 250 ms after they are bound); the API server's limits are off, and those of controller manager and scheduler are out of reach.
A ReplicaSet posts nothing for its pods and nobody registers them, so a ratio of 1 is out of reach.`,
  async run(log) {
    await using stage = await startStage({ kwokNodes: 4 })
    const { cluster } = stage
    await using _fleet = await startFleetThread(cluster)
    const operator = await stage.operator()
    await using keys = momentsOfKeys(cluster)
    const spec = await podSpecOfNodes(stage)
    const nodes: NodesRun[] = []
    const replicaSets: Run[] = []
    for (let pair = 1; pair <= PAIRS; pair += 1) {
      const nodesFirst = pair % 2 === 1
      if (nodesFirst) nodes.push(await runNodes(stage, operator, keys, `n${pair}`, log))
      replicaSets.push(await runReplicaSet(stage, `r${pair}`, spec, operator, log))
      if (!nodesFirst) nodes.push(await runNodes(stage, operator, keys, `n${pair}`, log))
    }
    return resultOf(nodes, replicaSets)
  },
}

async function runNodes(stage: Stage, operator: Operator, keys: Moments, prefix: string, log: Log): Promise<NodesRun> {
  const { cluster, nodes, pods } = stage
  const names = numbered(prefix, COUNT)
  const before = apiCalls(await operator.metrics())
  const meter = cpuMeter(processesOf(cluster, operator))
  const startedAt = performance.now()
  await stage.createNodes(names)
  const posted = performance.now()
  const running = await nodes.reached(`${prefix}-`, COUNT, WITHIN_MS)
  const cpu = meter()
  const podsReady = await pods.reached(`${prefix}-`, COUNT, WITHIN_MS)
  const registered = await keys.reached(`${prefix}-`, COUNT, WITHIN_MS)
  const calls = callsBetween(before, apiCalls(await operator.metrics()))
  const lag = (from: Moments, to: Moments) =>
    names.map(name => (to.at(name) ?? Number.NaN) - (from.at(name) ?? Number.NaN))
  const since = (at: number): number => at - startedAt
  const totalMs = since(running)
  log(`${COUNT} RTCNodes Running after ${seconds(totalMs)}`)
  await stage.deleteNodes(names)
  return {
    totalMs,
    cpu,
    milestones: {
      posted: since(posted),
      podsReady: since(podsReady),
      registered: since(registered),
      running: since(running),
    },
    readyToKey: lag(pods, keys),
    keyToRunning: lag(keys, nodes),
    calls,
  }
}

async function runReplicaSet(stage: Stage, name: string, spec: object, operator: Operator, log: Log): Promise<Run> {
  const meter = cpuMeter(processesOf(stage.cluster, operator))
  const totalMs = await growReplicaSet(stage, name, spec, COUNT)
  const cpu = meter()
  log(`ReplicaSet of ${COUNT} pods Ready after ${seconds(totalMs)}`)
  await emptyReplicaSet(stage, name)
  return { totalMs, cpu }
}

const processesOf = (cluster: Cluster, operator: Operator) => ({
  operator: operator.pid,
  'API server': cluster.apiserver.pid,
  etcd: cluster.etcd.pid,
  registry: cluster.registry.server.pid,
  scheduler: cluster.scheduler.pid,
  'controller manager': cluster.controllerManager.pid,
  kwok: cluster.kwok?.pid,
  'fleet and watchers': process.pid,
})

function resultOf(nodes: readonly NodesRun[], replicaSets: readonly Run[]): Result {
  const ours = nodes.map(run => run.totalMs)
  const theirs = replicaSets.map(run => run.totalMs)
  const ratio = median(ours) / median(theirs)
  const medianOf = (pick: (run: NodesRun) => number): string => seconds(median(nodes.map(pick)))
  const lag = (pick: (run: NodesRun) => readonly number[]): string => spread(nodes.flatMap(pick))
  return {
    figures: [
      {
        what: `0→${COUNT} RTCNodes Running ÷ ReplicaSet 0→${COUNT} pods Ready`,
        measured: seconds(median(ours)),
        baseline: seconds(median(theirs)),
        ratio,
        goal: '≤ 1.2',
        isMet: ratio <= 1.2,
      },
    ],
    details: [
      `All runs: RTCNodes ${all(ours, seconds)}; ReplicaSets ${all(theirs, seconds)}.`,
      `Milestones of the RTCNodes, medians from the first POST: last one posted ${medianOf(({ milestones }) => milestones.posted)}, last pod Ready ${medianOf(({ milestones }) => milestones.podsReady)}, last key in the registry ${medianOf(({ milestones }) => milestones.registered)}, last one seen Running ${medianOf(({ milestones }) => milestones.running)}.`,
      `From pod Ready to its key in the registry (the fleet's part, which a ReplicaSet has not): ${lag(run => run.readyToKey)}. From the key to Running (the operator's): ${lag(run => run.keyToRunning)}.`,
      `CPU seconds of each process, median run:\n\n${cpuTable(nodes, replicaSets)}`,
      `All together ${cpuOfAll(nodes)} s of CPU for the RTCNodes and ${cpuOfAll(replicaSets)} s for the ReplicaSet, on ${availableParallelism()} cores: where these are busy all the time, the ratio of the times is that of the work.`,
      `The operator's calls in the last run, with the mean time until the API server's answer: ${nodes.at(-1)?.calls ?? ''}.`,
    ],
  }
}

const cpuOfAll = (runs: readonly Run[]): string =>
  median(runs.map(({ cpu }) => Object.values(cpu).reduce((sum, each) => sum + each, 0))).toFixed(1)

function cpuTable(nodes: readonly Run[], replicaSets: readonly Run[]): string {
  const of = (runs: readonly Run[], name: string): string => median(runs.map(({ cpu }) => cpu[name] ?? 0)).toFixed(1)
  const names = Object.keys(nodes[0]?.cpu ?? {})
  const rows = names.map(name => `| ${name} | ${of(nodes, name)} | ${of(replicaSets, name)} |`)
  return ['| process | RTCNodes | ReplicaSet |', '|---|---|---|', ...rows].join('\n')
}
