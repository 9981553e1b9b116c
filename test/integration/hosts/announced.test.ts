// A schedule is about to begin, and its hosts have to be made before: Cluster Autoscaler is asked by a ProvisioningRequest (what it
// answers is replayed, test/cluster/provisioning-requests.ts), and head-room keeps the room where that is of no help.
import assert from 'node:assert/strict'
import type { Pod } from '../../../operator/api/core.ts'
import type { KubeObject } from '../../../operator/api/meta.ts'
import type { PoolAnnounced } from '../../../operator/api/rtcnodepool.ts'
import type { ProvisioningRequest } from '../../../operator/cluster/announced/request.ts'
import { crdsEstablished } from '../../cluster/crds.ts'
import { type Provisioner, provisioner, provisioningRequestCrd } from '../../cluster/provisioning-requests.ts'
import { until } from '../../cluster/until.ts'
import { type AutoscalerScene, autoscalerScene } from '../autoscaler/autoscaler-scene.ts'
import { headroomPriority } from '../harness/class.ts'
import { startOperator } from '../harness/operator.ts'
import { type Declare, startWorld, startWorldWith, suiteIn, type World } from '../harness/world.ts'
import { isOpen, poolScene } from '../pool/pool-scene.ts'

interface Stage extends Provisioner {
  readonly scene: AutoscalerScene
  readonly world: World
  /** A running pool of two nodes with an autoscaler whose schedule asks for five. */
  announce(wait: 'soon' | 'later', headroom?: { nodes: 'auto' }): Promise<Announced>
  /** Resolves with the one request there is, when it holds for it. */
  expectRequest(what: string, holds?: (request: ProvisioningRequest) => unknown): Promise<ProvisioningRequest>
  /** No request and no template of this namespace is left. */
  expectNothingLeft(): Promise<void>
  expectTold(what: string, holds: (announced: PoolAnnounced | undefined) => unknown): Promise<void>
  balloons(): Promise<Pod[]>
}

interface Announced {
  readonly startsAt: Date
  readonly schedules: readonly object[]
}

const POOL = 'eu'
const WITHIN_MS = 180_000

function stageOf(scene: AutoscalerScene, world: World): Stage {
  const { api } = world.cluster
  const { namespace } = scene
  const requests = provisioner(api, namespace)
  const list = async <T>(path: string): Promise<T[]> => ((await api.call('GET', path)) as { items: T[] }).items
  const stage: Stage = {
    ...requests,
    scene,
    world,
    async announce(wait, headroom) {
      await scene.runningPool({ name: POOL, spec: { headroom } })
      const startsAt = startIn(wait === 'soon' ? 30 : 150)
      const schedules = [{ name: 'all-hands', start: lineOf(startsAt, 0), end: lineOf(startsAt, 2), minReplicas: 5 }]
      await scene.applyAutoscaler({ spec: { minReplicas: 2, schedules } })
      return { startsAt, schedules }
    },
    expectRequest: (what, holds = () => true) =>
      until(
        `a request ${what}`,
        async () => {
          const found = await requests.requests()
          assert.ok(found.length <= 1, 'one request for a start')
          return found[0] !== undefined && holds(found[0]) ? found[0] : undefined
        },
        { withinMs: WITHIN_MS, everyMs: 200 },
      ),
    expectNothingLeft: () =>
      until(
        'no request and no template',
        async () => {
          const templates = await list(`/api/v1/namespaces/${namespace}/podtemplates`)
          return (await requests.requests()).length + templates.length === 0
        },
        { withinMs: WITHIN_MS, everyMs: 500 },
      ).then(() => {}),
    async expectTold(what, holds) {
      await scene.expectPool(POOL, what, ({ status }) => holds(status?.announced), { withinMs: WITHIN_MS })
    },
    balloons: () => list(`/api/v1/namespaces/${namespace}/pods?labelSelector=rtcnode.io/headroom%3D${POOL}`),
  }
  return stage
}

/** At a full minute, as cron has them; all within the lead of a host that was never measured. */
function startIn(seconds: number): Date {
  const minute = 60_000
  return new Date(Math.ceil((Date.now() + seconds * 1_000) / minute) * minute)
}

const lineOf = (at: Date, hours: number): string => `${at.getUTCMinutes()} ${(at.getUTCHours() + hours) % 24} * * *`

type Play = (stage: Stage) => Promise<void>

const declared =
  (declare: (promise: (name: string, play: Play) => void) => void) =>
  (promise: Declare): void =>
    declare((name, play) =>
      promise(name, (scene, world) => play(stageOf(autoscalerScene(poolScene(scene, world), world), world))),
    )

async function startWorldWithRequests(): Promise<World> {
  const world = await startWorldWith(async cluster => {
    await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(provisioningRequestCrd) })
    await crdsEstablished(cluster, [`crd/${provisioningRequestCrd.metadata.name}`])
    return startOperator(cluster)
  })
  await world.apply(headroomPriority)
  return world
}

async function startPlainWorld(): Promise<World> {
  const world = await startWorld()
  await world.apply(headroomPriority)
  return world
}

const isBy = (by: PoolAnnounced['by'], message?: RegExp) => (told: PoolAnnounced | undefined) =>
  told?.by === by && (message?.test(told.message ?? '') ?? true)

suiteIn(
  startWorldWithRequests,
  'a schedule begins soon, where there are ProvisioningRequests',
  4,
  declared(promise => {
    promise('one request before it begins, none after; what Cluster Autoscaler says is told', async stage => {
      const { scene } = stage
      const { startsAt } = await stage.announce('soon')
      const { metadata, spec } = await stage.expectRequest('for what the pool lacks')
      assert.deepEqual([spec.podSets[0]?.count, spec.podSets.length], [3, 1])
      assert.equal(metadata.name, `${POOL}-announced-${startsAt.toISOString().replace(/\D/g, '').slice(0, 12)}-1`)
      assert.equal(metadata.ownerReferences?.[0]?.uid, (await scene.pool(POOL)).metadata.uid)
      const templates = await scene.kubectl('get', 'podtemplates', '-o', 'json')
      const [template, ...others] = (JSON.parse(templates) as { items: KubeObject[] }).items
      assert.deepEqual([template?.metadata.name, others.length], [spec.podSets[0]?.podTemplateRef.name, 0])
      assert.equal(template?.metadata.ownerReferences?.[0]?.uid, metadata.uid)
      await stage.expectTold('asked', isBy('ProvisioningRequest'))

      await stage.write({ conditions: 'what is no condition' })
      await stage.write({ conditions: [{}, { type: 'Failed' }, { type: 'Accepted', status: 1 }] })
      await stage.write({ conditions: null })
      await stage.turn('not found')
      await stage.expectTold('no hosts yet', isBy('ProvisioningRequest', /^CapacityIsNotFound: /))
      await stage.turn()
      await stage.expectTold('hosts are made', isBy('ProvisioningRequest', /^CapacityIsProvisioned: /))
      await stage.expireBookings()
      await stage.expectTold('booked no more', isBy('ProvisioningRequest', /^CapacityReservationTimeExpired: /))
      await stage.expectRequest('that is still the first', it => it.metadata.uid === metadata.uid)

      await scene.expectReplicas(POOL, 5, { withinMs: WITHIN_MS })
      await stage.expectNothingLeft()
      await stage.expectTold('nothing announced', told => told === undefined)
      await scene.expectNodes(POOL, 'all five', nodes => nodes.filter(isOpen).length === 5)
      assert.equal((await announcements(stage)).length, 1)
    })

    promise('it fails: head-room keeps the room until pods take it, and falls at once', async stage => {
      const { scene } = stage
      await stage.announce('soon', { nodes: 'auto' })
      await stage.expectRequest('to be given up')
      await stage.giveUp()
      await stage.expectTold('by head-room', isBy('Headroom', /^Expired: /))
      const keeps = (wanted: number) =>
        scene.expectPool(POOL, `room for ${wanted}`, ({ status }) => status?.headroom?.wanted === wanted, {
          withinMs: WITHIN_MS,
        })
      await keeps(3)
      await until('three places', async () => (await stage.balloons()).length === 3, { withinMs: 60_000 })
      await scene.expectReplicas(POOL, 5, { withinMs: WITHIN_MS })
      await keeps(1)
      await stage.expectNothingLeft()
      await stage.expectTold('nothing announced', told => told === undefined)
      await scene.expectNodes(POOL, 'all five', nodes => nodes.filter(isOpen).length === 5)
    })

    promise('more is asked for anew; nothing, when the autoscaler is paused or the schedule gone', async stage => {
      const { scene } = stage
      const { schedules } = await stage.announce('later')
      const { metadata } = await stage.expectRequest('for three', it => it.spec.podSets[0]?.count === 3)
      await scene.patchAutoscaler('a', { schedules: [{ ...schedules[0], minReplicas: 7 }] })
      await stage.expectRequest('for five, another', it => {
        return it.spec.podSets[0]?.count === 5 && it.metadata.uid !== metadata.uid
      })
      await scene.patchAutoscaler('a', { paused: true })
      await stage.expectNothingLeft()
      await scene.patchAutoscaler('a', { paused: false })
      await stage.expectRequest('again')
      await scene.patchAutoscaler('a', { schedules: [] })
      await stage.expectNothingLeft()
      await stage.expectTold('nothing announced', told => told === undefined)
    })

    promise('a quota is quoted, and when it is gone the request is made', async stage => {
      const { scene, world } = stage
      const none = { 'count/provisioningrequests.autoscaling.x-k8s.io': '0', 'count/podtemplates': '0' }
      const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none', namespace: scene.namespace } }
      await world.apply({ ...quota, spec: { hard: none } })
      await scene.kubectl('wait', '--for=jsonpath={.status.hard}', '--timeout=60s', 'resourcequota/none')
      await stage.announce('later')
      await stage.expectTold('refused', isBy('Nothing', /^provisioningrequests.* is forbidden: .* quota: none/))
      assert.deepEqual(await stage.requests(), [])
      await world.apply({ ...quota, spec: { hard: { 'count/podtemplates': '0' } } })
      await stage.expectTold('a template is refused', isBy('Nothing', /^podtemplates.* is forbidden: .* quota: none/))
      const { metadata } = await stage.expectRequest('without its template')
      await scene.kubectl('delete', 'resourcequota', 'none')
      await stage.expectTold('asked', isBy('ProvisioningRequest'))
      await stage.turn()
      await stage.expectTold('hosts are made', isBy('ProvisioningRequest', /^CapacityIsProvisioned: /))
      await stage.expectRequest('that is still the first', it => it.metadata.uid === metadata.uid)
    })

    promise('a request of that name that is somebody else’s stays as it is', async stage => {
      const { scene } = stage
      await stage.announce('later')
      const { metadata, spec } = await stage.expectRequest('of ours')
      await scene.patchAutoscaler('a', { paused: true })
      await stage.expectNothingLeft()
      const foreign = { apiVersion: 'autoscaling.x-k8s.io/v1', kind: 'ProvisioningRequest', spec }
      const { name, namespace, labels } = metadata
      await stage.world.apply({ ...foreign, metadata: { name, namespace, labels } })
      const { metadata: before } = await stage.expectRequest('of somebody else')
      await scene.patchAutoscaler('a', { paused: false })
      await stage.expectTold('taken', isBy('Nothing', /already exists/))
      const { metadata: after } = await stage.expectRequest('of somebody else')
      assert.deepEqual([after.uid, after.resourceVersion], [before.uid, before.resourceVersion])
    })

    promise('the operator ends between request and template, and after both: there is one of each', async stage => {
      const { scene, world } = stage
      await stage.announce('later')
      const first = await stage.expectRequest('of ours')
      const { name } = first.spec.podSets[0]?.podTemplateRef ?? assert.fail('no template is named')
      await stage.expectTold('asked', isBy('ProvisioningRequest'))
      await world.operator.kill()
      await scene.kubectl('delete', 'podtemplate', name)
      await world.operator.start()
      await until('the template again', () => scene.kubectl('get', 'podtemplate', name), {
        withinMs: 60_000,
        everyMs: 500,
      })
      await stage.expectRequest('that is still the first', it => it.metadata.uid === first.metadata.uid)

      // Cluster Autoscaler looks in between, and gives the request up for good.
      await world.operator.kill()
      await scene.kubectl('delete', 'podtemplate', name)
      await stage.turn()
      await world.operator.start()
      const second = await stage.expectRequest('made anew', it => it.metadata.uid !== first.metadata.uid)
      await until(
        'its template',
        () => scene.kubectl('get', 'podtemplate', second.spec.podSets[0]?.podTemplateRef.name ?? ''),
        { withinMs: 60_000, everyMs: 500 },
      )
      await stage.turn()
      await stage.expectTold('hosts are made', isBy('ProvisioningRequest', /^CapacityIsProvisioned: /))
    })
  }),
)

suiteIn(
  startPlainWorld,
  'a schedule begins soon, where there are no ProvisioningRequests',
  4,
  declared(promise => {
    promise('head-room keeps the room, beyond its share of the pool, and pods take it', async stage => {
      const { scene } = stage
      await stage.announce('soon', { nodes: 'auto' })
      await stage.expectTold('by head-room', isBy('Headroom', /serves no ProvisioningRequests/))
      await until('three places', async () => (await stage.balloons()).length === 3, { withinMs: 60_000 })
      await scene.expectReplicas(POOL, 5, { withinMs: WITHIN_MS })
      await stage.expectTold('nothing announced', told => told === undefined)
      await until('no more places than demand grows by', async () => (await stage.balloons()).length === 1, {
        withinMs: 60_000,
      })
    })

    promise(
      'without head-room the status says that nothing is done; nor is anything for a recommendation',
      async stage => {
        const { scene } = stage
        await stage.announce('later')
        await stage.expectTold('by nothing', isBy('Nothing', /serves no ProvisioningRequests/))
        assert.deepEqual(await stage.balloons(), [])
        await scene.patchAutoscaler('a', { mode: 'Recommend' })
        await stage.expectTold('nothing announced', told => told === undefined)
      },
    )
  }),
)

async function announcements({ scene, world }: Stage): Promise<object[]> {
  const path = `/apis/events.k8s.io/v1/namespaces/${scene.namespace}/events`
  const { items } = (await world.cluster.api.call('GET', path)) as { items: { reason: string }[] }
  return items.filter(({ reason }) => reason === 'Announced')
}
