// Whatever the operator does with objects in a life, told so that each of its rights is needed at least once.

import { BUDGET_NAME } from '../../../operator/cluster/protection/budget.ts'
import { anyKind } from '../../cluster/crds.ts'
import { provisioningRequestCrd } from '../../cluster/provisioning-requests.ts'
import { until } from '../../cluster/until.ts'
import type { AutoscalerScene } from '../autoscaler/autoscaler-scene.ts'
import { type Pair, roles } from '../faults/pair.ts'
import { simClass } from '../harness/class.ts'
import type { Operator } from '../harness/operator.ts'
import type { World } from '../harness/world.ts'
import { isOpen, only } from '../pool/pool-scene.ts'

type Apply = World['apply']

const pool = 'eu'
/** What happens twice becomes a series of events. */
const onceAndAgain = ['once', 'again']
const managedBy = 'app.kubernetes.io/managed-by'
const template = (region: string) => ({ metadata: { labels: { fleet: pool } }, spec: { className: 'sim', region } })

export async function playStories(scene: AutoscalerScene, apply: Apply, operators: Pair<Operator>): Promise<void> {
  await classesAreTried(scene, apply)
  await aNodeIsDisturbed(scene)
  await theBudgetIsDisturbed(scene)
  await aPoolTakesItOver(scene)
  await replicasAreSet(scene, apply)
  await itRollsOut(scene)
  await roomIsKept(scene, apply)
  await aScheduleIsAnnounced(scene, apply)
  await theLeaderLeaves(scene, operators)
  await everythingGoes(scene)
}

async function classesAreTried(scene: AutoscalerScene, apply: Apply): Promise<void> {
  for (const time of onceAndAgain) {
    await apply(simClass('broken', { container: { name: 'livekit' }, labels: { time } }))
    await expectAccepted(scene, 'broken', 'False')
  }
  await expectAccepted(scene, 'sim', 'True')
}

async function expectAccepted(scene: AutoscalerScene, name: string, status: string): Promise<void> {
  const condition = `--for=jsonpath={.status.conditions[?(@.type=="Accepted")].status}=${status}`
  await scene.kubectl('wait', condition, '--timeout=50s', `rtcnodeclass/${name}`)
}

/** Labels that are taken off come back. */
async function aNodeIsDisturbed(scene: AutoscalerScene): Promise<void> {
  const node = await scene.busyNode({ name: 'lone', region: 'elsewhere' })
  for (const _ of onceAndAgain) {
    await cordon(scene, node, true)
    await scene.expectReason(node, 'Cordoned')
    await cordon(scene, node, false)
    await scene.expectReason(node, 'Serving')
  }
  await scene.kubectl('label', 'pod', node, `${managedBy}-`)
  await scene.expectPod(node, 'labelled again', pod => pod?.metadata.labels?.[managedBy])
}

const cordon = (scene: AutoscalerScene, node: string, cordoned: boolean): Promise<string> =>
  scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', JSON.stringify({ spec: { cordoned } }))

/** What is changed in it is set right; with the last node it goes. */
async function theBudgetIsDisturbed(scene: AutoscalerScene): Promise<void> {
  await scene.kubectl('patch', 'pdb', BUDGET_NAME, '--type=merge', '-p', '{"spec":{"minAvailable":1}}')
  await scene.kubectl('wait', 'pdb', BUDGET_NAME, '--for=jsonpath={.spec.minAvailable}=1000000', '--timeout=50s')
}

async function aPoolTakesItOver(scene: AutoscalerScene): Promise<void> {
  await scene.kubectl('label', 'rtcn', 'lone', `fleet=${pool}`)
  await scene.runningPool({ replicas: 2, spec: { template: template('a'), revisionHistoryLimit: 0 } })
  const record = only(await scene.revisionsOf(pool)).metadata.name
  await scene.kubectl('label', 'controllerrevision', record, `${managedBy}-`)
  await scene.expectRevisions(pool, 'its label again', records => records.every(it => it.metadata.labels?.[managedBy]))
}

async function replicasAreSet(scene: AutoscalerScene, apply: Apply): Promise<void> {
  const hpa = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'by-people', namespace: scene.namespace },
  }
  const scaleTargetRef = { apiVersion: 'rtcnode.io/v1alpha1', kind: 'RTCNodePool', name: pool }
  await apply({ ...hpa, spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 3 } })
  const autoscaler = await scene.applyAutoscaler({ spec: { minReplicas: 3 } })
  await scene.expectActive(autoscaler, 'ExternallyManaged')
  await scene.kubectl('delete', 'hpa', hpa.metadata.name)
  await scene.expectReplicas(pool, 3)
  await scene.kubectl('delete', 'rtca', autoscaler)
}

/** The record of the old revision is forgotten with its last node. */
async function itRollsOut(scene: AutoscalerScene): Promise<void> {
  await scene.patchPool(pool, { template: template('b') })
  const isNew = ({ spec }: { spec: { region?: string | undefined } }): boolean => spec.region === 'b'
  await scene.expectNodes(
    pool,
    'three new ones are open',
    nodes => nodes.filter(it => isNew(it) && isOpen(it)).length === 3,
  )
  scene.sfu('lone').leaveAll()
  await scene.expectNodes(pool, 'the old ones are gone', nodes => nodes.every(isNew))
  await scene.expectRevisions(pool, 'one', records => records.length === 1)
  await scene.scale(pool, 2)
  await scene.expectNodes(pool, 'two are left', nodes => nodes.length === 2)
}

/** By pods, then by a buffer, as soon as the cluster serves that kind and somebody reads it. */
async function roomIsKept(scene: AutoscalerScene, apply: Apply): Promise<void> {
  const expectRoom = (by: string, wanted: number) =>
    scene.expectPool(
      pool,
      `room for ${wanted} by ${by}`,
      ({ status }) => {
        const { headroom } = status ?? {}
        return (
          headroom?.by === by && headroom.wanted === wanted && (by === 'CapacityBuffer' || headroom.ready === wanted)
        )
      },
      { withinMs: 100_000 },
    )
  await scene.patchPool(pool, { headroom: { nodes: 1 } })
  await expectRoom('Balloons', 1)
  await apply(anyKind('autoscaling.x-k8s.io', 'v1beta1', 'CapacityBuffer', 'Namespaced'))
  const read = { type: 'ReadyForProvisioning', status: 'True', reason: 'Resolved', message: 'as an autoscaler says' }
  const patch = JSON.stringify({ status: { conditions: [read] } })
  await until(
    'a buffer that can be read',
    () => scene.kubectl('patch', 'capacitybuffer', `${pool}-headroom`, '--type=merge', '-p', patch),
    { withinMs: 100_000, everyMs: 500 },
  )
  await expectRoom('CapacityBuffer', 1)
  await scene.patchPool(pool, { headroom: { nodes: 2 } })
  await scene.kubectl(
    'wait',
    'capacitybuffer',
    `${pool}-headroom`,
    '--for=jsonpath={.spec.replicas}=2',
    '--timeout=50s',
  )
  await scene.patchPool(pool, { headroom: null })
  await scene.kubectl('wait', 'capacitybuffer', `${pool}-headroom`, '--for=delete', '--timeout=50s')
}

/** Its room is asked for as soon as the cluster serves that kind, and no more when nobody announces it. */
async function aScheduleIsAnnounced(scene: AutoscalerScene, apply: Apply): Promise<void> {
  await apply(provisioningRequestCrd)
  const startsAt = new Date(Date.now() + 180_000)
  const line = (hours: number) => `${startsAt.getUTCMinutes()} ${(startsAt.getUTCHours() + hours) % 24} * * *`
  const schedules = [{ name: 'event', start: line(0), end: line(1), minReplicas: 5 }]
  const autoscaler = await scene.applyAutoscaler({ spec: { minReplicas: 2, schedules } })
  const areThere = async () => (await scene.kubectl('get', 'provreq', '-o', 'name')) !== ''
  await until('a request', areThere, { withinMs: 100_000, everyMs: 500 })
  await scene.kubectl('delete', 'rtca', autoscaler)
  await until('no request', async () => !(await areThere()), { withinMs: 50_000, everyMs: 500 })
}

async function theLeaderLeaves(scene: AutoscalerScene, operators: Pair<Operator>): Promise<void> {
  const { leader } = await roles(operators)
  await leader.stop()
  await scene.scale(pool, 3)
  await scene.expectNodes(pool, 'the standby made one', nodes => nodes.filter(isOpen).length === 3)
  await leader.start()
}

async function everythingGoes(scene: AutoscalerScene): Promise<void> {
  const [busy = ''] = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
  await scene.occupy(busy, 2)
  await scene.kubectl('delete', 'rtcp', pool, '--wait=false')
  await scene.expectReason(busy, 'WaitingForSessions')
  scene.sfu(busy).leaveAll()
  await scene.expectGone(busy)
  await scene.kubectl('wait', 'pdb', BUDGET_NAME, '--for=delete', '--timeout=50s')
}
