// The first part of the story: lone nodes, from Pending to gone, and what a drain does to the people on them.
import { setTimeout as sleep } from 'node:timers/promises'
import { crdsEstablished } from '../cluster/crds.ts'
import { until } from '../cluster/until.ts'
import { startOperator } from '../integration/harness/operator.ts'
import { isServing, phaseOf, reasonOf, sessionsOf, takesNoRooms } from './node-seen.ts'
import {
  type Act,
  callsOn,
  goes,
  inSeconds,
  join,
  kubectl,
  lostAt,
  oneLeaves,
  placeOf,
  presentOn,
  reckon,
  type Scene,
} from './scene.ts'
import type { Call, Moment } from './stage.ts'

/** How long people may stay on the second node once it is deleted. */
const DEADLINE_SECONDS = 15
const LEAVE_EVERY_MS = 1_500

export const loneActs: readonly Act[] = [
  { title: 'Three SFU nodes are asked for', play: askForNodes },
  { title: 'The operator starts', play: becomeRunning },
  { title: 'People join', play: peopleJoin },
  { title: 'A node is deleted; its people leave when their call is over', play: drainByLeaving },
  { title: 'Another is deleted; its people stay until the deadline', play: drainByDeadline },
]

async function askForNodes(scene: Scene): Promise<void> {
  const { stage, observer, verdict, nodes, screen } = scene
  await kubectl(scene, ['apply', '-f', 'crds'])
  await crdsEstablished(stage.cluster, ['-f', 'crds'])
  screen.command('kubectl apply -f examples/livekit-keys.yaml -f examples/livekit-class.yaml')
  await stage.cluster.kubectl(['apply', '-f-'], { input: stage.classManifest })
  await kubectl(scene, ['apply', '-f', 'examples/nodes.yaml'])
  screen.say('No operator runs yet, so nobody acts on them; but they are Pending from their first moment on.')
  for (const name of nodes) {
    await observer.untilLook(`${name} exists`, look => look.nodes.some(it => it.name === name), 30)
    verdict.check(`${name} is Pending before there is an operator`, phaseOf(observer.node(name)) === 'Pending')
  }
}

async function becomeRunning(scene: Scene): Promise<void> {
  const { stage, observer, verdict, nodes, screen } = scene
  screen.command(`rtcnode run --registry-endpoints=…   # logs to ${stage.cluster.dir}/operator.log`)
  const startedAt = Date.now()
  scene.undo.use(await startOperator(stage.cluster, { program: 'dist/rtcnode.js' }))
  screen.say('Running is more than a ready pod: its SFU has registered, under a lease, with the UID of that very pod.')
  for (const name of nodes) {
    const { at, seen } = await observer.until(name, 'is Running', it => phaseOf(it) === 'Running', 90)
    verdict.figures.runningAfterSeconds.push((at - startedAt) / 1_000)
    const pending = observer.history(name).filter(sight => phaseOf(sight.seen) === 'Pending')
    verdict.check(
      `${name} tells reasons while it is Pending`,
      pending.some(sight => reasonOf(sight.seen) !== 'Pending'),
    )
    verdict.check(`${name} has a key under a lease`, seen.key?.hasLease === true)
    verdict.check(`${name} has a key of its own pod`, seen.key?.heartbeat.podUID === seen.pod?.metadata.uid)
  }
  for (const name of nodes) screen.say(`${name}: ${await stage.ask(placeOf(scene, name))}`)
}

async function peopleJoin(scene: Scene): Promise<void> {
  const { nodes, screen } = scene
  const [leaving, staying] = nodes
  screen.say(`4 people meet in “standup” on ${leaving}, 3 in “all-hands” on ${staying}. ${scene.stage.media}`)
  await Promise.all([join(scene, 'standup', leaving, 4), join(scene, 'all-hands', staying, 3)])
}

async function drainByLeaving(scene: Scene): Promise<void> {
  const { observer, verdict, screen, nodes } = scene
  const [name] = nodes
  screen.say('A plain pod would be gone 30 s later, with everybody on it. This node takes no new rooms, and waits.')
  await kubectl(scene, ['delete', 'rtcnode', name, '--wait=false'])
  await takesNoNewRooms(scene, name)

  while (presentOn(scene, name) > 0) {
    await sleep(LEAVE_EVERY_MS)
    screen.say(`${await oneLeaves(scene, name)} hangs up.`)
  }
  const lastLeftAt = Date.now()
  await goes(scene, name)
  const goneAfterMs = lostAt(observer, name, 'object') - lastLeftAt
  verdict.check(`${name} waited for the last one to leave`, goneAfterMs > 0)
  const drained = observer.history(name).filter(({ seen }) => phaseOf(seen) === 'Terminating')
  const counts = drained.flatMap(({ seen }) => sessionsOf(seen) ?? [])
  verdict.check(`the people on ${name} were counted down`, new Set(counts).size > 2 && isFalling(counts))
  await reckon(scene, name)
  const cut = callOn(scene, name).cut.length
  screen.say(
    `Key, pod and object were gone ${inSeconds(goneAfterMs)} after the last one left. ${cut === 0 ? 'Nobody was' : `${cut} were`} cut.`,
  )
}

async function drainByDeadline(scene: Scene): Promise<void> {
  const { observer, verdict, screen, nodes } = scene
  const [, name, spare] = nodes
  const call = callOn(scene, name)
  const people = call.joined.length
  const patch = { spec: { drain: { deadlineSeconds: DEADLINE_SECONDS } } }
  await kubectl(scene, ['patch', 'rtcnode', name, '--type=merge', '--patch', JSON.stringify(patch)])
  await kubectl(scene, ['delete', 'rtcnode', name, '--wait=false'])
  const { seen } = await observer.until(name, 'has a deadline', it => it.object?.status?.drain !== undefined, 30)
  const deadline = seen.object?.status?.drain?.deadline ?? ''
  const deadlineAt = Date.parse(deadline)
  const promisedAt = Date.parse(seen.object?.metadata.deletionTimestamp ?? '') + DEADLINE_SECONDS * 1_000
  verdict.check(`the deadline of ${name} is ${DEADLINE_SECONDS} s after its deletion`, deadlineAt === promisedAt)
  screen.say(`They may stay until ${deadline}. That is written to the status once, and never moves.`)
  await takesNoNewRooms(scene, name)
  await until('everybody is told', () => participants(call.told).size === people, { withinMs: 15_000 })
  screen.say(`All ${people} were told that the node will go, and when. They stay.`)

  const withinMs = deadlineAt - Date.now() + 30_000
  await until('everybody is moved', () => participants(call.cut).size === people, { withinMs })
  const firstCutAfterMs = Math.min(...call.cut.map(({ at }) => at.getTime())) - deadlineAt
  const early = firstCutAfterMs < 0 ? ', which is too early' : ', nobody before it'
  screen.say(`All were moved off, the first ${firstCutAfterMs} ms after the deadline${early}.`)
  await join(scene, 'all-hands', spare, people)
  screen.say(`They meet again on ${spare}, the one node that the registry still offers.`)
  await goes(scene, name)
  const deadlines = observer.history(name).flatMap(sight => sight.seen.object?.status?.drain?.deadline ?? [])
  verdict.check(`the deadline of ${name} never moved`, new Set(deadlines).size === 1)
  await reckon(scene, name, deadlineAt)
}

function callOn(scene: Scene, name: string): Call {
  const [call] = callsOn(scene, name)
  if (!call) throw new Error(`nobody has joined on ${name}`)
  return call
}

async function takesNoNewRooms({ observer, screen, nodes }: Scene, name: string): Promise<void> {
  await observer.until(name, 'takes no new rooms', takesNoRooms, 30)
  const open = nodes.filter(other => isServing(observer.node(other)))
  screen.say(`New rooms go elsewhere: the registry offers only ${open.join(' and ')} now.`)
}

const participants = (moments: readonly Moment[]): Set<string> => new Set(moments.map(({ participant }) => participant))
const isFalling = (counts: readonly number[]): boolean =>
  counts.every((count, i) => count <= (counts[i - 1] ?? Infinity))
