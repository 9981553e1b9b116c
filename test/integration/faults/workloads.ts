// The stretches of a node's life that are played again and again while the operator is killed in the middle of them.
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { isProtected, isReleased, marksOf } from '../../../operator/cluster/protection/marks.ts'
import { simClass } from '../harness/class.ts'
import { type NodeName, readyOf, type Scene } from '../harness/scene.ts'

export interface Workload {
  readonly name: string
  /** What is there before; the operator is not killed in it. */
  prepare(scene: Scene): Promise<NodeName>
  /** Asks for a change and sees it through to its end. */
  act(scene: Scene, node: NodeName): Promise<void>
  /** Writes that come or do not come by chance: nothing can be planned on them. */
  readonly byChance?: RegExp
  /** Not beside the plans of others: an operator that has just come waits a lease time before it gives anybody up. */
  readonly alone?: true
}

/** An operator that is killed ten times on the way takes its time. */
const PATIENT = { withinMs: 300_000 }

/** Between death and take-over the grace of other classes runs out, and then steps are skipped: right, but not comparable. */
const drain = { evictGraceSeconds: 150 }
const patientClass = simClass('patient', { drain })
const homelessClass = simClass('homeless', { drain, pod: { nodeSelector: { 'test/no': 'where' } } })
export const classes = [patientClass, homelessClass]
const className = patientClass.metadata.name

export const workloads: readonly Workload[] = [
  {
    name: 'birth',
    // A start that goes on is told only when it takes its time, as where the operator has not seen its class yet.
    byChance: /status Pending|event/,
    prepare: async () => 'n',
    async act(scene) {
      await scene.applyNode({ className })
      await reaches(scene, 'n', 'Serving', 'serving')
    },
  },
  {
    name: 'cordon and uncordon',
    // The two that there are wait behind those of all other nodes, and are lost with the operators that others' plans kill.
    byChance: /event/,
    prepare: scene => scene.busyNode({ className }, PATIENT),
    async act(scene, node) {
      await cordon(scene, node, true)
      await reaches(scene, node, 'Cordoned', 'closed')
      await cordon(scene, node, false)
      await reaches(scene, node, 'Serving', 'serving')
    },
  },
  {
    name: 'protection of a pod that somebody comes to',
    // That somebody has come is told in the status too, when it is the node's turn.
    byChance: /event|status/,
    async prepare(scene) {
      const node = await scene.runningNode({ className }, PATIENT)
      await cordon(scene, node, true)
      await scene.expectPod(node, 'released', pod => pod && isReleased(marksOf(pod)), PATIENT)
      return node
    },
    async act(scene, node) {
      await scene.sfu(node).join('carol')
      await scene.expectPod(node, 'protected', pod => pod && isProtected(marksOf(pod)), PATIENT)
    },
  },
  {
    name: 'drain until people have left',
    prepare: scene => scene.busyNode({ className }, PATIENT),
    async act(scene, node) {
      await scene.deleteNode(node)
      await scene.expectReason(node, 'WaitingForSessions', PATIENT)
      await beats(scene, node, 'draining')
      scene.sfu(node).leaveAll()
      await scene.expectGone(node, PATIENT)
    },
  },
  {
    name: 'drain to the deadline',
    prepare: scene => scene.busyNode({ className, drain: { deadlineSeconds: 25 } }, PATIENT),
    async act(scene, node) {
      await scene.deleteNode(node)
      await scene.expectGone(node, PATIENT)
    },
  },
  {
    name: 'deletion while Pending',
    // As above.
    byChance: /event/,
    async prepare(scene) {
      const node = await scene.applyNode({ className: homelessClass.metadata.name })
      await scene.expectReason(node, 'WaitingForHost')
      return node
    },
    async act(scene, node) {
      await scene.deleteNode(node)
      await scene.expectGone(node, PATIENT)
    },
  },
  {
    name: 'giving up a node that has failed',
    // Its pod may be seen unwell before its heartbeat is.
    byChance: /PodNotReady|TelemetryLost|Unhealthy|event/,
    alone: true,
    prepare: scene => scene.runningNode({ className }, PATIENT),
    async act(scene, node) {
      await fail(scene, node)
      await scene.expectGone(node, PATIENT)
    },
  },
]

const cordon = (scene: Scene, node: NodeName, cordoned: boolean): Promise<string> =>
  scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', JSON.stringify({ spec: { cordoned } }))

const conditionOf = ({ status }: RTCNode, type: string) => status?.conditions?.find(it => it.type === type)

/** Its agent knows, and the operator knows that it does. */
async function reaches(scene: Scene, node: NodeName, reason: string, state: 'serving' | 'closed'): Promise<void> {
  const open = state === 'serving' ? 'True' : 'False'
  const isThere = (it: RTCNode) => readyOf(it)?.reason === reason && conditionOf(it, 'AdmissionOpen')?.status === open
  await scene.expectNode(node, `${reason}, admission ${state}`, isThere, PATIENT)
  await beats(scene, node, state)
}

const beats = (scene: Scene, node: NodeName, wanted: Heartbeat['state']): Promise<Heartbeat> =>
  scene.expectHeartbeat(node, wanted, ({ state }) => state === wanted, PATIENT)

/** Two witnesses: nobody understands its heartbeats, and its host tells that the SFU has ended. */
async function fail(scene: Scene, node: NodeName): Promise<void> {
  scene.sfu(node).writes('not a heartbeat')
  const at = new Date().toISOString()
  const state = { terminated: { exitCode: 1, reason: 'Error', startedAt: at, finishedAt: at } }
  const container = { name: 'sfu', image: 'sim', imageID: '', restartCount: 0, ready: false, started: false, state }
  const conditions = ['Ready', 'ContainersReady'].map(type => ({ type, status: 'False', lastTransitionTime: at }))
  const patch = JSON.stringify({ status: { conditions, containerStatuses: [container] } })
  await scene.kubectl('patch', 'pod', node, '--subresource=status', '--type=strategic', '-p', patch)
}
