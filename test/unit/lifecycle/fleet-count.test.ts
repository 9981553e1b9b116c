// The fleet in numbers, as a scrape gets them: each pool for itself, and nothing left of what is gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { API_VERSION, type ObjectKey, splitKey, type Uid } from '../../../operator/api/meta.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import type { Cache } from '../../../operator/kube/cache.ts'
import { lifecycleMetrics } from '../../../operator/lifecycle/metrics.ts'
import { nodeExposition } from '../../../operator/lifecycle/node-metrics.ts'
import type { NodeLoad } from '../../../operator/load/node-load.ts'
import type { Registration } from '../../../operator/registry/registration.ts'
import { type Exposition, metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { fakeClock } from '../fake-clock.ts'
import {
  absent,
  aDrainingNode,
  aNode,
  aRunningNode,
  at,
  condition,
  fresh,
  poolMark,
  runningStatus,
  timeAt,
} from './build.ts'

interface Traits {
  readonly pool?: string
  readonly registration?: Registration
  readonly pressure?: number
}

/** What operator/lifecycle tells of these nodes at `at(seconds)`, line by line, without comments. */
function scraper() {
  const nodes = new Map<string, RTCNode>()
  const seen = new Map<string, Traits>()
  let seconds = 0
  const registry = metricRegistry()
  const nameIn = (key: ObjectKey): string => splitKey(key).name
  const sources = {
    nodeCache: { list: () => nodes.values() } as unknown as Cache<RTCNode>,
    fleet: { registration: (key: ObjectKey) => seen.get(nameIn(key))?.registration ?? absent(5) },
    loads: {
      of(key: ObjectKey) {
        const pressure = seen.get(nameIn(key))?.pressure
        return pressure === undefined ? undefined : ({ heard: true, reading: { pressure } } as NodeLoad)
      },
    },
    clock: fakeClock(),
    serverClock: { now: () => at(seconds) },
  }
  lifecycleMetrics(registry, sources)
  let leads = true
  const ofNodes = nodeExposition(sources, () => leads)
  const lines = async (of: Exposition) =>
    (await of.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return {
    put(name: string, node: RTCNode, { pool, ...traits }: Traits = {}) {
      const owner = {
        apiVersion: API_VERSION,
        kind: 'RTCNodePool',
        name: pool ?? '',
        uid: 'u' as Uid,
        controller: true,
      }
      const metadata = { ...node.metadata, name, ...(pool === undefined ? {} : { ownerReferences: [owner] }) }
      nodes.set(name, { ...node, metadata })
      seen.set(name, traits)
    },
    remove: (name: string) => void nodes.delete(name),
    async fleetAt(now: number) {
      seconds = now
      return lines(registry)
    },
    lead(does: boolean) {
      leads = does
    },
    async nodesAt(now: number) {
      seconds = now
      return lines(ofNodes)
    },
  }
}

const eu = 'namespace="media",pool="eu"'

test('nodes by phase and reason, people, and room left, for each pool', async () => {
  const scrape = scraper()
  scrape.put('a', aRunningNode(), { pool: 'eu', registration: fresh({ sessions: 7 }), pressure: 0.25 })
  scrape.put('b', aRunningNode(), { pool: 'eu', registration: fresh({ sessions: 5 }), pressure: 1.5 })
  scrape.put('c', aNode(), { pool: 'eu' })
  scrape.put('alone', aRunningNode({ status: { ...runningStatus, load: { sessions: 2, observedAt: timeAt(1) } } }))
  const told = await scrape.fleetAt(10)
  for (const line of [
    `rtcnode_nodes{${eu},phase="Running",reason="Serving"} 2`,
    `rtcnode_nodes{${eu},phase="Pending",reason="Pending"} 1`,
    'rtcnode_nodes{namespace="media",pool="",phase="Running",reason="Serving"} 1',
    `rtcnode_sessions{${eu}} 12`,
    'rtcnode_sessions{namespace="media",pool=""} 2',
    `rtcnode_open_capacity_nodes{${eu}} 0.75`,
    `rtcnode_drain_overdue_seconds{${eu}} 0`,
  ])
    assert.ok(told.includes(line), `${line} in\n${told.join('\n')}`)
  assert.ok(!told.some(line => line.startsWith('rtcnode_open_capacity_nodes{namespace="media",pool=""}')))
})

test('drains: those deleted, and those that their pool has closed; not those that people have cordoned', async () => {
  const scrape = scraper()
  const closed = { spec: { cordoned: true }, annotations: poolMark('RollOut', timeAt(500)) }
  scrape.put('deleted', aDrainingNode(), { pool: 'eu' })
  scrape.put('closed', aRunningNode(closed), { pool: 'eu', pressure: 0 })
  scrape.put('cordoned', aRunningNode({ spec: { cordoned: true } }), { pool: 'eu', pressure: 0 })
  const told = await scrape.fleetAt(190)
  assert.deepEqual(
    told.filter(line => line.startsWith('rtcnode_drain')),
    [
      `rtcnode_drains{${eu},reason="Deleted"} 1`,
      `rtcnode_drains{${eu},reason="RollOut"} 1`,
      `rtcnode_drain_overdue_seconds{${eu}} 30`,
    ],
  )
  assert.ok(!told.some(line => line.startsWith('rtcnode_open_capacity_nodes')), 'none of them takes rooms')
})

test('what is gone leaves no series, of a reason, a pool or a node', async () => {
  const scrape = scraper()
  scrape.put('a', aRunningNode(), { pool: 'eu', registration: fresh({ sessions: 1, cpu: 50 }), pressure: 0.5 })
  scrape.put('b', aNode(), { pool: 'us' })
  assert.ok((await scrape.fleetAt(1)).some(line => line.includes('pool="us"')))
  assert.ok((await scrape.nodesAt(1)).some(line => line.includes('node="b"')))
  scrape.remove('b')
  const unwell = { ...runningStatus, conditions: [condition('Ready', 'Unknown', 'TelemetryLost')] }
  scrape.put('a', aRunningNode({ status: unwell }), { pool: 'eu' })
  const told = await scrape.fleetAt(2)
  assert.deepEqual(
    told.filter(line => line.startsWith('rtcnode_nodes')),
    [`rtcnode_nodes{${eu},phase="Running",reason="TelemetryLost"} 1`],
  )
  assert.ok(!told.some(line => line.includes('pool="us"') || line.startsWith('rtcnode_open_capacity')))
  assert.deepEqual(
    (await scrape.nodesAt(2)).map(line => line.slice(0, line.indexOf('{'))),
    ['rtcnode_node_info'],
    'no figure of a node that is not heard of',
  )
  scrape.remove('a')
  assert.deepEqual([...(await scrape.fleetAt(3)), ...(await scrape.nodesAt(3))], [])
})

test('a node tells where it stands, what its heartbeat says in base units, and until when it drains', async () => {
  const scrape = scraper()
  const beat = { cpu: 42, bandwidthMbps: 8, joinLatencyP99Ms: 250, packetLossPercent: 1, streams: 9, sessions: 3 }
  scrape.put('a', aDrainingNode(), { pool: 'eu', registration: fresh(beat), pressure: 0.5 })
  const its = 'namespace="media",pool="eu",node="a"'
  assert.deepEqual((await scrape.nodesAt(120)).sort(), [
    `rtcnode_node_bandwidth_bytes_per_second{${its}} 1000000`,
    `rtcnode_node_cpu_ratio{${its}} 0.42`,
    `rtcnode_node_drain_deadline_timestamp_seconds{${its}} ${at(160) / 1_000}`,
    `rtcnode_node_heartbeat_age_seconds{${its}} 1`,
    `rtcnode_node_info{${its},phase="Terminating",reason="Serving",host="host-1",class="livekit"} 1`,
    `rtcnode_node_join_latency_p99_seconds{${its}} 0.25`,
    `rtcnode_node_packet_loss_ratio{${its}} 0.01`,
    `rtcnode_node_pressure{${its}} 0.5`,
    `rtcnode_node_sessions{${its}} 3`,
    `rtcnode_node_streams{${its}} 9`,
  ])
})

test('a node is told by the leader alone, and whatever is in a label stays in it', async () => {
  const scrape = scraper()
  const odd = { ...runningStatus, nodeName: 'a"b\\c\nd' }
  scrape.put('a', aRunningNode({ status: odd }))
  const [info = ''] = await scrape.nodesAt(1)
  assert.ok(info.includes('host="a\\"b\\\\c\\nd"'), info)
  scrape.lead(false)
  assert.deepEqual(await scrape.nodesAt(1), [])
})
