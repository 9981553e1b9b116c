// The story, act by act: what is done, what an onlooker sees and why it matters, and what the operator is held to.
// Played by demo.ts on either stage.
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../cluster/until.ts'
import { startOperator } from '../integration/harness/operator.ts'
import { addressOf, isGone, isServing, phaseOf, reasonOf, sessionsOf, takesNoRooms } from './node-seen.ts'
import type { Observer } from './observer.ts'
import type { Call, Moment, Place, Stage } from './stage.ts'
import type { Screen } from './table.ts'
import type { Verdict } from './verdict.ts'

export interface Scene {
  readonly stage: Stage
  readonly screen: Screen
  readonly observer: Observer
  readonly verdict: Verdict
  /** One whose people leave, one whose people stay, and one that takes those in. */
  readonly nodes: readonly [leaving: string, staying: string, spare: string]
  /** What is started goes in here, and ends with the demo. */
  readonly undo: AsyncDisposableStack
  /** By node. */
  readonly calls: Map<string, Call>
}

export interface Act {
  readonly title: string
  readonly play: (scene: Scene) => Promise<void>
}

/** How long people may stay on the second node once it is deleted. */
const DEADLINE_SECONDS = 20
const LEAVE_EVERY_MS = 2_500

export const story: readonly Act[] = [
  { title: 'Three SFU nodes are asked for', play: askForNodes },
  { title: 'The operator starts', play: becomeRunning },
  { title: 'People join', play: peopleJoin },
  { title: 'A node is deleted; its people leave when their call is over', play: drainByLeaving },
  { title: 'Another is deleted; its people stay until the deadline', play: drainByDeadline },
]
export const lastAct: Act = { title: 'The last people hang up, and the last node is deleted', play: nothingIsLeft }

async function askForNodes(scene: Scene): Promise<void> {
  const { stage, observer, verdict, nodes, screen } = scene
  await kubectl(scene, ['apply', '-f', 'crds'])
  await stage.cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', '-f', 'crds'])
  screen.command('kubectl apply -f examples/livekit-keys.yaml -f examples/livekit-class.yaml')
  await stage.cluster.kubectl(['apply', '-f-'], { input: stage.classManifest })
  await kubectl(scene, ['apply', '-f', 'examples/nodes.yaml'])
  screen.say('No operator runs yet, so nobody acts on them; but they are Pending from their first moment on.')
  for (const name of nodes) {
    const { seen } = await observer.until(name, 'exists', it => it.object !== undefined, 30)
    verdict.check(`${name} is Pending before there is an operator`, phaseOf(seen) === 'Pending')
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
  const { observer, nodes, screen } = scene
  const [leaving, staying] = nodes
  screen.say(`4 people meet in “standup” on ${leaving}, 3 in “all-hands” on ${staying}. ${scene.stage.media}`)
  await Promise.all([join(scene, 'standup', leaving, 4), join(scene, 'all-hands', staying, 3)])
  for (const [name, { joined }] of scene.calls) {
    await observer.until(name, 'counts its people', it => sessionsOf(it) === joined.length, 20)
  }
}

async function drainByLeaving(scene: Scene): Promise<void> {
  const { observer, verdict, screen, nodes } = scene
  const [name] = nodes
  screen.say('A plain pod would be gone 30 s later, with everybody on it. This node takes no new rooms, and waits.')
  await kubectl(scene, ['delete', 'rtcnode', name, '--wait=false'])
  await takesNoNewRooms(scene, name)

  const call = callOn(scene, name)
  for (let left = 0; left < call.joined.length; left += 1) {
    await sleep(LEAVE_EVERY_MS)
    await call.leave(1)
    screen.say(`${call.left.at(-1)?.participant} hangs up.`)
  }
  const lastLeftAt = Date.now()
  await goes(scene, name)
  const goneAfterMs = lostAt(observer, name, 'object') - lastLeftAt
  verdict.check(`${name} waited for the last one to leave`, goneAfterMs > 0)
  const drained = observer.history(name).filter(({ seen }) => phaseOf(seen) === 'Terminating')
  const counts = drained.flatMap(({ seen }) => sessionsOf(seen) ?? [])
  verdict.check(`the people on ${name} were counted down`, new Set(counts).size > 2 && isFalling(counts))
  await reckon(scene, name)
  const cut = call.cut.length === 0 ? 'Nobody was cut.' : `${call.cut.length} were cut.`
  screen.say(`Key, pod and object were gone ${inSeconds(goneAfterMs)} after the last one left. ${cut}`)
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

async function nothingIsLeft(scene: Scene): Promise<void> {
  const { verdict, screen, stage, nodes } = scene
  const [, , name] = nodes
  const call = callOn(scene, name)
  await call.leave(call.joined.length)
  await kubectl(scene, ['delete', 'rtcnode', name, '--wait=false'])
  await goes(scene, name)
  await reckon(scene, name)
  verdict.check('no node and no pod is left', (await stage.cluster.kubectl(['get', 'rtcnodes,pods', '-oname'])) === '')
  screen.say('No node, no pod and no registry key is left.')
}

// --- what the acts share ------------------------------------------------------------------------------------------

async function kubectl({ stage, screen }: Scene, args: string[]): Promise<void> {
  screen.command(`kubectl ${args.map(arg => (arg.startsWith('{') ? `'${arg}'` : arg)).join(' ')}`)
  await stage.cluster.kubectl(args)
}

async function join(scene: Scene, room: string, node: string, people: number): Promise<void> {
  const call = await scene.stage.join(room, placeOf(scene, node), people)
  scene.calls.set(node, call)
  scene.verdict.figures.joined += call.joined.length
  scene.verdict.check(`all ${people} joined “${room}” on ${node}`, call.joined.length === people)
}

function placeOf({ observer }: Scene, name: string): Place {
  const address = addressOf(observer.node(name))
  if (address === undefined) throw new Error(`${name} has no address`)
  return { name, address }
}

function callOn({ calls }: Scene, name: string): Call {
  const call = calls.get(name)
  if (!call) throw new Error(`nobody has joined on ${name}`)
  return call
}

async function takesNoNewRooms({ observer, screen, nodes }: Scene, name: string): Promise<void> {
  await observer.until(name, 'takes no new rooms', takesNoRooms, 30)
  const open = nodes.filter(other => isServing(observer.node(other)))
  screen.say(`New rooms go elsewhere: the registry offers only ${open.join(' and ')} now.`)
}

/** Gone, and its whole life was as it should be. */
async function goes({ observer, verdict }: Scene, name: string): Promise<void> {
  await observer.until(name, 'is gone', isGone, 90)
  const lost = (['key', 'pod', 'object'] as const).map(part => lostAt(observer, name, part))
  verdict.check(
    `${name} went in order: key, pod, object`,
    lost.every((at, i) => at >= (lost[i - 1] ?? 0)),
  )
  const seen = observer.history(name).map(sight => sight.seen)
  const life = seen.slice(seen.findIndex(({ object }) => object))
  const phases = life.map(phaseOf).filter((phase, i, all) => phase !== all[i - 1])
  verdict.check(`${name} only went forward: ${phases.join(', ')}`, phases.join() === 'Pending,Running,Terminating,gone')
  const underPeople = life.filter(it => it.pod?.metadata.deletionTimestamp && (sessionsOf(it) ?? 0) > 0)
  verdict.check(`the pod of ${name} was not deleted while people were on it`, underPeople.length === 0)
}

/** When it was first seen without this part, having had it. */
function lostAt(observer: Observer, name: string, part: 'key' | 'pod' | 'object'): number {
  const history = observer.history(name)
  const last = history.findLastIndex(({ seen }) => seen[part] !== undefined)
  return history[last + 1]?.at ?? Infinity
}

/** Counts how the stays on a node ended. Only from the deadline on may anybody be cut; without one, never. */
async function reckon(scene: Scene, name: string, deadlineAt = Infinity): Promise<void> {
  const { figures, check } = scene.verdict
  const { joined, left, cut, summary } = callOn(scene, name)
  const early = cut.filter(({ at }) => at.getTime() < deadlineAt)
  figures.leftByThemselves += left.length
  figures.movedAtDeadline += cut.length - early.length
  figures.cutBeforeDeadline += early.length
  for (const { participant, reason } of early) check(`${participant} on ${name} was cut early: ${reason}`, false)
  check(`everybody on ${name} has left or was moved`, left.length + cut.length === joined.length)
  if (summary) check(`media went through ${name}`, (await summary()).packets > 0)
}

const participants = (moments: readonly Moment[]): Set<string> => new Set(moments.map(({ participant }) => participant))
const isFalling = (counts: readonly number[]): boolean =>
  counts.every((count, i) => count <= (counts[i - 1] ?? Infinity))
const inSeconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
