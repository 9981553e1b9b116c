// The third part of the story: an autoscaler on the pool, and a day of calls in a minute. Nobody scales by hand any more.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse, stringify } from 'yaml'
import type { Heartbeat } from '../../operator/api/heartbeat.ts'
import type { RTCAutoscaler } from '../../operator/api/rtcautoscaler.ts'
import { fullnessOf, pressureOf } from '../../operator/load/pressure.ts'
import { closedFor, counts, isGone, isServing, type NodeSeen, phaseOf, takesNoRooms } from './node-seen.ts'
import type { Look } from './observer.ts'
import {
  type Act,
  callsOn,
  goes,
  join,
  lastLook,
  nodesOfPool,
  presentIn,
  presentOn,
  reckon,
  type Scene,
} from './scene.ts'

const [MIN, MAX] = [2, 5]
const PEOPLE_IN_ROOM = 4
/** More would not fit on so many nodes. */
const MOST_ROOMS = 15
/** Of a heartbeat, with some to spare. */
const DECIDES_WITHIN_MS = 1_500
/** Besides the CPU of its class: four rooms of four. */
const STREAMS_PER_NODE = 64

export const autoscalerActs: readonly Act[] = [
  { title: 'An autoscaler takes over the pool, and people come and come', play: growWithPeople },
  { title: 'Most of them hang up: nodes are closed, and nobody is cut', play: closeWithPeople },
  { title: 'People come again before the closed nodes are empty', play: reopen },
  { title: 'The day is over: the closed nodes empty and go', play: endTheDay },
]

async function growWithPeople(scene: Scene): Promise<void> {
  const { observer, verdict, screen } = scene
  await handOver(scene)
  const before = namesOf(ownNodes(scene))
  const firstLook = observer.looks.length
  screen.say('Rooms of four open, each on the node with the fewest people, until no node is empty any more.')
  for (let rooms = 1; rooms <= MOST_ROOMS; rooms++) {
    await openRoom(scene, `morning-${rooms}`)
    const { pool } = await observer.untilLook('what was asked for takes rooms', allOpen, 60)
    const isEmpty = ({ name }: NodeSeen): boolean => presentOn(scene, name) === 0
    if ((pool?.spec.replicas ?? 0) > MIN && !ownNodes(scene).some(isEmpty)) break
  }
  const pressures = observer.looks.slice(firstLook).map(pressureOfPool)
  const [first = 0, peak, last = 0] = [pressures[0], Math.max(...pressures), pressures.at(-1)]
  const nodes = ownNodes(scene)
  verdict.check('the pool grew, and nobody asked for it', nodes.length > MIN)
  verdict.check(
    'the nodes that were there, stayed',
    before.every(name => phaseOf(observer.node(name)) === 'Running'),
  )
  verdict.check(`pressure rose and fell, but it was ${first}, ${peak}, ${last}`, first < peak && last < peak)
  const slowestMs = slowestJoin(observer.looks.slice(firstLook))
  const [from, to, now] = [first, peak, last].map(pressure => pressure.toFixed(2))
  screen.say(`Pressure rose from ${from} to ${to}, and joins took up to ${slowestMs.toFixed(0)} ms.`)
  screen.say(`With ${nodes.length} nodes the pressure is ${now}. Nobody was moved: what is new goes to the new nodes.`)
}

async function closeWithPeople(scene: Scene): Promise<void> {
  const { observer, verdict, screen } = scene
  const names = namesOf(ownNodes(scene))
  screen.say('In each room all hang up but one, who stays on: nodes empty slowly.')
  await allLeaveButOne(scene, names)
  screen.say(lineOf(await observer.untilLook('fewer nodes are wanted', hasShrunk(names.length), 90)))
  await observer.untilLook('nodes are closed', hasClosedEnough, 30)
  const closed = namesOf(closedNodes(lastLook(scene)))
  const people = closed.reduce((sum, name) => sum + presentOn(scene, name), 0)
  verdict.check('people were on the nodes that were closed', people > 0)
  screen.say(`Closed to new rooms: ${closed.join(', ')}. The ${people} people there notice nothing.`)
}

async function reopen(scene: Scene): Promise<void> {
  const { observer, verdict, screen } = scene
  const firstLook = observer.looks.length - 1
  /** Some may be closed only now, by what was decided when there were few people. */
  const back = (): string[] => {
    const closed = new Set(observer.looks.slice(firstLook).flatMap(look => namesOf(closedNodes(look))))
    return namesOf(openNodes(scene)).filter(name => closed.has(name))
  }
  for (let rooms = 1; rooms <= MOST_ROOMS && back().length === 0; rooms++) await openRoom(scene, `evening-${rooms}`)
  const look = await observer.untilLook('a closed node is reopened', () => back().length > 0, 60)
  await observer.untilLook('the pool has settled', allOpen, 60)
  screen.say(lineOf(look))
  screen.say(`Reopened: ${back().join(', ')}, with the people who had never left.`)
  verdict.figures.reopened += back().length
  await openRoom(scene, 'night')
}

async function endTheDay(scene: Scene): Promise<void> {
  const { observer, verdict, screen } = scene
  const names = namesOf(nodesOfPool(lastLook(scene)))
  await Promise.all(names.flatMap(name => callsOn(scene, name).map(call => call.leave(presentIn(call)))))
  screen.say('Everybody hangs up.')
  // Down to the least, or to one more: where nodes start slowly, room is kept for the next burst.
  const isSmaller = (look: Look): boolean => {
    const left = nodesOfPool(look).length
    const isSettled = left === look.pool?.spec.replicas && allOpen(look) && look.pool.status?.drainingReplicas === 0
    return left < names.length && left <= MIN + 1 && isSettled
  }
  await observer.untilLook('nodes that are not needed are gone', isSmaller, 90)
  const gone = names.filter(name => isGone(observer.node(name)))
  for (const name of gone) {
    await goes(scene, name)
    await reckon(scene, name)
  }
  verdict.check('never more nodes than allowed', Math.max(...replicasEver(scene)) <= MAX)
  screen.say(
    `${gone.length} nodes are gone, ${names.length - gone.length} are left. All that was decided, in its own words:`,
  )
  for (const { at, why } of decisions(scene)) screen.say(`${at.slice(11, 19)}  ${why}`)
  const cut = names.flatMap(name => callsOn(scene, name)).flatMap(call => call.cut).length
  verdict.check('the autoscaler cut nobody', cut === 0)
  verdict.figures.scaled.push(...replicasEver(scene))
  screen.say(`Participants cut: ${cut}.`)
}

// --- what the acts share ------------------------------------------------------------------------------------------

/** The autoscaler of examples/, for a pool of small nodes and a day of a minute. */
async function handOver(scene: Scene): Promise<void> {
  const { stage, observer, screen, verdict } = scene
  const example = parse(readFileSync('examples/autoscaler.yaml', 'utf8')) as Pick<RTCAutoscaler, 'spec'>
  const spec = {
    ...example.spec,
    minReplicas: MIN,
    maxReplicas: MAX,
    targets: { ...example.spec.targets, streamsPerNode: STREAMS_PER_NODE },
    behavior: { scaleDown: { stabilizationWindowSeconds: 12 } },
  }
  screen.command('kubectl apply -f examples/autoscaler.yaml   # with a window of 12 s, and small nodes')
  await stage.cluster.kubectl(['apply', '-f-'], { input: stringify({ ...example, spec }) })
  const look = await observer.untilLook('the autoscaler scales', it => activeOf(it)?.status === 'True', 30)
  verdict.check('it takes the pool as it is', look.pool?.spec.replicas === MIN)
}

/** On the node with the fewest people; while all are full, it waits for one that is not. Resolves when that has been told. */
async function openRoom(scene: Scene, room: string): Promise<void> {
  await scene.observer.untilLook('a node takes rooms', () => openNodes(scene).length > 0, 90)
  const [node = ''] = namesOf(openNodes(scene)).toSorted((a, b) => presentOn(scene, a) - presentOn(scene, b))
  await join(scene, room, node, PEOPLE_IN_ROOM)
  await sleep(DECIDES_WITHIN_MS)
}

const allLeaveButOne = async (scene: Scene, names: readonly string[]): Promise<void> =>
  void (await Promise.all(
    names.flatMap(name => callsOn(scene, name).map(call => call.leave(Math.max(0, presentIn(call) - 1)))),
  ))

const openNodes = (scene: Scene): readonly NodeSeen[] =>
  nodesOfPool(lastLook(scene)).filter(seen => counts(seen) && isServing(seen) && phaseOf(seen) === 'Running')

/** Full ones too, which take no rooms for now. */
const ownNodes = (scene: Scene): readonly NodeSeen[] => nodesOfPool(lastLook(scene)).filter(counts)

const closedNodes = (look: Look): readonly NodeSeen[] => nodesOfPool(look).filter(seen => closedFor(seen) === 'ScaleIn')

const namesOf = (nodes: readonly NodeSeen[]): string[] => nodes.map(({ name }) => name)

const hasClosedEnough = (look: Look): boolean => {
  const closed = closedNodes(look)
  const left = nodesOfPool(look).length - closed.length
  return closed.length > 0 && left === look.pool?.spec.replicas && closed.every(takesNoRooms)
}

const activeOf = ({ autoscaler }: Look) => autoscaler?.status?.conditions?.find(({ type }) => type === 'ScalingActive')

const hasShrunk =
  (from: number) =>
  ({ pool }: Look): boolean =>
    (pool?.spec.replicas ?? from) < from

const allOpen = ({ pool }: Look): boolean =>
  pool?.status?.openReplicas === pool?.spec.replicas && pool?.status?.observedGeneration === pool?.metadata.generation

const lineOf = ({ autoscaler }: Look): string => autoscaler?.status?.lastDecision?.why ?? ''

const beatsOf = (look: Look): readonly Heartbeat[] =>
  nodesOfPool(look).flatMap(seen => (counts(seen) && seen.key ? [seen.key.heartbeat] : []))

const full = fullnessOf({ streamsPerNode: STREAMS_PER_NODE })

/** Mean of its nodes, by their heartbeats: the status is written less often. */
function pressureOfPool(look: Look): number {
  const pressures = beatsOf(look).map(beat => pressureOf(beat, full)?.pressure ?? 0)
  return pressures.reduce((sum, pressure) => sum + pressure, 0) / Math.max(1, pressures.length)
}

const slowestJoin = (looks: readonly Look[]): number =>
  Math.max(0, ...looks.flatMap(beatsOf).map(({ joinLatencyP99Ms = 0 }) => joinLatencyP99Ms))

/** Each once, the first first. */
function decisions({ observer }: Scene): readonly { readonly at: string; readonly why: string }[] {
  const all = observer.looks.flatMap(({ autoscaler }) => autoscaler?.status?.lastDecision ?? [])
  return all.filter(({ at, why }, i) => at !== all[i - 1]?.at || why !== all[i - 1]?.why)
}

/** What the pool was set to while it had an autoscaler, the first first. */
function replicasEver({ observer }: Scene): readonly number[] {
  const all = observer.looks.flatMap(({ pool, autoscaler }) => (pool && autoscaler ? [pool.spec.replicas] : []))
  return all.filter((replicas, i) => replicas !== all[i - 1])
}
