// The simulated fleet keeps its own promises, without an operator: pods are made by hand, intents written by hand.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Etcd3 } from 'etcd3'
import { type Heartbeat, heartbeatSchema } from '../../../operator/api/heartbeat.ts'
import type { Intent } from '../../../operator/api/intent.ts'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { until } from '../../cluster/until.ts'
import { type SfuFleet, startFleet } from '../../sfu/fleet.ts'

let cluster: Cluster
let fleet: SfuFleet
let etcd: Etcd3

before(async () => {
  cluster = await startCluster({ kwokNodes: 1 })
  fleet = await startFleet({
    kubeconfigPath: cluster.kubeconfigPath,
    registry: { endpoints: cluster.registry.endpoints },
  })
  etcd = new Etcd3({ hosts: cluster.registry.endpoints })
})
after(async () => {
  etcd?.close()
  await fleet?.stop()
  await cluster?.stop()
})

const pods = '/api/v1/namespaces/default/pods'

async function createPod(name: string, graceSeconds = 600): Promise<string> {
  const environment = { RTCNODE_HEARTBEAT_SECONDS: '1', RTCNODE_LEASE_TTL_SECONDS: '5' }
  const env = Object.entries(environment).map(([key, value]) => ({ name: key, value }))
  const { metadata } = (await cluster.api.call('POST', pods, {
    metadata: { name, labels: { 'rtcnode.io/node': name } },
    spec: {
      terminationGracePeriodSeconds: graceSeconds,
      tolerations: [{ operator: 'Exists' }],
      initContainers: [{ name: 'rtcnode-agent', image: 'agent', restartPolicy: 'Always', env }],
      containers: [{ name: 'sfu', image: 'sfu' }],
    },
  })) as { metadata: { uid: string } }
  await fleet.node(name).running()
  return metadata.uid
}
const deletePod = (name: string, body: object = {}): Promise<unknown> =>
  cluster.api.call('DELETE', `${pods}/${name}`, body)
const podGone = (name: string): Promise<unknown> =>
  until(`pod ${name} to go`, async () => (await cluster.kubectl(['get', 'pod', name, '--ignore-not-found'])) === '', {
    withinMs: 15_000,
  })

const valueOf = async (name: string): Promise<string | null> => etcd.get(`/sfu/nodes/default/${name}`).string()
const beat = (name: string, what: string, fits: (heartbeat: Heartbeat) => boolean): Promise<Heartbeat> =>
  until(
    what,
    async () => {
      const heartbeat = heartbeatSchema.parse(JSON.parse((await valueOf(name)) ?? 'null'))
      return fits(heartbeat) ? heartbeat : undefined
    },
    { withinMs: 10_000 },
  )
const intend = (name: string, intent: Partial<Intent>): Promise<unknown> =>
  etcd
    .put(`/sfu/intents/default/${name}`)
    .value(JSON.stringify({ admission: 'closed', weight: 1, ...intent }))
    .exec()
const drain = (stage: 'wait' | 'evict' | 'leave') => ({
  drain: { reason: 'Deleted', deadline: '2030-01-01T00:00:00Z', stage },
})

test('a running pod registers; who joins is counted; a drain is acknowledged; told to leave, its key goes', async () => {
  const podUID = await createPod('plain')
  const call = await fleet.node('plain').join('alice', 'bob')
  const counted = await beat('plain', 'two people', heartbeat => heartbeat.sessions === 2)
  assert.equal(counted.podUID, podUID)
  await intend('plain', { podUID, ...drain('wait') })
  await beat('plain', 'draining', heartbeat => heartbeat.state === 'draining' && heartbeat.ackIntent !== undefined)
  call.leave()
  await beat('plain', 'empty', heartbeat => heartbeat.sessions === 0)
  await intend('plain', { podUID, ...drain('leave') })
  await until('the key to go', async () => (await valueOf('plain')) === null, { withinMs: 30_000 })
  await deletePod('plain')
  await podGone('plain')
  assert.deepEqual(fleet.ledger.early(), [])
})

test('a pod deleted under a call stays until the last one has left', async () => {
  await createPod('patient')
  await fleet.node('patient').join('carol', 'dave')
  await deletePod('patient')
  await beat('patient', 'draining', heartbeat => heartbeat.state === 'draining')
  fleet.node('patient').leave('carol')
  await beat('patient', 'one left', heartbeat => heartbeat.sessions === 1)
  assert.equal(fleet.node('patient').isRunning, true)
  fleet.node('patient').leaveAll()
  await podGone('patient')
  assert.deepEqual(fleet.ledger.early(), [])
})

test('the judge sees people who were moved without a deadline, and people whose pod was taken away', async () => {
  const podUID = await createPod('hasty')
  await fleet.node('hasty').join('erin', 'frank')
  await intend('hasty', { podUID, ...drain('evict') })
  await until('both moved', () => fleet.ledger.totals().moved === 2, { withinMs: 30_000 })
  await fleet.node('hasty').join('grace')
  await deletePod('hasty', { gracePeriodSeconds: 0 })
  await until('one cut', () => fleet.ledger.totals().cut === 1, { withinMs: 30_000 })
  assert.equal(fleet.ledger.cutEarly, 3)
})

test('a silent agent lets its key run out while the call goes on; a recovered one is back', async () => {
  await createPod('silent')
  await fleet.node('silent').join('heidi')
  await beat('silent', 'counted', heartbeat => heartbeat.sessions === 1)
  fleet.node('silent').silence()
  await until('the key to run out', async () => (await valueOf('silent')) === null, { withinMs: 12_000 })
  assert.deepEqual(fleet.node('silent').present, ['heidi'])
  fleet.node('silent').recovers()
  await beat('silent', 'counted again', heartbeat => heartbeat.sessions === 1)
  fleet.node('silent').silence()
  fleet.node('silent').leaveAll()
  await deletePod('silent')
  await podGone('silent')
})

test('a hanging SFU keeps its key and lets it age; a crashed one is a new boot with nobody on it', async () => {
  await createPod('sick')
  await fleet.node('sick').join('ivan')
  const { bootId } = await beat('sick', 'counted', heartbeat => heartbeat.sessions === 1)
  fleet.node('sick').hang()
  await until(
    'a last beat',
    async () => {
      const value = await valueOf('sick')
      await new Promise(wait => setTimeout(wait, 1_500))
      return value !== null && value === (await valueOf('sick'))
    },
    { withinMs: 10_000 },
  )
  fleet.node('sick').recovers()
  fleet.node('sick').crash()
  await beat('sick', 'a new boot', heartbeat => heartbeat.bootId !== bootId && heartbeat.sessions === 0)
  assert.equal(fleet.ledger.totals().fault, 1)
})

test('one that never empties is killed by its grace period; one that ignores intents is not drained; raw values are put', async () => {
  const podUID = await createPod('stubborn', 8)
  const node = fleet.node('stubborn')
  node.neverEmpties()
  await beat('stubborn', 'somebody there', heartbeat => heartbeat.sessions === 1)
  node.ignoresIntents()
  await intend('stubborn', { podUID, ...drain('leave') })
  node.latency({ joinLatencyP99Ms: 900, joins: 40 })
  await beat(
    'stubborn',
    'serving all the same',
    heartbeat => heartbeat.state === 'serving' && heartbeat.joinLatencyP99Ms === 900,
  )
  node.writes('{"cpu":"lots"}')
  await until('the raw value', async () => (await valueOf('stubborn')) === '{"cpu":"lots"}', { withinMs: 30_000 })
  await deletePod('stubborn')
  await podGone('stubborn')
})
