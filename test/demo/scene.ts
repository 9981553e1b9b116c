// What the acts of the story are handed, and what they share: commands that are shown, people who join, and the reckoning when
// a node has gone.
import { addressOf, isGone, type NodeSeen, phaseOf, poolUidOf, sessionsOf } from './node-seen.ts'
import type { Look, Observer } from './observer.ts'
import type { Call, Place, Stage } from './stage.ts'
import type { Screen } from './table.ts'
import type { Verdict } from './verdict.ts'

export interface Scene {
  readonly stage: Stage
  readonly screen: Screen
  readonly observer: Observer
  readonly verdict: Verdict
  /** The lone ones: one whose people leave, one whose people stay, and one that takes those in. */
  readonly nodes: readonly [leaving: string, staying: string, spare: string]
  /** Name of the pool. */
  readonly pool: string
  /** What is started goes in here, and ends with the demo. */
  readonly undo: AsyncDisposableStack
  /** By node, the first room first. */
  readonly calls: Map<string, Call[]>
}

export interface Act {
  readonly title: string
  readonly play: (scene: Scene) => Promise<void>
}

export async function kubectl({ stage, screen }: Scene, args: string[]): Promise<void> {
  screen.command(`kubectl ${args.map(arg => (arg.startsWith('{') ? `'${arg}'` : arg)).join(' ')}`)
  await stage.cluster.kubectl(args)
}

/** Resolves when the node counts them. */
export async function join(scene: Scene, room: string, node: string, people: number): Promise<void> {
  await meet(scene, room, node, people)
  await scene.observer.until(node, 'counts its people', it => sessionsOf(it) === presentOn(scene, node), 20)
}

/** Resolves when they have joined. */
export async function meet(scene: Scene, room: string, node: string, people: number): Promise<void> {
  const { stage, verdict, calls, observer } = scene
  // What a pool says of its nodes may be seen before they are.
  await observer.until(node, 'has an address', it => addressOf(it) !== undefined, 20)
  const call = await stage.join(room, placeOf(scene, node), people)
  calls.set(node, [...callsOn(scene, node), call])
  verdict.figures.joined += call.joined.length
  verdict.check(`all ${people} joined “${room}” on ${node}`, call.joined.length === people)
}

export function placeOf({ observer }: Scene, name: string): Place {
  const address = addressOf(observer.node(name))
  if (address === undefined) throw new Error(`${name} has no address`)
  return { name, address }
}

export const callsOn = ({ calls }: Scene, name: string): readonly Call[] => calls.get(name) ?? []

export const presentOn = (scene: Scene, name: string): number =>
  callsOn(scene, name).reduce((sum, call) => sum + presentIn(call), 0)

export const presentIn = ({ joined, left, cut }: Call): number => joined.length - left.length - cut.length

/** The longest there first, in each room; resolves with the name of who left. */
export async function oneLeaves(scene: Scene, name: string): Promise<string | undefined> {
  const call = callsOn(scene, name).find(it => presentIn(it) > 0)
  await call?.leave(1)
  return call?.left.at(-1)?.participant
}

export async function allLeave(scene: Scene, name: string): Promise<void> {
  await Promise.all(callsOn(scene, name).map(call => call.leave(presentIn(call))))
}

/** The nodes that the pool owns at that moment. */
export const nodesOfPool = ({ pool, nodes }: Look): readonly NodeSeen[] =>
  nodes.filter(seen => pool !== undefined && poolUidOf(seen) === pool.metadata.uid)

export const lastLook = ({ observer }: Scene): Look => observer.looks.at(-1) ?? { at: 0, nodes: [] }

/** Gone, and its whole life was as it should be. */
export async function goes({ observer, verdict }: Scene, name: string): Promise<void> {
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
export function lostAt(observer: Observer, name: string, part: 'key' | 'pod' | 'object'): number {
  const history = observer.history(name)
  const last = history.findLastIndex(({ seen }) => seen[part] !== undefined)
  return history[last + 1]?.at ?? Infinity
}

/** Each counts once, however often its node is asked about. */
const reckoned = new WeakSet<Call>()

/** Counts how the stays on a node ended. Only from the deadline on may anybody be cut; without one, never. */
export async function reckon(scene: Scene, name: string, deadlineAt = Infinity): Promise<void> {
  const { figures, check } = scene.verdict
  for (const call of callsOn(scene, name)) {
    if (reckoned.has(call)) continue
    reckoned.add(call)
    const { joined, left, cut, summary } = call
    const early = cut.filter(({ at }) => at.getTime() < deadlineAt)
    figures.leftByThemselves += left.length
    figures.movedAtDeadline += cut.length - early.length
    figures.cutBeforeDeadline += early.length
    for (const { participant, reason } of early) check(`${participant} on ${name} was cut early: ${reason}`, false)
    check(`everybody on ${name} has left or was moved`, left.length + cut.length === joined.length)
    if (summary) check(`media went through ${name}`, (await summary()).packets > 0)
  }
}

export const inSeconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
