// The second part of the story: a pool of SFU nodes that shrinks, takes that back, and rolls out, while people are in calls.
import { setTimeout as sleep } from 'node:timers/promises'
import { closedByPool } from '../../operator/api/closed-by-pool.ts'
import type { RTCNodePool } from '../../operator/api/rtcnodepool.ts'
import { closedFor, counts, isServing, type NodeSeen, phaseOf, revisionOf, takesNoRooms } from './node-seen.ts'
import type { Look } from './observer.ts'
import {
  type Act,
  allLeave,
  callsOn,
  goes,
  inSeconds,
  join,
  kubectl,
  lastLook,
  lostAt,
  nodesOfPool,
  oneLeaves,
  presentOn,
  reckon,
  type Scene,
} from './scene.ts'

const REPLICAS = 3
const MAX_SURGE = 1
const LEAVE_EVERY_MS = 700

export const poolActs: readonly Act[] = [
  { title: 'A pool of three is asked for, and people join on its nodes', play: askForPool },
  { title: 'The pool is scaled in while calls are on, and out again before the node is empty', play: scaleInAndBack },
  { title: 'The class changes: the pool rolls out under load', play: rollOut },
  { title: 'The pool is scaled in for good', play: scaleIn },
]
export const lastAct: Act = { title: 'Everything is deleted, and the last people hang up', play: nothingIsLeft }

async function askForPool(scene: Scene): Promise<void> {
  const { observer, verdict, screen } = scene
  const askedAt = Date.now()
  await kubectl(scene, ['apply', '-f', 'examples/pool.yaml'])
  const { at, pool } = await observer.untilLook('the pool is open', hasOpen(REPLICAS), 60)
  verdict.figures.poolOpenAfterSeconds = (at - askedAt) / 1_000
  const nodes = ownNodes(scene)
  verdict.check(`the pool made ${REPLICAS} nodes, and no more`, nodes.length === REPLICAS)
  verdict.check('the pool is Available', conditionOf(pool, 'Available')?.status === 'True')
  screen.say('They are RTCNodes as those before, but owned by the pool.')

  const rooms = [4, 3, 2].map((people, i) => ({ people, room: `room-${i + 1}`, node: nodes[i]?.name ?? '' }))
  screen.say(`People join: ${rooms.map(({ people, node }) => `${people} on ${node}`).join(', ')}.`)
  await Promise.all(rooms.map(({ room, node, people }) => join(scene, room, node, people)))
}

async function scaleInAndBack(scene: Scene): Promise<void> {
  const { observer, verdict, screen } = scene
  const before = ownNodes(scene)
  const quietest = fewestPeople(scene, before)
  const victim = await isScaledIn(scene, REPLICAS - 1)
  verdict.check(`the node with the fewest people (${quietest}) was chosen`, victim.name === quietest)
  const deadline = victim.object && closedByPool(victim.object)?.deadline
  verdict.check('its people have about an hour', Math.abs(Date.parse(deadline ?? '') - Date.now() - 3_600_000) < 60_000)
  const people = presentOn(scene, victim.name)
  screen.say(`The pool has closed ${victim.name}, where the fewest people are: it takes no new rooms.`)
  verdict.check(
    'nobody there was disturbed',
    callsOn(scene, victim.name).every(({ told }) => told.length === 0),
  )
  screen.say(`Its ${people} people notice nothing; they may stay until ${deadline}.`)
  screen.say(
    `${await oneLeaves(scene, victim.name)} hangs up. The other still talks when three nodes are wanted again.`,
  )

  const askedAt = Date.now()
  await scale(scene, REPLICAS)
  const { at, seen } = await observer.until(victim.name, 'is reopened', it => counts(it) && isServing(it), 30)
  await observer.untilLook('the pool is open', hasOpen(REPLICAS), 30)
  verdict.check(`${victim.name} is the same node`, seen.object?.metadata.uid === victim.object?.metadata.uid)
  verdict.check(`${victim.name} has the same pod`, seen.pod?.metadata.uid === victim.pod?.metadata.uid)
  verdict.check('no node was made', namesOf(everOwned(scene)) === namesOf(before))
  verdict.figures.reopened += 1
  await join(scene, 'late-show', victim.name, 2)
  screen.say(
    `${victim.name} was reopened after ${inSeconds(at - askedAt)}: the same node, nothing was made or started.`,
  )
  screen.say('2 people have met in a new room there.')
}

async function rollOut(scene: Scene): Promise<void> {
  const { observer, verdict, screen } = scene
  const old = ownNodes(scene).map(({ name }) => name)
  const talking = peopleOn(scene, old)
  const firstLook = observer.looks.length
  screen.say(`${talking} people are in calls, on all of its nodes.`)
  const release = { metadata: { annotations: { 'example.com/release': '2' } } }
  const patch = JSON.stringify({ spec: { podTemplate: release } })
  await kubectl(scene, ['patch', 'rtcnodeclass', 'livekit', '--type=merge', '--patch', patch])
  screen.say('Replacements come first: an old node is closed only when a new one takes rooms.')

  await replacementsTakeRooms(scene, old)
  for (const name of old) await observer.until(name, 'takes no new rooms', takesNoRooms, 30)
  const isClosed = (name: string): boolean => closedFor(observer.node(name)) === 'RollOut'
  verdict.check('old nodes were closed by the roll-out', old.every(isClosed))
  const still = peopleOn(scene, old)
  verdict.check('the roll-out interrupted nobody', still === talking)
  screen.say(
    `All are replaced, and the ${still} people on the old nodes talk on. Now they hang up, one after the other.`,
  )
  await Promise.all(old.map(name => leaveOneByOne(scene, name)))
  for (const name of old) {
    await goes(scene, name)
    await reckon(scene, name)
  }
  verdict.figures.rolledOut += old.length
  neverShort(scene, observer.looks.slice(firstLook), old)
  const history = await shown(scene, [...historyOf(scene.pool), '--sort-by=.revision'])
  verdict.check('both revisions are kept for an undo', history.length === 3)
}

/** People meet on each new node as soon as it takes rooms. */
async function replacementsTakeRooms(scene: Scene, old: readonly string[]): Promise<void> {
  const { observer, verdict, screen, pool } = scene
  const taken = new Set(old)
  const next = (look: Look) =>
    nodesOfPool(look).find(it => !taken.has(it.name) && isServing(it) && phaseOf(it) === 'Running')
  for (const [i, room] of ['premiere', 'matinee', 'encore'].entries()) {
    const look = await observer.untilLook(`a replacement for “${room}”`, it => next(it) !== undefined, 60)
    const { name, pod } = next(look) as NodeSeen
    taken.add(name)
    verdict.check(`${name} runs the new release`, pod?.metadata.annotations?.['example.com/release'] === '2')
    await join(scene, room, name, i + 2)
    screen.say(`${name} takes rooms: ${i + 2} people meet in “${room}” there.`)
  }
  await kubectl(scene, ['wait', `rtcp/${pool}`, '--for=condition=Reconciling=false', '--timeout=60s'])
  const done = await observer.untilLook('the roll-out is complete', isRolledOut, 30)
  const { currentRevision, updatedReplicas } = done.pool?.status ?? {}
  const updated = nodesOfPool(done).filter(counts)
  verdict.check(
    'all nodes that count are of the new revision',
    updated.every(it => revisionOf(it) === currentRevision),
  )
  verdict.check('the status says so too', updatedReplicas === REPLICAS)
  await shown(scene, ['get', `rtcp/${pool}`])
  screen.say(
    'SESSIONS is coarse there, at most one write in 30 s. What is true this second is in the registry, see REGISTRY below.',
  )
}

/** Judged from every look during the roll-out, by the registry and the specs. */
function neverShort({ verdict, screen }: Scene, looks: readonly Look[], old: readonly string[]): void {
  const open = Math.min(...looks.map(look => nodesOfPool(look).filter(isServing).length))
  const most = Math.max(...looks.map(look => nodesOfPool(look).filter(counts).length))
  const firstClosed = looks.find(look => look.nodes.some(it => old.includes(it.name) && it.object?.spec.cordoned))
  const served = firstClosed && nodesOfPool(firstClosed).some(it => !old.includes(it.name) && isServing(it))
  verdict.check(`never fewer than ${REPLICAS} took rooms, but there were ${open}`, open >= REPLICAS)
  verdict.check(`never more than ${REPLICAS + MAX_SURGE} counted, but there were ${most}`, most <= REPLICAS + MAX_SURGE)
  verdict.check('the first replacement took rooms before an old node was closed', served === true)
  screen.say(
    `In each of ${looks.length} looks at it, at least ${open} nodes took rooms, and at most ${most} counted: those that empty come on top.`,
  )
}

async function scaleIn(scene: Scene): Promise<void> {
  const { observer, verdict, screen } = scene
  const quietest = fewestPeople(scene, ownNodes(scene).filter(counts))
  const victim = await isScaledIn(scene, REPLICAS - 1)
  verdict.check(`the node with the fewest people (${quietest}) was chosen again`, victim.name === quietest)
  screen.say(`${victim.name} was closed. It goes when it has been empty for 5 s, as spec.scaleIn.emptySeconds says.`)
  await leaveOneByOne(scene, victim.name)
  screen.say('Its 2 people have hung up.')
  const lastLeftAt = Date.now()
  await goes(scene, victim.name)
  const goneAfterMs = lostAt(observer, victim.name, 'object') - lastLeftAt
  verdict.check(`${victim.name} was not deleted before it had been empty for 5 s`, goneAfterMs >= 5_000)
  await reckon(scene, victim.name)
  await observer.untilLook('the pool is smaller', ({ pool }) => pool?.status?.drainingReplicas === 0, 30)
  verdict.check('two nodes are left in the pool', ownNodes(scene).length === REPLICAS - 1)
  screen.say(`It was gone ${inSeconds(goneAfterMs)} after the last one left.`)
}

async function nothingIsLeft(scene: Scene): Promise<void> {
  const { observer, verdict, screen, stage, pool } = scene
  const [, , spare] = scene.nodes
  const names = [...ownNodes(scene).map(node => node.name), spare]
  await kubectl(scene, ['delete', `rtca/${pool}`, `rtcp/${pool}`, `rtcnode/${spare}`, '--wait=false'])
  for (const name of names) await observer.until(name, 'takes no new rooms', takesNoRooms, 30)
  screen.say(`Deleting drains, too: ${peopleOn(scene, names)} people are still in their calls. They hang up.`)
  await Promise.all(names.map(name => allLeave(scene, name)))
  for (const name of names) {
    await goes(scene, name)
    await reckon(scene, name)
  }
  // Of nodes that were one too many in between, as people had left them.
  for (const name of scene.calls.keys()) await reckon(scene, name)
  const left = await stage.cluster.kubectl(['get', 'rtcautoscalers,rtcnodepools,rtcnodes,pods', '-oname'])
  verdict.check(`no autoscaler, pool, node or pod is left, but there is ${left}`, left === '')
  screen.say('No autoscaler, no pool, no node, no pod and no registry key is left.')
}

// --- what the acts share ------------------------------------------------------------------------------------------

const historyOf = (pool: string): string[] => ['get', 'controllerrevisions', '-l', `rtcnode.io/pool=${pool}`]

const peopleOn = (scene: Scene, nodes: readonly string[]): number =>
  nodes.reduce((sum, name) => sum + presentOn(scene, name), 0)

/** The command and its answer, line by line. */
async function shown({ stage, screen }: Scene, args: string[]): Promise<readonly string[]> {
  screen.command(`kubectl ${args.join(' ')}`)
  const lines = (await stage.cluster.kubectl(args)).trimEnd().split('\n')
  for (const line of lines) screen.say(line)
  return lines
}

const scale = (scene: Scene, replicas: number): Promise<void> =>
  kubectl(scene, ['scale', `rtcp/${scene.pool}`, `--replicas=${replicas}`])

/** Scales to one node fewer; resolves with the node that the pool has closed, once its agent has confirmed. */
async function isScaledIn(scene: Scene, replicas: number): Promise<NodeSeen> {
  const isVictim = (seen: NodeSeen): boolean => closedFor(seen) === 'ScaleIn' && takesNoRooms(seen)
  await scale(scene, replicas)
  const look = await scene.observer.untilLook('a node is closed', it => nodesOfPool(it).some(isVictim), 30)
  const victims = nodesOfPool(look).filter(isVictim)
  scene.verdict.check('one node was closed', victims.length === 1)
  return victims[0] as NodeSeen
}

const hasOpen =
  (replicas: number) =>
  ({ pool }: Look): boolean =>
    pool?.status?.openReplicas === replicas && pool.status.observedGeneration === pool.metadata.generation

const isRolledOut = ({ pool }: Look): boolean => {
  const { currentRevision, updateRevision, openReplicas } = pool?.status ?? {}
  return currentRevision === updateRevision && openReplicas === REPLICAS && progressOf(pool) === 'Complete'
}

const conditionOf = (pool: RTCNodePool | undefined, type: string) =>
  pool?.status?.conditions?.find(condition => condition.type === type)

const progressOf = (pool: RTCNodePool | undefined): string | undefined => conditionOf(pool, 'Progressing')?.reason

const ownNodes = (scene: Scene): readonly NodeSeen[] => nodesOfPool(lastLook(scene))

const everOwned = ({ observer }: Scene): readonly NodeSeen[] => {
  const seen = new Map(observer.looks.flatMap(nodesOfPool).map(node => [node.name, node]))
  return [...seen.values()]
}

const namesOf = (nodes: readonly NodeSeen[]): string =>
  nodes
    .map(({ name }) => name)
    .sort()
    .join()

const fewestPeople = (scene: Scene, nodes: readonly NodeSeen[]): string | undefined =>
  nodes.map(({ name }) => name).sort((a, b) => presentOn(scene, a) - presentOn(scene, b))[0]

async function leaveOneByOne(scene: Scene, node: string): Promise<void> {
  while (presentOn(scene, node) > 0) {
    await sleep(LEAVE_EVERY_MS)
    await oneLeaves(scene, node)
  }
}
