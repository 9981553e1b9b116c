// Who was cut and why, and how drains ended, as the leader counts it from one look at a node to the next.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import { keyOf, type Uid } from '../../../operator/api/meta.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { tallyMetricTable } from '../../../operator/lifecycle/metrics.ts'
import { causeOf, cutCauses, lifeTally, type Tally } from '../../../operator/lifecycle/tally.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { type MetricRegistry, metricRegistry, metricsFrom } from '../../../operator/telemetry/metrics.ts'
import { aBeat, aDrainingNode, aRunningNode, at, condition, poolMark, runningStatus, timeAt } from './build.ts'

let registry: MetricRegistry
let tally: Tally
const running = aRunningNode()
const key = keyOf(running)

beforeEach(() => {
  registry = metricRegistry()
  tally = lifeTally({ metrics: metricsFrom(registry, tallyMetricTable), log: silentLogger })
})

const look = (node: RTCNode, seconds: number, beat?: Partial<Heartbeat>): void =>
  tally.look(node, beat && aBeat(beat), at(seconds))

/** What is not zero: `cut <cause>`, and `drain <outcome>`. */
async function counted(): Promise<Record<string, number>> {
  const found = (await registry.metrics()).matchAll(
    /^rtcnode_(?:participants_(cut)_total|(drain)_duration_seconds_count)\{\w+="([\w-]+)"\} ([1-9]\d*)$/gm,
  )
  return Object.fromEntries([...found].map(([, cut, drain, word, count]) => [`${cut ?? drain} ${word}`, Number(count)]))
}

test('all causes and outcomes are there from the start, so that the first one counts', async () => {
  const text = await registry.metrics()
  for (const cause of cutCauses) assert.ok(text.includes(`rtcnode_participants_cut_total{cause="${cause}"} 0\n`), cause)
  for (const outcome of ['empty', 'deadline', 'given-up', 'lost', 'reopened'])
    assert.ok(text.includes(`rtcnode_drain_duration_seconds_count{outcome="${outcome}"} 0\n`), outcome)
})

test('a node that empties and goes: a drain of that length, and nobody was cut', async () => {
  look(running, 90, { sessions: 3 })
  look(aDrainingNode(), 101, { sessions: 3, state: 'draining' })
  look(aDrainingNode(), 130, { sessions: 0, state: 'draining' })
  tally.gone(key, at(140))
  assert.deepEqual(await counted(), { 'drain empty': 1 })
  const text = await registry.metrics()
  assert.match(text, /drain_duration_seconds_sum\{outcome="empty"\} 40\n/)
})

test('those who are left at the deadline are counted once, however long they take to leave', async () => {
  look(aDrainingNode(), 101, { sessions: 5 })
  tally.evicted(key, 'deadline')
  look(aDrainingNode(), 161, { sessions: 5 })
  tally.evicted(key, 'deadline')
  look(aDrainingNode(), 163, { sessions: 1 })
  tally.gone(key, at(165))
  assert.deepEqual(await counted(), { 'cut deadline': 5, 'drain deadline': 1 })
})

test('a node that goes with people on it has lost them', async () => {
  look(running, 10, { sessions: 4 })
  look(running, 50)
  look(aDrainingNode(), 101)
  tally.gone(key, at(105))
  assert.deepEqual(await counted(), { 'cut node-lost': 4, 'drain lost': 1 })
})

test('an SFU that starts anew has lost its people; one whose agent starts anew has not', async () => {
  look(running, 10, { sessions: 4, bootId: 'boot-1', seq: 100 })
  look(running, 20, { sessions: 4, bootId: 'boot-1', seq: 1 })
  assert.deepEqual(await counted(), {})
  look(running, 30, { sessions: 1, bootId: 'boot-2' })
  look(running, 40, { sessions: 2, bootId: 'boot-2' })
  assert.deepEqual(await counted(), { 'cut sfu-restart': 4 })
})

test('a pod deleted behind our back, with people on it when its grace ends', async () => {
  look(running, 10, { sessions: 2 })
  tally.evicted(key, 'pod-deleted')
  look(running, 20, { sessions: 0 })
  look(aDrainingNode(), 101)
  tally.gone(key, at(105))
  assert.deepEqual(await counted(), { 'cut pod-deleted': 2, 'drain lost': 1 })
})

test('a node that its pool closes and reopens: a drain that was called off', async () => {
  const closed = aRunningNode({
    spec: { cordoned: true },
    annotations: poolMark('ScaleIn', timeAt(4_000)),
    status: {
      ...runningStatus,
      conditions: [{ ...condition('AdmissionOpen', 'False', 'Closed'), lastTransitionTime: timeAt(100) }],
    },
  })
  look(running, 90, { sessions: 1 })
  look(closed, 130, { sessions: 1 })
  look(closed, 160, { sessions: 1 })
  look(running, 200, { sessions: 1 })
  assert.deepEqual(await counted(), { 'drain reopened': 1 })
  assert.match(await registry.metrics(), /drain_duration_seconds_sum\{outcome="reopened"\} 100\n/)
})

test('a drain whose steps were given up says so', async () => {
  const node = aDrainingNode()
  const gaveUp = {
    ...node,
    status: { ...node.status, drain: { ...node.status?.drain, skipped: ['evict'] } },
  } as RTCNode
  look(gaveUp, 200)
  tally.gone(key, at(210))
  assert.deepEqual(await counted(), { 'drain given-up': 1 })
})

test('a name that lives again is another life', async () => {
  look(running, 10, { sessions: 3, bootId: 'boot-1' })
  const next = { ...running, metadata: { ...running.metadata, uid: 'another' as Uid } }
  look(next, 20, { sessions: 0, bootId: 'boot-9' })
  assert.deepEqual(await counted(), { 'cut node-lost': 3 })
  tally.gone(key, at(30))
  assert.deepEqual(await counted(), { 'cut node-lost': 3 })
})

test('of a node that nobody has looked at, nothing is known', async () => {
  tally.evicted(key, 'deadline')
  tally.gone(key, at(10))
  assert.deepEqual(await counted(), {})
})

const on = (reason: string, kind?: 'Planned' | 'Imminent'): RTCNode => ({
  ...running,
  status: {
    ...runningStatus,
    ...(kind && { disruption: { kind } }),
    conditions: [...(runningStatus.conditions ?? []), condition('Disrupted', 'True', reason)],
  },
})

test('whoever is cut is counted by who ended the pod, or by the host that went', async () => {
  assert.equal(causeOf('Disrupted', running), 'host-going')
  assert.equal(causeOf('HostGoing', running), 'host-going')
  assert.equal(causeOf('ScaleIn', on('Cordoned', 'Planned')), 'deadline')
  assert.equal(causeOf('PodDeleted', running), 'pod-deleted')
  assert.equal(causeOf('PodDeleted', on('EvictionByEvictionAPI')), 'evicted')
  assert.equal(causeOf('PodDeleted', on('DeletionByTaintManager')), 'tainted')
  look(on('TerminationByKubelet'), 10, { sessions: 2 })
  tally.gone(key, at(20))
  look(on('SpotInterruption', 'Imminent'), 30, { sessions: 3 })
  tally.gone(key, at(40))
  assert.deepEqual(await counted(), { 'cut kubelet': 2, 'cut host-going': 3 })
})

test('a host that stays after all: who comes later and is lost is counted too', async () => {
  look(on('SpotInterruption', 'Imminent'), 10, { sessions: 3 })
  tally.evicted(key, 'host-going')
  look(on('SpotInterruption', 'Imminent'), 12, { sessions: 0, state: 'draining' })
  look(running, 20, { sessions: 2, state: 'serving' })
  tally.gone(key, at(30))
  assert.deepEqual(await counted(), { 'cut host-going': 3, 'cut node-lost': 2 })
})
