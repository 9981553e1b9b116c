// How long nobody leads: after a leader that ends in good order, and after one that is killed.
import { setTimeout as pause } from 'node:timers/promises'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import type { Lease } from '../../operator/kube/leader.ts'
import { until } from '../cluster/until.ts'
import type { Operator } from '../integration/harness/operator.ts'
import type { Benchmark } from './figure.ts'
import { type Moments, momentsOf } from './moments.ts'
import { rtcnodesPath, type Stage, startStage } from './stage.ts'
import { all, seconds } from './statistics.ts'

const CLEAN = 5
const CRASHES = 3
const leasesPath = '/apis/coordination.k8s.io/v1/namespaces/rtcnode-system/leases'

export const handOver: Benchmark = {
  name: 'hand-over',
  title: 'Hand-over of leadership',
  method: `Two operators with default settings (lease 15 s, renewed each 2 s). The leader gets SIGTERM (${CLEAN} times) or SIGKILL (${CRASHES} times), each
at another moment of its renewal period, and in the same moment an RTCNode is created. Measured from the signal until an independent watcher
has seen both the Lease in the other one's name and the RTCNode taken in hand (its finalizer). The figure is the slowest of all.`,
  async run(log) {
    await using stage = await startStage({ kwokNodes: 1 })
    const operators = [await stage.operator({ identity: 'a' }), await stage.operator({ identity: 'b' })]
    await using touched = await momentsOf<RTCNode>(
      stage.cluster,
      rtcnodesPath,
      ({ metadata }) => metadata.finalizers !== undefined,
    )
    const clean: number[] = []
    const crashes: number[] = []
    for (let turn = 0; turn < CLEAN; turn += 1) {
      clean.push(await handedOver(stage, operators, touched, `clean-${turn}`, leader => leader.stop()))
    }
    log(`clean: ${all(clean, seconds)}`)
    for (let turn = 0; turn < CRASHES; turn += 1) {
      crashes.push(await handedOver(stage, operators, touched, `crash-${turn}`, leader => leader.kill()))
    }
    const [slowestClean, slowestCrash] = [Math.max(...clean), Math.max(...crashes)]
    return {
      figures: [
        { what: 'clean hand-over', measured: seconds(slowestClean), goal: '< 2 s', isMet: slowestClean < 2_000 },
        { what: 'crash of the leader', measured: seconds(slowestCrash), goal: '≤ 15 s', isMet: slowestCrash <= 15_000 },
      ],
      details: [`Clean: ${all(clean, seconds)}. Crash: ${all(crashes, seconds)}.`],
    }
  },
}

async function handedOver(
  stage: Stage,
  operators: readonly Operator[],
  touched: Moments,
  node: string,
  end: (leader: Operator) => Promise<void>,
): Promise<number> {
  const leader = await leaderOf(stage, operators)
  await using taken = await momentsOf<Lease>(
    stage.cluster,
    leasesPath,
    ({ spec }) => spec?.holderIdentity !== '' && spec?.holderIdentity !== leader.identity,
  )
  await pause(Math.random() * 2_000)
  const startedAt = performance.now()
  const ended = end(leader)
  await stage.createNodes([node])
  const takenOver = Math.max(await taken.reached('rtcnode-operator', 1, 60_000), await touched.reached(node, 1, 60_000))
  await ended
  await leader.start()
  return takenOver - startedAt
}

/** When one is leading and has renewed its lease in peace. */
async function leaderOf({ cluster }: Stage, operators: readonly Operator[]): Promise<Operator> {
  await pause(5_000)
  const lease = await until(
    'a leader',
    () => cluster.api.call('GET', `${leasesPath}/rtcnode-operator`) as Promise<Lease>,
    {
      withinMs: 30_000,
    },
  )
  const leader = operators.find(({ identity }) => identity === lease.spec?.holderIdentity)
  if (leader === undefined) throw new Error(`nobody leads: ${JSON.stringify(lease.spec)}`)
  return leader
}
