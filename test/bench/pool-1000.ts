// How long a pool takes from nothing to a thousand Running and back, beside a ReplicaSet of the same pods.
import { until } from '../cluster/until.ts'
import type { Benchmark, Figure, Log } from './figure.ts'
import { startFleetThread } from './fleet-thread.ts'
import { createPool, deletePool, patchPool } from './pool-manifest.ts'
import { emptyReplicaSet, growReplicaSet, podSpecOfNodes } from './replica-set.ts'
import { isEmpty, rtcnodesPath, type Stage, startStage } from './stage.ts'
import { all, median, seconds } from './statistics.ts'

const COUNT = Number(process.env['COUNT'] ?? 1_000)
const PAIRS = Number(process.env['PAIRS'] ?? 3)
const WITHIN_MS = 300_000

interface Run {
  readonly upMs: number
  readonly downMs: number
}

export const pool1000: Benchmark = {
  name: 'pool-1000',
  title: 'A pool from nothing to a thousand Running, and back',
  method: `An RTCNodePool of ${COUNT} nodes from its POST until an independent watcher has seen the last one Running, then scaled to 0 until no RTCNode is
left. The nodes are empty, and a drain says so only after three heartbeats in a row of 3 s each, by which an SFU shows that nobody came. Beside it, in
the same cluster and alternating, a ReplicaSet of ${COUNT} pods with the same spec: to the last pod Ready, and back to no pod. The API server's limits are off.`,
  async run(log) {
    await using stage = await startStage({ kwokNodes: 4 })
    await using _fleet = await startFleetThread(stage.cluster)
    await stage.operator()
    const spec = await podSpecOfNodes(stage)
    const pools: Run[] = []
    const replicaSets: Run[] = []
    for (let pair = 1; pair <= PAIRS; pair += 1) {
      const poolFirst = pair % 2 === 1
      if (poolFirst) pools.push(await runPool(stage, `p${pair}`, log))
      replicaSets.push(await runReplicaSet(stage, `r${pair}`, spec, log))
      if (!poolFirst) pools.push(await runPool(stage, `p${pair}`, log))
    }
    const times = (runs: readonly Run[]): string =>
      `up ${all(
        runs.map(run => run.upMs),
        seconds,
      )}, down ${all(
        runs.map(run => run.downMs),
        seconds,
      )}`
    return {
      figures: [
        compared(`pool 0→${COUNT} Running ÷ ReplicaSet 0→${COUNT} Ready`, pools, replicaSets, run => run.upMs, 1.2),
        compared(`pool ${COUNT}→0 ÷ ReplicaSet ${COUNT}→0`, pools, replicaSets, run => run.downMs, 1.5),
      ],
      details: [
        `Pools: ${times(pools)}; ReplicaSets: ${times(replicaSets)}. At the median ${((COUNT / median(pools.map(run => run.upMs))) * 1_000).toFixed(0)} nodes became Running a second.`,
      ],
    }
  },
}

async function runPool(stage: Stage, name: string, log: Log): Promise<Run> {
  const startedAt = performance.now()
  await createPool(stage.cluster, name, COUNT)
  const upMs = (await stage.nodes.reached(`${name}-`, COUNT, WITHIN_MS)) - startedAt
  log(`pool of ${COUNT} Running after ${seconds(upMs)}`)
  const scaledAt = performance.now()
  await patchPool(stage.cluster, name, { replicas: 0 })
  const gone = () => isEmpty(stage.cluster.api, rtcnodesPath)
  await until('the nodes of the pool to be gone', gone, { withinMs: WITHIN_MS, everyMs: 100 })
  const downMs = performance.now() - scaledAt
  log(`and gone after ${seconds(downMs)}`)
  await deletePool(stage.cluster, name)
  return { upMs, downMs }
}

async function runReplicaSet(stage: Stage, name: string, spec: object, log: Log): Promise<Run> {
  const upMs = await growReplicaSet(stage, name, spec, COUNT)
  log(`ReplicaSet of ${COUNT} Ready after ${seconds(upMs)}`)
  const downMs = await emptyReplicaSet(stage, name)
  log(`and gone after ${seconds(downMs)}`)
  return { upMs, downMs }
}

function compared(
  what: string,
  ours: readonly Run[],
  theirs: readonly Run[],
  pick: (run: Run) => number,
  goal: number,
): Figure {
  const [measured, baseline] = [median(ours.map(pick)), median(theirs.map(pick))]
  const ratio = measured / baseline
  return {
    what,
    measured: seconds(measured),
    baseline: seconds(baseline),
    ratio,
    goal: `≤ ${goal}`,
    isMet: ratio <= goal,
  }
}
