// The fourth part of the story: a host is drained, as for an upgrade, while people are in calls on it.
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../cluster/until.ts'
import { counts, isServing, type NodeSeen, phaseOf, takesNoRooms } from './node-seen.ts'
import type { Look } from './observer.ts'
import {
  type Act,
  goes,
  inSeconds,
  join,
  kubectl,
  lastLook,
  nodesOfPool,
  oneLeaves,
  presentOn,
  reckon,
  type Scene,
} from './scene.ts'

const LEAVE_EVERY_MS = 1_500
const PEOPLE = 4

export const hostActs: readonly Act[] = [
  { title: 'A host is drained while people are in calls on it', play: drainHost },
]

async function drainHost(scene: Scene): Promise<void> {
  const { observer, verdict, screen } = scene
  const leaving = await hostWithoutSpare(scene)
  const [node] = leaving.nodes
  await join(scene, 'retro', node, PEOPLE)
  screen.say(`${PEOPLE} people meet in “retro” on ${node}, on ${leaving.host}.`)

  const askedAt = Date.now()
  const drained = drain(scene, leaving.host)
  // It says when it is through; nobody waits for it before that.
  drained.catch(() => undefined)
  await observer.until(node, 'takes no new rooms', takesNoRooms, 30)
  screen.say(`A drain would evict them. But ${node} is busy, and its pod says so: it takes no new rooms, and stays.`)
  const isReplaced = (look: Look): boolean => elsewhere(look, leaving.host).length >= (look.pool?.spec.replicas ?? 1)
  const { at } = await observer.untilLook('replacements take rooms on the other host', isReplaced, 60)
  screen.say(
    `After ${inSeconds(at - askedAt)} the pool is whole again on the other host; the ${presentOn(scene, node)} still talk.`,
  )
  verdict.check('nobody was cut before there was a replacement', presentOn(scene, node) === PEOPLE)

  while (presentOn(scene, node) > 0) {
    await sleep(LEAVE_EVERY_MS)
    await oneLeaves(scene, node)
  }
  const lastLeftAt = Date.now()
  for (const name of leaving.nodes) {
    await goes(scene, name)
    await reckon(scene, name)
  }
  const throughAt = await drained
  verdict.check('the drain waited for the people', throughAt > lastLeftAt)
  screen.say(
    `They hang up when they are done. The drain is through after ${inSeconds(throughAt - askedAt)}, and nobody was cut.`,
  )
  await kubectl(scene, ['uncordon', leaving.host])
}

/** Resolves with the moment when it is through. kubectl gives up earlier than people do; whoever drains asks again. */
async function drain({ screen, stage, undo }: Scene, host: string): Promise<number> {
  const demo = new AbortController()
  undo.defer(() => demo.abort(new Error('the demo has ended')))
  const command = ['drain', host, '--ignore-daemonsets', '--timeout=50s']
  screen.command(`kubectl ${command.join(' ')}`)
  const asks = () => stage.cluster.kubectl(command).then(() => true)
  await until(`${host} to be drained`, asks, { withinMs: 300_000, everyMs: 1_000, signal: demo.signal })
  return Date.now()
}

/** The lone node has people who stay, and no pool that replaces it: its host is spared. */
async function hostWithoutSpare(scene: Scene): Promise<{ host: string; nodes: readonly [string, ...string[]] }> {
  const { observer, screen, pool } = scene
  const [, , spare] = scene.nodes
  const spared = hostOf(observer.node(spare))
  const there = (look: Look): readonly NodeSeen[] => elsewhere(look, spared)
  const last = lastLook(scene)
  if (there(last).length === 0) {
    screen.say(`All nodes are on ${spared}; one more is asked for, which finds its place on the other host.`)
    const spec = { minReplicas: nodesOfPool(last).length + 1 }
    await kubectl(scene, ['patch', `rtca/${pool}`, '--type=merge', '--patch', JSON.stringify({ spec })])
  }
  const look = await observer.untilLook('a node on the other host takes rooms', it => there(it).length > 0, 60)
  const [first, ...others] = there(look).map(({ name }) => name)
  if (first === undefined) throw new Error('there is no node on the other host')
  return { host: hostOf(observer.node(first)) ?? '', nodes: [first, ...others] }
}

const hostOf = ({ object }: NodeSeen): string | undefined => object?.status?.nodeName

/** Nodes of the pool that take rooms on other hosts. */
const elsewhere = (look: Look, host: string | undefined): readonly NodeSeen[] =>
  nodesOfPool(look).filter(
    seen => counts(seen) && isServing(seen) && phaseOf(seen) === 'Running' && hostOf(seen) !== host,
  )
