// One operator process in the random world: the real decide and the real carrying out, over caches that each lag on their
// own and that a restart throws back into the past.
import { type Clock, type Instant, monotonic } from '../../../../operator/ambient/clock.ts'
import type { Pod } from '../../../../operator/api/core.ts'
import { type KubeObject, type ObjectKey, objectKey, splitKey } from '../../../../operator/api/meta.ts'
import type { RTCNode, RTCNodeStatus } from '../../../../operator/api/rtcnode.ts'
import type { RTCNodeClass } from '../../../../operator/api/rtcnodeclass.ts'
import type { Disruption } from '../../../../operator/cluster/disruption.ts'
import { ApiError } from '../../../../operator/kube/errors.ts'
import type { Expectations } from '../../../../operator/kube/expectations.ts'
import type { ResourceClient } from '../../../../operator/kube/resource.ts'
import { sameStatus } from '../../../../operator/kube/status.ts'
import { carryOut, sweepIntent, type Writers, writeStatus } from '../../../../operator/lifecycle/carry-out.ts'
import { decide } from '../../../../operator/lifecycle/decide.ts'
import type { GiveUpReason, Observed } from '../../../../operator/lifecycle/decision.ts'
import { nodeMemory } from '../../../../operator/lifecycle/memory.ts'
import { isPodOf } from '../../../../operator/lifecycle/pod-view.ts'
import { fullyOpen } from '../../../../operator/load/admission.ts'
import { IntentConflictError, RegistryError } from '../../../../operator/registry/errors.ts'
import { materialOf } from '../../../../operator/registry/material.ts'
import { settings } from '../build.ts'
import type { ApiServer, Change, KindName, Kinds, Preconditions } from './api-server.ts'
import type { Monitors } from './monitors.ts'
import { intentsOf, type Registry, registryView } from './registry.ts'

/** The process dies here: what it wanted next never happens. */
export class Crash extends Error {
  override readonly name = 'Crash'
}

/** What a mutant does otherwise than the real operator. */
export interface Tampering {
  readonly decide?: typeof decide
  readonly ignoreUids?: boolean
  readonly ignoreVersions?: boolean
  readonly believeCaches?: boolean
}

export interface Surroundings {
  readonly api: ApiServer
  readonly etcd: Registry
  readonly watching: Monitors
  readonly nodeClass: () => RTCNodeClass | undefined
  /** What the host announces; seen at once. */
  readonly notice: () => Disruption | undefined
  readonly now: () => Instant
  /** May let the world move on, or kill the process, around each call. */
  readonly aroundCall: (moment: 'read' | 'before' | 'after') => void
  readonly note: (line: string) => void
}

interface LaggingCache {
  next: number
  readonly view: Map<string, KubeObject>
}

export interface Operator {
  /** Hears of the next changes of a kind; `lost` ones go by unheard. */
  hear(kind: KindName, count: number, lost?: boolean): void
  relist(kind: KindName): void
  hearRegistry(): void
  reconcile(name: string): Promise<void>
  /** Reconciles what has changed or is due, as the work queue would. */
  work(): Promise<void>
}

/** `from` says at which change of each kind its first list was taken; Infinity is now. */
export function startOperator(
  { api, etcd, watching, nodeClass, notice, now, aroundCall, note }: Surroundings,
  tampering: Tampering,
  from: Readonly<Record<KindName, number>>,
): Operator {
  const caches = { RTCNode: listed('RTCNode', from.RTCNode), Pod: listed('Pod', from.Pod) }
  const registry = registryView(etcd, now)
  const clock = { monotonic: () => monotonic(now()) } as unknown as Clock
  const memory = nodeMemory(clock)
  const awaited = new Map<ObjectKey, Partial<Record<KindName, number>>>()
  const dueAt = new Map<string, number>()
  const lastSeen = new Map<string, string>()
  const decideHere = tampering.decide ?? decide
  let actingFor: RTCNode | undefined
  let givingUp: GiveUpReason | undefined

  function listed(kind: KindName, upTo: number): LaggingCache {
    const view = new Map<string, KubeObject>()
    const changes = api.history[kind].slice(0, upTo)
    for (const change of changes) take(view, change)
    return { next: changes.length, view }
  }

  const expectations: Expectations = {
    wrote: ({ by, kind }) => void awaited.set(by, { ...awaited.get(by), [kind]: api.history[kind as KindName].length }),
    deleted: ({ by, kind }) =>
      void awaited.set(by, { ...awaited.get(by), [kind]: api.history[kind as KindName].length }),
    caughtUp(by) {
      const { RTCNode = 0, Pod = 0 } = awaited.get(by) ?? {}
      return caches.RTCNode.next >= RTCNode && caches.Pod.next >= Pod
    },
    forget: by => void awaited.delete(by),
  }

  function preconditions(patch: { uid?: string; resourceVersion?: string }): Preconditions {
    return {
      uid: tampering.ignoreUids ? undefined : patch.uid,
      resourceVersion: tampering.ignoreVersions ? undefined : patch.resourceVersion,
    }
  }

  /** Calls answer late, or never; the world moves on meanwhile. */
  const write = async <T>(act: () => T): Promise<T> => {
    aroundCall('before')
    const answer = act()
    aroundCall('after')
    return answer
  }
  const read = async <T>(live: T | undefined, cached: unknown): Promise<T | undefined> => {
    const answer = tampering.believeCaches ? (cached as T | undefined) : live
    aroundCall('read')
    return answer
  }
  const nameOf = (key: ObjectKey): string => splitKey(key).name
  type Patch = {
    metadata: { uid?: string; resourceVersion?: string; finalizers?: string[]; annotations?: object; labels?: object }
  }

  const patched = <T extends KubeObject>(object: T, { metadata }: Patch): T => {
    const { uid: _uid, resourceVersion: _version, finalizers, annotations, labels } = metadata
    return {
      ...object,
      metadata: {
        ...object.metadata,
        ...(finalizers && { finalizers }),
        ...(annotations && { annotations: { ...object.metadata.annotations, ...annotations } }),
        ...(labels && { labels: { ...object.metadata.labels, ...labels } }),
      },
    }
  }

  const nodes: Partial<ResourceClient<RTCNode>> = {
    get: key => read(api.node(nameOf(key)), caches.RTCNode.view.get(nameOf(key))),
    mergePatch: (key, patch) =>
      write(() => {
        const { metadata } = patch as Patch
        const before = api.node(nameOf(key))
        if (before !== undefined && (metadata.finalizers?.length ?? 1) === 0 && before.metadata.deletionTimestamp)
          if (conforms(before, preconditions(metadata))) watching.finalizerReleased(before)
        return api.update('RTCNode', nameOf(key), preconditions(metadata), node => patched(node, patch as Patch))
      }),
    apply: (key, applied) =>
      write(() => {
        const { metadata, status } = applied as {
          metadata: { uid?: string; resourceVersion?: string }
          status: RTCNodeStatus
        }
        return api.update('RTCNode', nameOf(key), preconditions(metadata), node => {
          const after = { ...node, status }
          watching.statusWritten(node, after)
          return after
        })
      }),
    delete: (key, options) =>
      write(() => {
        const { uid, ...rest } = options as { uid: string; resourceVersion?: string }
        const node = api.node(nameOf(key))
        const only = preconditions({ uid, ...rest })
        if (node === undefined || !conforms(node, { uid: only.uid })) return 'gone'
        if (conforms(node, only) && node.metadata.deletionTimestamp === undefined && givingUp !== undefined)
          watching.operatorGivesUp(node, givingUp)
        api.delete('RTCNode', nameOf(key), only)
        return 'deleted'
      }),
  }
  const pods: Partial<ResourceClient<Pod>> = {
    get: key => read(api.pod(nameOf(key)), caches.Pod.view.get(nameOf(key))),
    mergePatch: (key, patch) =>
      write(() => {
        const { metadata } = patch as Patch
        const pod = api.pod(nameOf(key))
        if (pod !== undefined && conforms(pod, preconditions(metadata))) watching.operatorPatchesPod(pod, actingFor!)
        return api.update('Pod', nameOf(key), preconditions(metadata), it => patched(it, patch as Patch))
      }),
    create: manifest =>
      write(() => {
        if (api.pod((manifest as Pod).metadata.name) === undefined) watching.operatorCreatesPod(actingFor!)
        return api.create('Pod', manifest as Kinds['Pod'])
      }),
    delete: (key, options) =>
      write(() => {
        const { uid, gracePeriodSeconds, ...rest } = options as {
          uid: string
          gracePeriodSeconds?: number
          resourceVersion?: string
        }
        const pod = api.pod(nameOf(key))
        const only = preconditions({ uid, ...rest })
        if (pod === undefined || !conforms(pod, { uid: only.uid })) return 'gone'
        if (conforms(pod, only)) watching.operatorDeletesPod(pod, actingFor!)
        api.delete('Pod', nameOf(key), only, gracePeriodSeconds)
        return 'deleted'
      }),
  }
  const intents = intentsOf(etcd, () => aroundCall('before'))
  const writers = {
    nodes: nodes as ResourceClient<RTCNode>,
    pods: pods as ResourceClient<Pod>,
    intents,
    fleet: registry.fleet,
    expectations,
    signal: new AbortController().signal,
  } satisfies Writers

  const hostOf = (node: RTCNode): string | undefined => {
    const pod = caches.Pod.view.get(node.metadata.name) as Pod | undefined
    return pod !== undefined && isPodOf(pod, node) ? pod.spec.nodeName : undefined
  }
  const observe = (node: RTCNode, key: ObjectKey): Observed => ({
    nodeClass: nodeClass(),
    pod: caches.Pod.view.get(node.metadata.name) as Pod | undefined,
    host: undefined,
    disruption: hostOf(node) === undefined ? undefined : notice(),
    ending: undefined,
    registration: registry.fleet.registration(key),
    intent: registry.fleet.intent(key),
    load: fullyOpen,
    loadIsDue: true,
    registryFrozen: false,
    crowd: 1,
    refusal: memory.refusal(key),
    makersSay: [],
    hostsGoing: [],
  })

  /** The same few lines as the controller's, without queue and events. */
  async function reconcile(name: string): Promise<void> {
    const key = objectKey(name, 'media')
    const node = caches.RTCNode.view.get(name) as RTCNode | undefined
    if (node === undefined) {
      await ordinarily(name, () => sweepIntent(key, writers))
      expectations.forget(key)
      memory.forget(key)
      dueAt.delete(name)
      return
    }
    if (!expectations.caughtUp(key) || !memory.intentSeen(key, registry.fleet.intent(key))) {
      dueAt.set(name, now() + 1_000)
      return
    }
    const decision = decideHere(node, observe(node, key), now(), settings)
    const { act, status, lookAgainMs } = decision
    actingFor = node
    givingUp = act?.do === 'delete-node' ? act.because : undefined
    dueAt.set(name, now() + (lookAgainMs ?? Number.POSITIVE_INFINITY))
    if (act !== undefined)
      note(
        `  ${name}: ${act.do}${act.do === 'write-intent' ? ` ${act.intent.drain?.stage ?? act.intent.admission}` : ''} (${decision.because})`,
      )
    await ordinarily(name, async () => {
      if (act !== undefined) {
        dueAt.set(name, now() + 1_000)
        const outcome = await carryOut(node, act, writers)
        if (outcome.outcome === 'refused') memory.refused(key, outcome.refusal)
        if (outcome.outcome === 'intent-written') memory.wroteIntent(key, outcome.revision)
      } else if (!sameStatus(node.status, status)) {
        note(`  ${name}: status ${status.phase} (${decision.because})`)
        await writeStatus(node, status, writers)
      }
    })
  }

  /** What the queue would try again. */
  async function ordinarily(name: string, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      if (!isOrdinary(error)) throw error
      note(`  ${name}: ${(error as Error).message}`)
      dueAt.set(name, now() + 1_000)
    }
  }

  function materialChanged(name: string): boolean {
    const key = objectKey(name, 'media')
    const versions = [caches.RTCNode.view.get(name), caches.Pod.view.get(name)].map(it => it?.metadata.resourceVersion)
    const told = materialOf(registry.fleet.registration(key), registry.fleet.intent(key))
    const material = JSON.stringify([versions, told, notice()])
    const changed = lastSeen.get(name) !== material
    lastSeen.set(name, material)
    return changed
  }

  return {
    hear(kind, count, lost = false) {
      const cache = caches[kind]
      for (let left = count; left > 0 && cache.next < api.history[kind].length; left--) {
        const change = api.history[kind][cache.next++]!
        if (!lost) take(cache.view, change)
      }
    },
    relist(kind) {
      caches[kind] = listed(kind, Number.POSITIVE_INFINITY)
    },
    hearRegistry: () => registry.catchUp(),
    reconcile,
    async work() {
      for (const name of new Set([...caches.RTCNode.view.keys(), ...etcd.intents.keys()]))
        if (materialChanged(name) || now() >= (dueAt.get(name) ?? 0)) await reconcile(name)
    },
  }
}

function take(view: Map<string, KubeObject>, { name, object }: Change): void {
  if (object === undefined) view.delete(name)
  else view.set(name, object)
}

const conforms = ({ metadata }: KubeObject, { uid, resourceVersion }: Preconditions): boolean =>
  (uid === undefined || uid === metadata.uid) &&
  (resourceVersion === undefined || resourceVersion === metadata.resourceVersion)

const isOrdinary = (error: unknown): boolean =>
  error instanceof ApiError || error instanceof RegistryError || error instanceof IntentConflictError
