// The operator is killed at every write of a roll-out.
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { only, type PoolScene } from '../pool/pool-scene.ts'
import { atRest, PATIENT, suiteOfCrashes } from './pool-crash-plans.ts'

const labels = { fleet: 'eu' }
const templateOf = (region: string) => ({ metadata: { labels }, spec: { className: 'sim', region } })

const onlyNode = async (scene: PoolScene): Promise<string> => only(await scene.nodesOf('eu')).metadata.name

suiteOfCrashes('crash plans of pools that roll out', [
  {
    name: 'roll-out',
    writes: {
      'create controllerrevision': 1,
      'create rtcnode': 1,
      'close node': 1,
      'delete rtcnode': 1,
      'status RollingOut': 1,
      'status Complete': 1,
    },
    async prepare(scene) {
      await scene.runningPool({ replicas: 1, spec: { template: templateOf('a') } })
      await scene.occupy(await onlyNode(scene), 2)
    },
    async act(scene) {
      const old = await onlyNode(scene)
      await scene.patchPool('eu', { template: templateOf('b') })
      await scene.expectNode(old, 'closed', ({ spec }) => spec.cordoned, PATIENT)
      scene.sfu(old).leaveAll()
      const isRolledOut = (nodes: readonly RTCNode[]) => nodes.length === 1 && nodes[0]?.spec.region === 'b'
      await scene.expectNodes('eu', 'only b', isRolledOut, PATIENT)
      await atRest(scene)
    },
  },
])
