// What happens in the test of the dashboards, so that each panel has something to show: a pool at rest; then a crowd, drains of both
// ends, a node that cannot start, an SFU that crashes, a pod that is lost, and somebody who writes nonsense into the registry.
import type { AutoscalerScene } from '../autoscaler/autoscaler-scene.ts'
import type { Crowd } from '../autoscaler/crowd.ts'
import { simClass } from '../harness/class.ts'
import type { World } from '../harness/world.ts'

const POOL = 'eu'

/** A pool of three that nobody has reason to change. */
export async function atRest(scene: AutoscalerScene): Promise<Crowd> {
  await scene.runningPool({ name: POOL, replicas: 3, spec: { scaleIn: { emptySeconds: 600 } } })
  const crowd = scene.crowd(POOL, 90)
  crowd.figures = cpu => ({
    cpu,
    streams: Math.round(cpu * 5),
    bandwidthMbps: cpu,
    joinLatencyP99Ms: 300,
    joins: 30,
    forwardLatencyP99Ms: 4,
    packetLossPercent: 0.2,
  })
  for (const { metadata } of await scene.nodesOf(POOL)) await scene.occupy(metadata.name, 4)
  await scene.applyAutoscaler({ spec: { minReplicas: 3, maxReplicas: 4 } })
  await scene.expectActive('a', 'Steady')
  return crowd
}

/** Resolves with the name of a node of the pool that drains with people on it, and goes on doing so. */
export async function playStory(scene: AutoscalerScene, { apply, etcd }: World, crowd: Crowd): Promise<string> {
  await etcd.put(`/sfu/nodes/${scene.namespace}/ghost`).value('nonsense').exec()
  await apply(simClass('nowhere', { pod: { nodeSelector: { 'test/no': 'where' } } }))
  await scene.applyNode({ name: 'stuck', className: 'nowhere' })
  const [lost, crashing, late, quick] = await Promise.all([
    scene.busyNode({ name: 'lost' }),
    scene.busyNode({ name: 'crashing' }),
    scene.busyNode({ name: 'late', drain: { deadlineSeconds: 2 } }),
    scene.runningNode({ name: 'quick' }),
  ])
  // The fourth, which is made now, will have nobody on it.
  const [draining = ''] = (await scene.nodesOf(POOL)).map(({ metadata }) => metadata.name)
  crowd.cpuPercent = 700
  await scene.expectReplicas(POOL, 4)

  scene.sfu(crashing).crash()
  scene.judgesItself(lost)
  await scene.kubectl('delete', 'pod', lost, '--force', '--grace-period=0')
  for (const node of [late, quick]) await scene.deleteNode(node)
  await scene.expectGone(late)
  await scene.expectGone(quick)
  await scene.expectGone(lost)
  await scene.expectReason('stuck', 'WaitingForHost')
  await etcd.put(`/sfu/nodes/${scene.namespace}/ghost`).value('more nonsense').exec()

  await scene.deleteNode(draining)
  await scene.expectReason(draining, 'WaitingForSessions')
  await etcd.delete().key(`/sfu/nodes/${scene.namespace}/ghost`).exec()
  return draining
}
