// How fast nodes on a host that is to go stop taking rooms, what it costs to keep protection true, and how a host with many
// nodes and people is drained.
import { setTimeout as pause } from 'node:timers/promises'
import type { Host, Pod } from '../../operator/api/core.ts'
import { intentSchema } from '../../operator/api/intent.ts'
import { IDLE_OPEN_MS } from '../../operator/cluster/protection/protect.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { until } from '../cluster/until.ts'
import { startFleet } from '../sfu/fleet.ts'
import type { Benchmark, Figure, Log } from './figure.ts'
import { startFleetThread } from './fleet-thread.ts'
import { type Moments, momentsOfKeys } from './moments.ts'
import { createPool } from './pool-manifest.ts'
import { numbered, podsPath, type Stage, startStage } from './stage.ts'
import { quantile, seconds, spread } from './statistics.ts'
import { writesIn } from './writes.ts'

const NODES = Number(process.env['COUNT'] ?? 1_000)
const NODES_PER_HOST = 5
const TAINT_EVERY_MS = 250
const CLOSED_WITHIN_MS = 500
/** What is protected: half of them get people, and lose them again. */
const PROTECTED = 100
/** After a minute without people a pod is released. */
const IDLE_SECONDS = IDLE_OPEN_MS / 1_000 + 15
const REST_SECONDS = 20
const DRAINED = 20
const PEOPLE_PER_NODE = 5
const LONGEST_CALL_SECONDS = 60

const TAINT = { key: 'karpenter.sh/disrupted', effect: 'NoSchedule' }

export const hosts: Benchmark = {
  name: 'hosts',
  title: 'Hosts that are to go',
  method: `${NODES} RTCNodes on ${NODES / NODES_PER_HOST} fake hosts with the simulated fleet. Karpenter’s taint is put on one host after the other, each ${TAINT_EVERY_MS} ms; measured from
before that request until an independent watcher of etcd sees the intent of each of its nodes closed. Then on all hosts at once. Protection: ${PROTECTED} nodes, of which
half get people, who leave again; the operator’s writes to pods and budgets are counted from the API server’s audit log. Drain: a pool of ${DRAINED} on one host with
${PEOPLE_PER_NODE} people each, who leave by themselves within ${LONGEST_CALL_SECONDS} s, while \`kubectl drain\` runs; then people can have been cut only by the operator.`,
  async run(log) {
    const closing = await measureClosing(log)
    const protection = await measureProtection(log)
    const drain = await measureDrain(log)
    return {
      figures: [...closing.figures, ...protection.figures, ...drain.figures],
      details: [...closing.details, ...protection.details, ...drain.details],
    }
  },
}

interface Part {
  readonly figures: readonly Figure[]
  readonly details: readonly string[]
}

// --- from the taint to the intent ---------------------------------------------------------------------------------

async function measureClosing(log: Log): Promise<Part> {
  await using stage = await startStage({ kwokNodes: NODES / NODES_PER_HOST })
  await using _fleet = await startFleetThread(stage.cluster)
  await takeOnly(stage.cluster, NODES_PER_HOST)
  await stage.operator()
  await stage.createNodes(numbered('n', NODES))
  await stage.nodes.reached('n-', NODES, 240_000)
  const nodesOn = await nodesByHost(stage.cluster)
  log(`${NODES} RTCNodes are Running on ${nodesOn.size} hosts`)
  const paced = await closedAfter(stage.cluster, nodesOn, TAINT_EVERY_MS)
  log(`one host after the other: ${spread(paced)}`)
  await reopened(stage.cluster, nodesOn)
  const atOnce = await closedAfter(stage.cluster, nodesOn, 0)
  log(`all hosts at once: ${spread(atOnce)}`)
  const p99 = quantile(paced, 0.99)
  return {
    figures: [
      {
        what: `taint on a host → admission closed in etcd, p99 of ${NODES} nodes`,
        measured: `${p99.toFixed(0)} ms`,
        goal: `< ${CLOSED_WITHIN_MS} ms`,
        isMet: p99 < CLOSED_WITHIN_MS,
      },
      {
        what: `the same with all ${nodesOn.size} hosts tainted at once, the last node`,
        measured: seconds(quantile(atOnce, 1)),
      },
    ],
    details: [`One host after the other: ${spread(paced)}. All at once: ${spread(atOnce)}.`],
  }
}

/** So that each host has as many pods as the others. */
async function takeOnly({ api }: Cluster, pods: number): Promise<void> {
  const room = { pods: String(pods) }
  for (const host of numbered('kwok', NODES / NODES_PER_HOST)) {
    await api.call('PATCH', `/api/v1/nodes/${host}/status`, { status: { capacity: room, allocatable: room } })
  }
}

async function nodesByHost({ api }: Cluster): Promise<Map<string, string[]>> {
  const { items } = (await api.call('GET', podsPath)) as { items: Pod[] }
  const byHost = Map.groupBy(items, ({ spec }) => spec.nodeName ?? '')
  return new Map([...byHost].map(([host, pods]) => [host, pods.map(({ metadata }) => metadata.name)]))
}

/** For each node the milliseconds from its host's taint until its intent is closed. */
async function closedAfter(
  cluster: Cluster,
  nodesOn: ReadonlyMap<string, string[]>,
  everyMs: number,
): Promise<number[]> {
  await using closed = intentsThatSay(cluster, 'closed')
  const taintedAt = new Map<string, number>()
  const taints: Promise<unknown>[] = []
  for (const host of nodesOn.keys()) {
    taintedAt.set(host, performance.now())
    taints.push(setTaints(cluster, host, [TAINT]))
    await pause(everyMs)
  }
  await Promise.all(taints)
  await closed.reached('n-', NODES, 120_000)
  return [...nodesOn].flatMap(([host, nodes]) =>
    nodes.map(node => (closed.at(node) ?? Number.NaN) - (taintedAt.get(host) ?? Number.NaN)),
  )
}

async function reopened(cluster: Cluster, nodesOn: ReadonlyMap<string, string[]>): Promise<void> {
  await using opened = intentsThatSay(cluster, 'open')
  await Promise.all([...nodesOn.keys()].map(host => setTaints(cluster, host, [])))
  await opened.reached('n-', NODES, 120_000)
}

const intentsThatSay = (cluster: Cluster, admission: 'open' | 'closed'): Moments =>
  momentsOfKeys(cluster, {
    prefix: '/sfu/intents/',
    fits: value => intentSchema.safeParse(JSON.parse(value)).data?.admission === admission,
  })

/** Besides the one that keeps everything else off fake hosts. */
async function setTaints({ api }: Cluster, host: string, taints: Host['spec']['taints'] = []): Promise<void> {
  const fake = { key: 'kwok.x-k8s.io/node', value: 'fake', effect: 'NoSchedule' }
  await api.call('PATCH', `/api/v1/nodes/${host}`, { spec: { taints: [fake, ...taints] } })
}

// --- what protection costs ----------------------------------------------------------------------------------------

async function measureProtection(log: Log): Promise<Part> {
  await using stage = await startStage({ kwokNodes: 2, auditLog: true })
  await using fleet = await startFleet(fleetOf(stage))
  await stage.operator()
  const names = numbered('n', PROTECTED)
  await stage.createNodes(names)
  await stage.nodes.reached('n-', PROTECTED, 120_000)
  await pause(IDLE_SECONDS * 1_000)
  const busy = names.slice(0, PROTECTED / 2)
  const arrivedAt = new Date().toISOString()
  await Promise.all(busy.map(name => fleet.node(name).join(`${name} guest`)))
  await pause(REST_SECONDS * 1_000)
  const leftAt = new Date().toISOString()
  for (const name of busy) fleet.node(name).leaveAll()
  await pause(IDLE_SECONDS * 1_000)
  const restAt = new Date().toISOString()
  await pause(REST_SECONDS * 1_000)
  const ofProtection = writesIn(stage.cluster.auditLogPath ?? '').filter(({ what }) =>
    /pods|poddisruptionbudgets/.test(what),
  )
  const between = (from: string, to = '~') => ofProtection.filter(({ at }) => at >= from && at < to).length
  const [arriving, leaving, atRest] = [between(arrivedAt, leftAt), between(leftAt, restAt), between(restAt)]
  log(
    `writes for protection: ${arriving} when people came to ${busy.length} nodes, ${leaving} when they left, ${atRest} at rest`,
  )
  const perChange = (arriving + leaving) / (2 * busy.length)
  return {
    figures: [
      {
        what: 'writes for protection per idle↔busy change',
        measured: perChange.toFixed(2),
        goal: '≤ 2',
        isMet: perChange <= 2 && arriving >= busy.length && leaving >= busy.length,
      },
      {
        what: `writes for protection at rest, ${REST_SECONDS} s`,
        measured: String(atRest),
        goal: '0',
        isMet: atRest === 0,
      },
    ],
    details: [`When people came to ${busy.length} nodes: ${arriving}; when they left: ${leaving}; at rest: ${atRest}.`],
  }
}

// --- a host with many nodes is drained ----------------------------------------------------------------------------

async function measureDrain(log: Log): Promise<Part> {
  await using stage = await startStage({ kwokNodes: 2 })
  await using fleet = await startFleet(fleetOf(stage))
  const { kubectl } = stage.cluster
  await stage.operator()
  await kubectl(['cordon', 'kwok-1'])
  await createPool(stage.cluster, 'pool', DRAINED)
  await stage.nodes.reached('pool-', DRAINED, 120_000)
  await kubectl(['uncordon', 'kwok-1'])
  const names = [...(await nodesByHost(stage.cluster)).values()].flat()
  await Promise.all(names.map((name, index) => fleet.node(name).join(...numbered(`guest-${index}`, PEOPLE_PER_NODE))))
  const begunAt = performance.now()
  const leaving = names.map(async (name, index) => {
    for (const guest of numbered(`guest-${index}`, PEOPLE_PER_NODE)) {
      await pause((Math.random() * LONGEST_CALL_SECONDS * 1_000) / PEOPLE_PER_NODE)
      fleet.node(name).leave(guest)
    }
  })
  // kubectl gives up earlier than people do; whoever drains asks again.
  const drain = () => kubectl(['drain', 'kwok-0', '--timeout=50s']).then(() => true)
  await until('kwok-0 to be drained', drain, { withinMs: 300_000, everyMs: 1_000 })
  const tookMs = performance.now() - begunAt
  await Promise.all(leaving)
  const { joined, left, moved, cut } = fleet.ledger.totals()
  log(
    `${DRAINED} nodes left the host in ${seconds(tookMs)}: ${joined} joined, ${left} left, ${moved} moved, ${cut} cut`,
  )
  return {
    figures: [
      {
        what: `drain of a host with ${DRAINED} nodes: sessions that did not end by themselves`,
        measured: `${joined - left} of ${joined}`,
        goal: '0',
        isMet: joined === left,
      },
      {
        what: `drain of a host with ${DRAINED} nodes, calls of up to ${LONGEST_CALL_SECONDS} s`,
        measured: seconds(tookMs),
      },
    ],
    details: [
      `Drain: ${joined} joined, ${left} left by themselves, ${moved} moved, ${cut} cut, in ${seconds(tookMs)}.`,
    ],
  }
}

const fleetOf = ({ cluster: { kubeconfigPath, registry } }: Stage) => ({
  kubeconfigPath,
  registry: { endpoints: registry.endpoints },
})
