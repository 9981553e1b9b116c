// Hosts that announce their end and may take it back, as autoscalers and people write it: what becomes of the nodes on them, with
// a real API server, the real judgement of the agents, and people on simulated SFUs.
import assert from 'node:assert/strict'
import type { Intent } from '../../../operator/api/intent.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { until } from '../../cluster/until.ts'
import { simClass } from '../harness/class.ts'
import type { World } from '../harness/world.ts'
import { isClosed, isOpen, type PoolScene, suiteOfPools } from '../pool/pool-scene.ts'

const OWN_HOSTS = 'example.com/reaction'

/** Two fake hosts that only this scene's nodes are on; resolves with the name of their class. */
async function ownHosts(scene: PoolScene, { apply }: World, first: number): Promise<string> {
  const className = `reaction-${first}`
  for (const host of [`kwok-${first}`, `kwok-${first + 1}`])
    await scene.kubectl('label', 'node', host, `${OWN_HOSTS}=${className}`)
  await apply(simClass(className, { pod: { nodeSelector: { [OWN_HOSTS]: className } } }))
  return className
}

const taint = (scene: PoolScene, host: string, words: string) => scene.kubectl('taint', 'node', host, words)
const hostOf = async (scene: PoolScene, node: string): Promise<string> =>
  (await scene.node(node)).status?.nodeName ?? assert.fail('it has no host')

const disruptedOf = ({ status }: RTCNode) => status?.conditions?.find(({ type }) => type === 'Disrupted')
const isDisrupted = (node: RTCNode): boolean => disruptedOf(node)?.status === 'True'

/** Resolves when the intent in the registry is like that. */
async function expectIntent(
  world: World,
  key: string,
  what: string,
  holds: (intent: Intent) => boolean,
): Promise<void> {
  const look = async (): Promise<boolean> => {
    const value = await world.etcd.get(`/sfu/intents/${key}`).string()
    return value !== null && holds(JSON.parse(value) as Intent)
  }
  await until(`intent of ${key}: ${what}`, look, { withinMs: 60_000, everyMs: 100 })
}

/** All scenes share the counter, and no other of them has people moved off. */
async function cutByTheirHost({ operator }: World): Promise<number> {
  const [, count] = /^rtcnode_participants_cut_total\{cause="host-going"\} (\d+)$/m.exec(await operator.metrics()) ?? []
  return Number(count ?? assert.fail('it is not counted'))
}

suiteOfPools('hosts that announce their end', { cluster: { kwokNodes: 7 }, sideBySide: 3 }, promise => {
  promise(
    'Karpenter takes a host and gives it back: replaced first, closed, and opened again',
    async (scene, world) => {
      const pool = await scene.runningPool({ className: await ownHosts(scene, world, 0), replicas: 2 })
      const [busy = ''] = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
      const host = await hostOf(scene, busy)
      await scene.occupy(busy, 3)
      const onHost = (await scene.nodesOf(pool)).filter(({ status }) => status?.nodeName === host).length

      await taint(scene, host, 'karpenter.sh/disrupted:NoSchedule')
      const told = await scene.expectNode(busy, 'told of its host', isDisrupted)
      assert.deepEqual([told.status?.disruption?.kind, disruptedOf(told)?.reason], ['Planned', 'KarpenterDisruption'])
      await scene.expectHeartbeat(busy, 'closed', ({ state }) => state === 'closed')
      await scene.expectPool(pool, 'tells of it', ({ status }) => (status?.disruptedReplicas ?? 0) >= 1)
      await scene.expectNodes(pool, 'replaced elsewhere', nodes => {
        const closed = nodes.find(({ metadata }) => metadata.name === busy)
        const elsewhere = nodes.filter(node => isOpen(node) && node.status?.nodeName !== host).length
        return elsewhere === 2 && closed !== undefined && isClosed(closed)
      })
      assert.equal((await scene.node(busy)).metadata.annotations?.['rtcnode.io/closed-by-pool'], 'HostGoing')
      assert.match(await scene.kubectl('get', 'rtcn', busy), /DISRUPTED[^]*Planned/)
      assert.equal(scene.everMade(pool), 2 + onHost, 'one for each that goes')
      assert.equal(scene.sfu(busy).present.length, 3)

      await taint(scene, host, 'karpenter.sh/disrupted-')
      await scene.expectNode(busy, 'told that its host stays', node => disruptedOf(node)?.status === 'False')
      await scene.expectNodes(pool, 'the busy one is open again, among two', nodes => {
        const open = nodes.filter(isOpen)
        return nodes.length === 2 && open.length === 2 && open.some(({ metadata }) => metadata.name === busy)
      })
      await scene.expectHeartbeat(busy, 'serving', ({ state, sessions }) => state === 'serving' && sessions === 3)
      await scene.expectProgress(pool, 'Complete')
    },
  )

  promise(
    'their only host goes and pods come there all the same: one more is made, no more, and nobody is closed for it',
    async (scene, { apply }) => {
      const className = 'reaction-only-host'
      const pod = { nodeSelector: { 'kubernetes.io/hostname': 'kwok-6' }, tolerations: [{ operator: 'Exists' }] }
      await apply(simClass(className, { pod }))
      const pool = await scene.runningPool({ className, replicas: 2 })
      const busy = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
      for (const node of busy) await scene.occupy(node, 2)
      await taint(scene, 'kwok-6', 'karpenter.sh/disrupted:NoSchedule')
      await scene.expectNodes(pool, 'one more, up where it is of no use', nodes => {
        const late = nodes.filter(({ metadata }) => !busy.includes(metadata.name))
        return late.length === 1 && late.every(node => isDisrupted(node) && node.status?.phase === 'Running')
      })
      await scene.expectMadeNoMore(pool, 5_000)
      assert.equal(scene.everMade(pool), 3)
      assert.ok((await scene.nodesOf(pool)).every(node => !isClosed(node)))

      await taint(scene, 'kwok-6', 'karpenter.sh/disrupted-')
      await scene.expectNodes(pool, 'the busy ones are left, and open', nodes => {
        const open = nodes.filter(isOpen)
        return nodes.length === 2 && open.length === 2 && open.every(({ metadata }) => busy.includes(metadata.name))
      })
      assert.equal(scene.everMade(pool), 3)
    },
  )

  promise(
    'Cluster Autoscaler thinks of it, decides, and gives up: fewer rooms, none, and all again',
    async (scene, world) => {
      const className = await ownHosts(scene, world, 2)
      const node = await scene.busyNode({ className })
      const host = await hostOf(scene, node)
      const key = scene.key(node)
      await taint(scene, host, 'DeletionCandidateOfClusterAutoscaler=1700000000:PreferNoSchedule')
      await expectIntent(world, key, 'a quarter of its share', it => it.admission === 'open' && it.weight === 0.25)
      await scene.expectNode(node, 'told that it may go', ({ status }) => status?.disruption?.kind === 'Advisory')
      await taint(scene, host, 'ToBeDeletedByClusterAutoscaler=1700000000:NoSchedule')
      await scene.kubectl('cordon', host)
      await expectIntent(world, key, 'closed', it => it.admission === 'closed' && it.drain === undefined)
      await scene.expectReason(node, 'HostGoing')
      await scene.kubectl(
        'taint',
        'node',
        host,
        'ToBeDeletedByClusterAutoscaler-',
        'DeletionCandidateOfClusterAutoscaler-',
      )
      await scene.expectNode(node, 'still cordoned', it => disruptedOf(it)?.reason === 'Cordoned')
      await scene.kubectl('uncordon', host)
      await expectIntent(world, key, 'open', it => it.admission === 'open' && it.weight === 1)
      await scene.expectReason(node, 'Serving')
      await scene.expectHeartbeat(node, 'serving', ({ state, sessions }) => state === 'serving' && sessions === 2)
    },
  )

  promise(
    'an end that is Imminent moves people off at once; the host kept, the node serves again',
    async (scene, world) => {
      const className = await ownHosts(scene, world, 4)
      const node = await scene.busyNode({ className })
      // No deadline of an RTCNode covers them: their host goes.
      scene.judgesItself(node)
      const host = await hostOf(scene, node)
      const cutBefore = await cutByTheirHost(world)
      await taint(scene, host, 'aws-node-termination-handler/spot-itn=x:NoSchedule')
      await scene.expectHeartbeat(
        node,
        'nobody is left',
        ({ state, sessions }) => state === 'draining' && sessions === 0,
      )
      await scene.expectNode(node, 'told of it', ({ status }) => status?.disruption?.kind === 'Imminent')
      await expectIntent(
        world,
        scene.key(node),
        'evict',
        ({ drain }) => drain?.reason === 'Disrupted' && drain.stage === 'evict',
      )
      assert.equal((await cutByTheirHost(world)) - cutBefore, 2)
      assert.equal((await scene.node(node)).metadata.deletionTimestamp, undefined)
      await taint(scene, host, 'aws-node-termination-handler/spot-itn-')
      await scene.expectReason(node, 'Serving')
      await scene.expectHeartbeat(node, 'serving', ({ state }) => state === 'serving')
      await scene.sfu(node).join('carol')
      await scene.expectHeartbeat(node, 'carol', ({ state, sessions }) => state === 'serving' && sessions === 1)
    },
  )
})
