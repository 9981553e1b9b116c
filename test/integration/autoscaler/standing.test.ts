// When an autoscaler stands back, and says so: no pool, another autoscaler, an HPA. And schedules.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../cluster/until.ts'
import { conditionOf } from '../pool/pool-scene.ts'
import { autoscalerManifest, suiteOfAutoscalers } from './autoscaler-scene.ts'

suiteOfAutoscalers('an autoscaler that stands back', {}, promise => {
  promise('a pool that is not there yet: said with a remedy, and scaled once it is', async scene => {
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    const message = /no RTCNodePool “eu” in namespace s\d+-.*create it, or correct spec\.poolName/
    await scene.expectActive(a, 'PoolNotFound', { status: 'False', message })
    await scene.expectCondition(a, 'AbleToScale', 'False', { reason: 'PoolNotFound' })
    await scene.applyPool({ replicas: 1 })
    await scene.expectReplicas('eu', 2)
    await scene.expectCondition(a, 'AbleToScale', 'True', { reason: 'PoolFound' })
  })

  promise('a pool of another namespace is not found, whatever its name', async (scene, world) => {
    await world.cluster.kubectl(['create', 'namespace', `${scene.namespace}-2`])
    const elsewhere = autoscalerManifest(`${scene.namespace}-2`, { spec: { minReplicas: 4 } })
    const pool = await scene.runningPool({ replicas: 1 })
    await world.apply(elsewhere)
    const seen = () => world.history.autoscalers(`${scene.namespace}-2/a`).at(-1)?.is?.status?.conditions
    await world.history.until(
      'PoolNotFound',
      () => seen()?.some(({ type, reason }) => type === 'ScalingActive' && reason === 'PoolNotFound'),
      60_000,
    )
    await scene.expectReplicasKept(pool, 2_000)
    await world.cluster.kubectl(['delete', 'namespace', `${scene.namespace}-2`, '--wait=false'])
  })

  promise('the pool is deleted under it: it does nothing, and scales the next of that name', async scene => {
    const pool = await scene.runningPool({ replicas: 1 })
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await scene.expectReplicas(pool, 2)
    await scene.kubectl('delete', 'rtcp', pool, '--cascade=foreground', '--wait=false')
    await scene.expectAutoscaler(a, 'says that the pool goes or is gone', it =>
      ['PoolDeleting', 'PoolNotFound'].includes(
        it.status?.conditions?.find(({ type }) => type === 'ScalingActive')?.reason ?? '',
      ),
    )
    await scene.expectActive(a, 'PoolNotFound')
    await scene.applyPool({ replicas: 1 })
    await scene.expectReplicas(pool, 2)
  })

  promise(
    'two autoscalers on one pool: the older scales, the other says which; with that gone it takes over',
    async scene => {
      const pool = await scene.runningPool({ replicas: 1 })
      const first = await scene.applyAutoscaler({ name: 'first', spec: { minReplicas: 2, maxReplicas: 2 } })
      await scene.expectReplicas(pool, 2)
      // Ages have no fractions of seconds.
      await sleep(1_100)
      const second = await scene.applyAutoscaler({ name: 'another', spec: { minReplicas: 3, maxReplicas: 3 } })
      await scene.expectActive(second, 'AnotherAutoscaler', {
        status: 'False',
        message: /RTCAutoscaler “first” is older/,
      })
      const contested = await scene.expectPool(
        pool,
        'is contested',
        it => conditionOf(it, 'Contested')?.status === 'True',
      )
      assert.match(
        conditionOf(contested, 'Contested')?.message ?? '',
        /“another” and RTCAutoscaler “first” set its replicas; keep one/,
      )
      await scene.expectReplicasKept(pool, 3_000)

      await scene.kubectl('delete', 'rtca', first)
      await scene.expectReplicas(pool, 3)
      await scene.expectPool(pool, 'is contested no more', it => conditionOf(it, 'Contested')?.status === 'False')
      assert.deepEqual(scene.replicasEver(pool), [1, 2, 3])
    },
  )

  promise('an HPA on the pool: it stands back, both say so; with that gone it scales', async (scene, world) => {
    const pool = await scene.runningPool({ replicas: 1 })
    await world.apply(hpa(scene.namespace, pool))
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    const message =
      /HorizontalPodAutoscaler “by-cpu” set spec\.replicas of pool “eu”; delete them, or this RTCAutoscaler/
    await scene.expectActive(a, 'ExternallyManaged', { status: 'False', message })
    await scene.expectCondition(a, 'ExternallyManaged', 'True')
    await scene.expectPool(pool, 'is contested', it => conditionOf(it, 'Contested')?.status === 'True')
    await scene.expectReplicasKept(pool, 2_000)

    await scene.kubectl('delete', 'hpa', 'by-cpu')
    await scene.expectReplicas(pool, 2)
    await scene.expectCondition(a, 'ExternallyManaged', 'False', { reason: 'NotManaged' })
    await world.apply(hpa(scene.namespace, pool))
    await scene.expectActive(a, 'ExternallyManaged')
  })

  promise('a Deployment’s HPA of the pool’s name is nobody’s rival', async (scene, world) => {
    const pool = await scene.runningPool({ replicas: 1 })
    await world.apply(hpa(scene.namespace, pool, { apiVersion: 'apps/v1', kind: 'Deployment', name: pool }))
    await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await scene.expectReplicas(pool, 2)
    assert.equal(conditionOf(await scene.pool(pool), 'Contested'), undefined)
  })

  promise(
    'the number is refused: told in the words of the API server, tried again now and then',
    async (scene, world) => {
      const pool = await scene.runningPool({ replicas: 1 })
      const policy = `at-most-two-in-${scene.namespace}`.slice(0, 60)
      const rules = [
        {
          apiGroups: ['rtcnode.io'],
          apiVersions: ['v1alpha1'],
          operations: ['UPDATE'],
          resources: ['rtcnodepools', 'rtcnodepools/scale'],
        },
      ]
      const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': scene.namespace } }
      const validations = [{ expression: 'object.spec.replicas <= 2', message: 'two nodes are what was paid for' }]
      const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: policy } }
      const spec = { matchConstraints: { resourceRules: rules, namespaceSelector }, validations }
      await world.apply({ ...api, kind: 'ValidatingAdmissionPolicy', spec })
      const binding = { policyName: policy, validationActions: ['Deny'] }
      await world.apply({ ...api, kind: 'ValidatingAdmissionPolicyBinding', spec: binding })
      await until(
        'the policy to be in force',
        () =>
          scene.scale(pool, 3).then(
            () => scene.scale(pool, 1).then(() => false),
            () => true,
          ),
        { withinMs: 60_000, everyMs: 500 },
      )
      const a = await scene.applyAutoscaler({ spec: { minReplicas: 3 } })
      await scene.expectCondition(a, 'AbleToScale', 'False', {
        reason: 'ScaleRefused',
        message: /two nodes are what was paid for/,
      })
      await scene.expectReplicasKept(pool, 3_000)
      const refused = await scene.autoscaler(a)
      assert.equal(refused.status?.currentReplicas, 1)
      assert.equal(refused.status?.desiredReplicas, 3)
      assert.equal(refused.status?.lastDecision, undefined)

      await world.cluster.kubectl(['delete', 'validatingadmissionpolicybinding', policy])
      await world.cluster.kubectl(['delete', 'validatingadmissionpolicy', policy])
      await scene.expectReplicas(pool, 3)
      await scene.expectCondition(a, 'AbleToScale', 'True')
    },
  )

  promise('a schedule that holds now raises the minimum; when it is taken away the pool shrinks again', async scene => {
    const pool = await scene.runningPool({ replicas: 1 })
    using _crowd = scene.crowd(pool, 5)
    // Since an hour ago, for another one.
    const holding = { name: 'now', start: dailyIn(-60), end: dailyIn(60), timeZone: 'Etc/UTC' }
    const a = await scene.applyAutoscaler({ spec: { schedules: [{ ...holding, minReplicas: 3 }] } })
    await scene.expectReplicas(pool, 3)
    await scene.expectCondition(a, 'ScalingLimited', 'True', { reason: 'Scheduled' })
    await scene.patchAutoscaler(a, { schedules: [] })
    await scene.expectReplicas(pool, 1)
  })

  promise(
    'a cron line or zone that cannot be read: named with its remedy; it grows, and takes nothing away',
    async scene => {
      const pool = await scene.runningPool({ replicas: 2 })
      using crowd = scene.crowd(pool, 5)
      const bad = { name: 'bad', start: '0 25 * * *', end: '0 9 * * *', timeZone: 'Mars/Olympus', minReplicas: 7 }
      const a = await scene.applyAutoscaler({ spec: { schedules: [bad] } })
      const zone = /spec\.schedules\[0\]\.timeZone "Mars\/Olympus" is no known time zone; write an IANA name/
      await scene.expectActive(a, 'InvalidSchedule', { status: 'False', message: zone })
      await scene.patchAutoscaler(a, { schedules: [{ ...bad, timeZone: 'Etc/UTC' }] })
      const line = /spec\.schedules\[0\]\.start "0 25 \* \* \*" is no cron line.*write minute hour day/
      await scene.expectActive(a, 'InvalidSchedule', { status: 'False', message: line })
      await scene.expectReplicasKept(pool, 3_000)
      crowd.cpuPercent = 300
      await scene.expectPool(pool, 'grows all the same', ({ spec }) => spec.replicas > 2)
      await scene.expectActive(a, 'InvalidSchedule', { status: 'False' })
    },
  )
})

/** The cron line of every day at the time that it is in so many minutes, UTC. */
function dailyIn(minutes: number): string {
  const at = new Date(Date.now() + minutes * 60_000)
  return `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`
}

const hpa = (
  namespace: string,
  pool: string,
  scaleTargetRef: object = { apiVersion: 'rtcnode.io/v1alpha1', kind: 'RTCNodePool', name: pool },
) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'by-cpu', namespace },
  spec: {
    scaleTargetRef,
    minReplicas: 1,
    maxReplicas: 5,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } }],
  },
})
