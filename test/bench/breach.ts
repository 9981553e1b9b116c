// How soon a pool under an RTCAutoscaler has a new pod when its load rises, among a thousand nodes that beat; and how long the
// same breach takes an HPA.
import { setTimeout as pause } from 'node:timers/promises'
import type { Pod } from '../../operator/api/core.ts'
import type { RTCAutoscaler } from '../../operator/api/rtcautoscaler.ts'
import type { RTCNodePool } from '../../operator/api/rtcnodepool.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { until } from '../cluster/until.ts'
import { type Beats, startBeats } from './beats.ts'
import { hpaBreaches } from './breach-hpa.ts'
import type { Benchmark, Log } from './figure.ts'
import { type Moments, momentsOf } from './moments.ts'
import { createPool } from './pool-manifest.ts'
import { podsPath, startStage } from './stage.ts'
import { all, median, milliseconds, quantile, seconds, spread } from './statistics.ts'

const COUNT = Number(process.env['COUNT'] ?? 1_000)
const BREACHES = Number(process.env['BREACHES'] ?? 50)
const HPA_BREACHES = Number(process.env['HPA_BREACHES'] ?? 8)
const WITHIN_MS = 300_000
const POLICY_SECONDS = 1
/** 90 fills a node. */
const CPU_PERCENT = { calm: 36, breach: 66 }

export const breach: Benchmark = {
  name: 'breach',
  title: 'From a breach to a new pod',
  method: `A pool of ${COUNT} Running nodes that beat each 3 s, under an RTCAutoscaler. ${BREACHES} times, at a random moment, the CPU of all nodes rises from
${CPU_PERCENT.calm} % to ${CPU_PERCENT.breach} % (full is 90 %), above the first watermark; all tell so at once. Measured from before the first of those puts is sent to etcd until an
independent watcher of the API server sees the new pod created; in between are the decision, the pool's replicas, and an RTCNode. Then the load is calm
again. So that each breach finds a pool of about the same size, spec.behavior lets it grow by one node a second and never shrink. The baseline is the same
breach for a Deployment of ${COUNT} of the same pods in the same cluster, under an HPA (autoscaling/v2) that the real KEDA feeds: the same load, without any delay
between it and the adapter, the same policies, and the default period of 15 s, ${HPA_BREACHES} times, each at another moment of that period.`,
  async run(log) {
    await using stage = await startStage({ kwokNodes: Math.ceil(COUNT / 400), autoscaling: true, hpaPeriodSeconds: 15 })
    const { cluster } = stage
    await using beats = await startBeats(cluster)
    await using born = await momentsOf<Pod>(cluster, podsPath, pod => beatOnceRunning(pod, beats))
    await stage.operator()
    beats.cpuPercent = CPU_PERCENT.calm
    await createPool(cluster, 'n', COUNT)
    await stage.nodes.reached('n-', COUNT, WITHIN_MS)
    log(`${COUNT} nodes are Running`)
    await createAutoscaler(cluster)
    const scene = { cluster, beats, born }
    const ours: number[] = []
    for (let time = 0; time < BREACHES; time += 1) ours.push(await oneBreach(scene))
    log(`new pod: ${spread(ours)}`)
    const wave = await wholeWave(scene, log)
    const theirs = await hpaBreaches(stage, { born, cpuPercent: CPU_PERCENT, nodes: COUNT, breaches: HPA_BREACHES })
    log(`by an HPA: ${all(theirs, seconds)}`)
    const p99 = quantile(ours, 0.99)
    const ratio = median(theirs) / median(ours)
    return {
      figures: [
        {
          what: `breach in etcd → new pod created, p99 at ${COUNT} nodes`,
          measured: milliseconds(p99),
          goal: '< 500 ms',
          isMet: p99 < 500,
        },
        {
          what: 'so many times faster than an HPA on the same breach, medians',
          measured: milliseconds(median(ours)),
          goal: '≥ 30',
          isMet: ratio >= 30,
          baseline: seconds(median(theirs)),
          ratio,
        },
      ],
      details: [
        `Reaction: ${spread(ours)}.`,
        `HPA: ${all(theirs, seconds)}; the slowest of ours against its fastest: ${(Math.min(...theirs) / Math.max(...ours)).toFixed(1)}.`,
        `With the default spec.behavior the same breach asks for ${wave.nodes} nodes at once: the first pod is created after ${milliseconds(wave.firstMs)}, the last after ${seconds(wave.lastMs)}.`,
      ],
    }
  },
}

/** Every pod counts as born when it is first seen. Those of the pool get the heartbeats of an agent. */
function beatOnceRunning({ metadata: { name, uid }, status }: Pod, beats: Beats): boolean {
  if (name.startsWith('n-') && status?.phase === 'Running' && !begun.has(uid)) {
    begun.add(uid)
    void beats.begin(name, uid)
  }
  return true
}
const begun = new Set<string>()

interface Scene {
  readonly cluster: Cluster
  readonly beats: Beats
  readonly born: Moments
}

/** Milliseconds until a pod more is seen. */
async function oneBreach({ cluster, beats, born }: Scene): Promise<number> {
  await calmed({ cluster, beats, born })
  const pods = born.count('n-')
  const at = performance.now()
  beats.cpuPercent = CPU_PERCENT.breach
  const [seenAt] = await Promise.all([born.reached('n-', pods + 1, WITHIN_MS), beats.tellAll()])
  return seenAt - at
}

/**
 * What was ordered is there, it is some moment within a beat and the autoscaler's own times, and spec.behavior would let the pool
 * grow: the trend may order a node more after the last breach, and the rein of that second would be measured with the next.
 */
async function calmed({ cluster, beats, born }: Scene): Promise<void> {
  beats.cpuPercent = CPU_PERCENT.calm
  await beats.tellAll()
  await pause(1_500 + 3_000 * Math.random())
  const isThere = async () => {
    const replicas = await replicasOf(cluster)
    await pause(POLICY_SECONDS * 1_000 + 100)
    return born.count('n-') === replicas && (await replicasOf(cluster)) === replicas
  }
  await until('the pods that were asked for', isThere, { withinMs: WITHIN_MS, everyMs: 100 })
}

interface Wave {
  readonly nodes: number
  readonly firstMs: number
  readonly lastMs: number
}

/** The same breach without a rein. */
async function wholeWave(scene: Scene, log: Log): Promise<Wave> {
  const { cluster, beats, born } = scene
  await calmed(scene)
  await cluster.api.call('PATCH', `${autoscalersPath}/n`, { spec: { behavior: null } })
  const pods = born.count('n-')
  await pause(2_000)
  const at = performance.now()
  beats.cpuPercent = CPU_PERCENT.breach
  const [firstAt] = await Promise.all([born.reached('n-', pods + 1, WITHIN_MS), beats.tellAll()])
  let asked = await replicasOf(cluster)
  const isSettled = async () => {
    await pause(3_000)
    const before = asked
    asked = await replicasOf(cluster)
    return asked === before && born.count('n-') === asked
  }
  await until('a pod for each replica', isSettled, { withinMs: WITHIN_MS })
  const lastAt = await born.reached('n-', asked, WITHIN_MS)
  await cluster.api.call('PATCH', `${autoscalersPath}/n`, { spec: { paused: true } })
  beats.cpuPercent = CPU_PERCENT.calm
  const wave = { nodes: asked - pods, firstMs: firstAt - at, lastMs: lastAt - at }
  log(`${wave.nodes} nodes at once: first pod after ${milliseconds(wave.firstMs)}, last after ${seconds(wave.lastMs)}`)
  return wave
}

const base = '/apis/rtcnode.io/v1alpha1/namespaces/default'
const autoscalersPath = `${base}/rtcautoscalers`

const replicasOf = async ({ api }: Cluster): Promise<number> =>
  ((await api.call('GET', `${base}/rtcnodepools/n`)) as RTCNodePool).spec.replicas

/** Resolves when it knows the load, and finds that there is no need to change anything. */
async function createAutoscaler({ api }: Cluster): Promise<void> {
  const oneByOne = { policies: [{ type: 'Pods', value: 1, periodSeconds: POLICY_SECONDS }] }
  await api.call('POST', autoscalersPath, {
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCAutoscaler',
    metadata: { name: 'n', namespace: 'default' },
    spec: {
      poolName: 'n',
      minReplicas: COUNT,
      maxReplicas: 2 * COUNT,
      targets: { joinLatencyP99Ms: 1_500 },
      behavior: { scaleUp: oneByOne, scaleDown: { selectPolicy: 'Disabled' } },
    },
  })
  const isSteady = async () => {
    const { status } = (await api.call('GET', `${autoscalersPath}/n`)) as RTCAutoscaler
    return status?.conditions?.some(({ type, reason }) => type === 'ScalingActive' && reason === 'Steady') === true
  }
  await until('the autoscaler to be steady', isSteady, { withinMs: 60_000, everyMs: 500 })
}
