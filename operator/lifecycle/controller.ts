// The shell around decide.ts: caches → snapshot → decision → one write. Started by run.ts; leadership, the queue and
// retries are the runtime's (operator/kube).
import type { Clock } from '../ambient/clock.ts'
import type { Host, Pod } from '../api/core.ts'
import { keyOf, type ObjectKey } from '../api/meta.ts'
import { HOST_LABEL } from '../api/pod-parts.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodeClass } from '../api/rtcnodeclass.ts'
import type { HostSignals } from '../cluster/disruption.ts'
import type { MakerEvents } from '../cluster/maker-events.ts'
import { hasNoHost } from '../cluster/pending.ts'
import { disruptionAt, isGoing } from '../cluster/reaction.ts'
import type { Cache } from '../kube/cache.ts'
import { conditionOf } from '../kube/conditions.ts'
import {
  CATCH_UP_MS,
  type ControllerSpec,
  type ReconcileContext,
  type ReconcileResult,
  watchCache,
  whenCaughtUp,
} from '../kube/controller.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { ServerClock } from '../kube/server-clock.ts'
import { sameStatus } from '../kube/status.ts'
import type { Change } from '../kube/store.ts'
import type { Loads } from '../load/loads.ts'
import { carryOut, type Outcome, sweepIntent, type Writers, writeStatus } from './carry-out.ts'
import { decide, quietReasons } from './decide.ts'
import type { Act, Decision, Observed } from './decision.ts'
import { type LoadTurns, loadTurns } from './load-turns.ts'
import { type Doing, type NodeMemory, nodeMemory } from './memory.ts'
import { eventOf, eventOfDisruption } from './node-events.ts'
import { isPodOf } from './pod-view.ts'
import { ownHeartbeat } from './seen.ts'
import { sharesOfRooms } from './shares.ts'
import type { AgentSettings } from './start-up-environment.ts'
import { causeOf, type Tally } from './tally.ts'

export interface LifecycleDeps extends Omit<Writers, 'signal'> {
  readonly nodeCache: Cache<RTCNode>
  readonly podCache: Cache<Pod>
  readonly classCache: Cache<RTCNodeClass>
  readonly hostCache: Cache<Host>
  readonly makerEvents: MakerEvents
  readonly hostSignals: HostSignals
  readonly loads: Pick<Loads, 'admission' | 'onAdmission' | 'ready'>
  readonly events: EventRecorder
  readonly tally: Tally
  readonly clock: Clock
  readonly serverClock: ServerClock
  readonly settings: AgentSettings
  readonly workers: number
}

/** Names of the indexes the caches must have. */
export const nodesByClass = 'class'
export const podsByHost = 'host'

interface ReconcileDeps extends LifecycleDeps {
  readonly turns: LoadTurns
}

export function lifecycleController(deps: LifecycleDeps): ControllerSpec {
  const memory = nodeMemory(deps.clock)
  const turns = loadTurns(deps)
  const reconcileDeps: ReconcileDeps = { ...deps, turns }
  return {
    name: 'rtcnode',
    workers: deps.workers,
    watches: [
      watchCache(deps.nodeCache, change => [change.key]),
      watchCache(deps.podCache, change => [change.key]),
      watchCache(deps.classCache, change => keysOfClass(deps, change)),
      watchCache(deps.hostCache, change => keysOfHost(deps, change)),
      {
        subscribe: enqueue => deps.hostSignals.onChange(host => nodesOn(deps, host).forEach(key => enqueue(key))),
        ready: deps.hostSignals.ready,
      },
      { subscribe: enqueue => deps.makerEvents.onChange(pod => deps.nodeCache.get(pod) !== undefined && enqueue(pod)) },
      { subscribe: enqueue => deps.fleet.onChange((key, what) => what === 'material' && enqueue(key)) },
      sharesOfRooms(deps),
      turns,
      {
        subscribe: enqueue =>
          deps.fleet.onHealthChange(() => [...deps.nodeCache.list()].forEach(node => enqueue(keyOf(node)))),
      },
    ],
    // Where all nodes of a pool fill up at once, or hundreds of hosts are to go, each of them has to be told; what helps them is the
    // node that starts. And people on a host that ends now have no time.
    isUrgent: key => isStarting(deps.nodeCache.get(key)) || isOnEndingHost(key, deps),
    logFields: key => ({ uid: deps.nodeCache.get(key)?.metadata.uid }),
    caughtUp: key => deps.expectations.caughtUp(key) && memory.intentSeen(key, deps.fleet.intent(key)),
    reconcile: (key, context) => reconcile(key, context, reconcileDeps, memory),
  }
}

async function reconcile(
  key: ObjectKey,
  { log, note, signal }: ReconcileContext,
  deps: ReconcileDeps,
  memory: NodeMemory,
): Promise<ReconcileResult> {
  const node = deps.nodeCache.get(key)
  if (node === undefined) {
    // What the registry has of a namespace that nobody looks after is not ours to sweep.
    if (deps.nodeCache.rangeOf(key) !== undefined) await sweepIntent(key, { ...deps, signal })
    deps.fleet.forget(key)
    deps.expectations.forget(key)
    memory.forget(key)
    deps.tally.gone(key, deps.serverClock.now())
    return {}
  }
  const now = deps.serverClock.now()
  if (now === undefined) return whenCaughtUp

  const seen = observe(node, deps, memory)
  deps.tally.look(node, ownHeartbeat({ node, seen, now }), now)
  const decision = decide(node, seen, now, deps.settings)
  log.debug('decided', { because: decision.because, act: decision.act?.do })
  note({ 'rtcnode.because': decision.because, 'rtcnode.act': decision.act?.do })
  const writers: Writers & Pick<LifecycleDeps, 'tally'> = { ...deps, signal }
  if (decision.act !== undefined) return act(node, decision.act, decision, writers, memory)
  if (!sameStatus(node.status, decision.status)) {
    await writeStatus(node, decision.status, writers)
    tell(node, decision, deps)
  }
  return lookAgain(decision)
}

async function act(
  node: RTCNode,
  wanted: Act,
  decision: Decision,
  writers: Writers & Pick<LifecycleDeps, 'tally'>,
  memory: NodeMemory,
): Promise<ReconcileResult> {
  const key = keyOf(node)
  const outcome: Outcome = await carryOut(node, wanted, writers)
  switch (outcome.outcome) {
    case 'refused':
      memory.refused(key, outcome.refusal)
      return { lookAgainMs: 0 }
    case 'intent-written':
      memory.wroteIntent(key, outcome.revision)
      if (wanted.do === 'write-intent' && wanted.intent.drain?.stage === 'evict')
        writers.tally.evicted(key, causeOf(wanted.intent.drain.reason, node))
      return whenCaughtUp
    case 'outdated':
      return whenCaughtUp
    case 'done':
      if (wanted.do === 'create-pod') memory.accepted(key)
      return { lookAgainMs: Math.max(CATCH_UP_MS, decision.lookAgainMs ?? 0) }
  }
}

function observe(node: RTCNode, deps: ReconcileDeps, memory: NodeMemory): Observed {
  const key = keyOf(node)
  const pod = deps.podCache.get(key)
  const hostName = pod !== undefined && isPodOf(pod, node) ? pod.spec.nodeName : undefined
  return {
    nodeClass: deps.classCache.get(node.spec.className as ObjectKey),
    pod,
    host: hostName === undefined ? undefined : deps.hostCache.get(hostName as ObjectKey),
    disruption: disruptionAt(node, hostName, deps),
    ending: hostName === undefined || pod === undefined ? undefined : deps.hostSignals.ofPod(pod),
    registration: deps.fleet.registration(key),
    intent: deps.fleet.intent(key),
    load: deps.loads.admission(key),
    loadIsDue: deps.turns.isDue(key),
    registryFrozen: deps.fleet.health().freeze !== undefined,
    crowd: memory.crowd(key, doingOf(node)),
    refusal: memory.refusal(key),
    makersSay: pod !== undefined && hasNoHost(pod) ? deps.makerEvents.of(pod.metadata.uid) : [],
    hostsGoing: pod === undefined && node.metadata.deletionTimestamp === undefined ? hostsGoing(deps) : [],
  }
}

/** Those first that nothing else keeps pods off. */
function hostsGoing({ hostCache, hostSignals }: LifecycleDeps): string[] {
  return [...hostSignals.announced()]
    .filter(name => isGoing(hostSignals.of(name)))
    .map(name => hostCache.get(name as ObjectKey))
    .filter(host => host !== undefined)
    .toSorted((a, b) => Number(takesPods(b)) - Number(takesPods(a)))
    .map(({ metadata }) => metadata.labels?.[HOST_LABEL] ?? metadata.name)
}

const takesPods = ({ spec }: Host): boolean =>
  spec.unschedulable !== true && (spec.taints ?? []).every(({ effect }) => effect === 'PreferNoSchedule')

function doingOf(node: RTCNode): Doing | undefined {
  if (node.metadata.deletionTimestamp !== undefined) return 'draining'
  return isStarting(node) ? 'starting' : undefined
}

const isStarting = (node: RTCNode | undefined): boolean =>
  node !== undefined && node.metadata.deletionTimestamp === undefined && (node.status?.phase ?? 'Pending') === 'Pending'

function tell(node: RTCNode, { status, because }: Decision, { events }: LifecycleDeps): void {
  const disruption = eventOfDisruption(node.status, status)
  if (disruption !== undefined) events.record(node, disruption)
  const before = conditionOf(node.status?.conditions, 'Ready')?.reason
  const ready = conditionOf(status.conditions, 'Ready')
  if (before === because || ready === undefined || quietReasons.has(because)) return
  events.record(node, eventOf(because, ready.message))
}

const lookAgain = ({ lookAgainMs }: Decision): ReconcileResult => (lookAgainMs === undefined ? {} : { lookAgainMs })

function keysOfClass({ nodeCache }: LifecycleDeps, change: Change<RTCNodeClass>): ObjectKey[] {
  const accepted = (it: RTCNodeClass | undefined): string | undefined =>
    conditionOf(it?.status?.conditions, 'Accepted')?.status
  const same =
    change.old?.metadata.generation === change.new?.metadata.generation && accepted(change.old) === accepted(change.new)
  return same ? [] : nodeCache.byIndex(nodesByClass, change.key).map(keyOf)
}

/** Hosts write their status often; only labels and addresses reach a node. */
function keysOfHost({ podCache }: LifecycleDeps, change: Change<Host>): ObjectKey[] {
  const facts = (host: Host | undefined): string => JSON.stringify([host?.metadata.labels, host?.status?.addresses])
  return facts(change.old) === facts(change.new) ? [] : nodesOn({ podCache }, change.key)
}

/** By the keys of their pods. */
const nodesOn = ({ podCache }: Pick<LifecycleDeps, 'podCache'>, hostName: string): ObjectKey[] =>
  podCache.byIndex(podsByHost, hostName).map(keyOf)

function isOnEndingHost(key: ObjectKey, { podCache, hostSignals }: LifecycleDeps): boolean {
  const hostName = podCache.get(key)?.spec.nodeName
  return hostName !== undefined && hostSignals.of(hostName)?.kind === 'Imminent'
}
