// The operator is killed at every write of an autoscaler that grows a pool and of one that shrinks it: the number is set once,
// and nodes are made and closed as if nothing had happened.
import type { SfuLoad } from '../../../operator/agent/adapter.ts'
import { autoscalerManifest } from '../autoscaler/autoscaler-scene.ts'
import type { PoolScene } from '../pool/pool-scene.ts'
import { atRest, type CrashWorld, PATIENT, suiteOfCrashes } from './pool-crash-plans.ts'

/** Bounds that make the number certain: so full or so empty is the pool. */
const autoscaler = ({ namespace }: PoolScene) =>
  autoscalerManifest(namespace, { spec: { minReplicas: 1, maxReplicas: 3, forecast: { enabled: false } } })

const full: SfuLoad = { cpu: 300, streams: 1_500 }
const empty: SfuLoad = { cpu: 1, streams: 5 }

async function tell(scene: PoolScene, load: SfuLoad): Promise<void> {
  for (const { metadata } of await scene.nodesOf('eu')) {
    scene.sfu(metadata.name).latency(load)
    await scene.expectHeartbeat(metadata.name, 'its load', ({ streams }) => streams === load.streams, PATIENT)
  }
}

const isScaled = (scene: PoolScene, replicas: number) =>
  scene.expectPool(
    'eu',
    `has ${replicas}`,
    pool => pool.spec.replicas === replicas && pool.status?.openReplicas === replicas,
    PATIENT,
  )

async function prepared(scene: PoolScene, world: CrashWorld, replicas: number, load: SfuLoad): Promise<void> {
  await scene.runningPool({ replicas })
  await tell(scene, load)
  await world.apply(autoscaler(scene))
  await scene.kubectl('wait', '--for=condition=ScalingActive', '--timeout=60s', 'rtca/a')
}

suiteOfCrashes('crash plans of autoscalers', [
  {
    name: 'growing',
    writes: { 'set replicas': 1, 'status ScaledUp': 1, 'create rtcnode': 2, 'status Complete': 1 },
    prepare: (scene, world) => prepared(scene, world, 1, empty),
    async act(scene) {
      await tell(scene, full)
      await isScaled(scene, 3)
      await atRest(scene)
    },
  },
  {
    name: 'shrinking',
    writes: { 'set replicas': 1, 'status ScaledDown': 1, 'close node': 2, 'delete rtcnode': 2, 'status Complete': 1 },
    prepare: (scene, world) => prepared(scene, world, 3, full),
    async act(scene) {
      await tell(scene, empty)
      await isScaled(scene, 1)
      await scene.expectNodes('eu', 'one is left', nodes => nodes.length === 1, PATIENT)
      await atRest(scene)
    },
  },
])
