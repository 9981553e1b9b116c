// The operator is killed at every write of a scale-out, of a scale-in while people leave, and of one that is taken back.
import { isOpen } from '../pool/pool-scene.ts'
import { atRest, PATIENT, suiteOfCrashes } from './pool-crash-plans.ts'

suiteOfCrashes('crash plans of pools that scale', [
  {
    name: 'scale-out',
    writes: { 'create controllerrevision': 1, 'create rtcnode': 3, 'status ScalingOut': 1, 'status Complete': 1 },
    prepare: async () => undefined,
    async act(scene) {
      await scene.applyPool({ replicas: 3 })
      await atRest(scene)
    },
  },
  {
    name: 'scale-in',
    writes: { 'close node': 2, 'delete rtcnode': 2, 'status ScalingIn': 1, 'status Complete': 1 },
    async prepare(scene) {
      await scene.runningPool({ replicas: 3 })
      const [busiest, busy] = await scene.nodesOf('eu')
      await scene.occupy(busiest?.metadata.name ?? '', 5)
      await scene.occupy(busy?.metadata.name ?? '', 1)
    },
    async act(scene) {
      const [, busy] = await scene.nodesOf('eu')
      await scene.scale('eu', 1)
      await scene.expectNodes('eu', 'two are closed', nodes => nodes.filter(isOpen).length === 1, PATIENT)
      scene.sfu(busy?.metadata.name ?? '').leaveAll()
      await scene.expectNodes('eu', 'one is left', nodes => nodes.length === 1, PATIENT)
      await atRest(scene)
    },
  },
  {
    name: 'scale-in and out again',
    writes: { 'close node': 1, 'reopen node': 1, 'status ScalingOut': 1, 'status Complete': 1 },
    async prepare(scene) {
      await scene.runningPool({ replicas: 2, spec: { scaleIn: { emptySeconds: 600 } } })
    },
    async act(scene) {
      await scene.scale('eu', 1)
      await scene.expectNodes('eu', 'one is closed', nodes => nodes.filter(isOpen).length === 1, PATIENT)
      await scene.scale('eu', 2)
      await scene.expectNodes('eu', 'two are open', nodes => nodes.filter(isOpen).length === 2, PATIENT)
      await atRest(scene)
    },
  },
])
