// KEDA is installed after the operator has started: from then on its ScaledObjects are seen, and an autoscaler stands back for
// them. Its CRDs are enough for that.
import { join } from 'node:path'
import { sourcesOf } from '../../cluster/binaries.ts'
import { applyCrds } from '../../cluster/crds.ts'
import { conditionOf } from '../pool/pool-scene.ts'
import { suiteOfAutoscalers } from './autoscaler-scene.ts'

const scaledObject = (namespace: string, pool: string) => ({
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'ScaledObject',
  metadata: { name: 'by-people', namespace },
  spec: {
    scaleTargetRef: { apiVersion: 'rtcnode.io/v1alpha1', kind: 'RTCNodePool', name: pool },
    triggers: [
      { type: 'cron', metadata: { timezone: 'Etc/UTC', start: '0 8 * * *', end: '0 9 * * *', desiredReplicas: '5' } },
    ],
  },
})

suiteOfAutoscalers('an autoscaler and KEDA', { sideBySide: 1 }, promise => {
  promise('KEDA comes: its ScaledObject is stood back for; KEDA goes: it scales again', async (scene, world) => {
    const pool = await scene.runningPool({ replicas: 1 })
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await scene.expectReplicas(pool, 2)

    const crd = join(
      await sourcesOf('keda-operator', 'github.com/kedacore/keda/v2'),
      'config/crd/bases/keda.sh_scaledobjects.yaml',
    )
    await applyCrds(world.cluster, crd)
    await world.apply(scaledObject(scene.namespace, pool))
    const message = /ScaledObject “by-people” set spec\.replicas of pool “eu”; delete them, or this RTCAutoscaler/
    await scene.expectActive(a, 'ExternallyManaged', { status: 'False', message, withinMs: 90_000 })
    await scene.expectPool(pool, 'is contested', it => conditionOf(it, 'Contested')?.status === 'True')
    await scene.scale(pool, 1)
    await scene.expectReplicasKept(pool, 3_000)

    await world.cluster.kubectl(['delete', '-f', crd])
    await scene.expectReplicas(pool, 2, { withinMs: 90_000 })
    await scene.expectCondition(a, 'ExternallyManaged', 'False', { reason: 'NotManaged' })
    await scene.expectPool(pool, 'is contested no more', it => conditionOf(it, 'Contested')?.status === 'False')
  })
})
