// All that happened in a cluster, from a bystander's own watches of the API server and the registry: every version of every
// pool, autoscaler, RTCNode and pod, events, keys and intents. Tests wait on it and no state is too short to be seen; failed ones print it.
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../../operator/ambient/clock.ts'
import { systemRandom } from '../../../operator/ambient/random.ts'
import type { Pod } from '../../../operator/api/core.ts'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import type { KubeObject } from '../../../operator/api/meta.ts'
import type { RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import type { RegistryEntry } from '../../../operator/registry/change.ts'
import { connectRegistry } from '../../../operator/registry/connection.ts'
import { parseRegistration } from '../../../operator/registry/parse.ts'
import { watchRegistry } from '../../../operator/registry/watch.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { NotInTime } from '../../cluster/until.ts'
import { describeAutoscaler, describeEvent, describeKey, describeNode, describePod, describePool } from './describe.ts'

/** `<namespace>/<name>` of a node, and so of its pod, key and intent. */
export type Where = string

export interface Version<T> {
  /** Wall clock, milliseconds. */
  readonly at: number
  /** Undefined: it was gone. */
  readonly is: T | undefined
}

export interface History extends AsyncDisposable {
  /** By the name of the pool. */
  pools(where: Where): readonly Version<RTCNodePool>[]
  /** By the name of the autoscaler. */
  autoscalers(where: Where): readonly Version<RTCAutoscaler>[]
  nodes(where: Where): readonly Version<RTCNode>[]
  pods(where: Where): readonly Version<Pod>[]
  /** In the registry now; undefined when there is none that can be read. */
  heartbeat(where: Where): Heartbeat | undefined
  /** Every node and pod name that was ever seen in a namespace. */
  seenIn(namespace: string): readonly Where[]
  /** Resolves with what the probe gives; it is asked now and at every change. Rejects with NotInTime. */
  until<T>(what: string, probe: () => T, withinMs: number): Promise<Exclude<T, undefined | null | false>>
  /** One line a change, oldest first, of one node or a whole namespace. */
  timeline(wherever: Where): string
}

interface Line {
  readonly at: number
  readonly of: Where
  readonly text: string
}

const poolsPath = '/apis/rtcnode.io/v1alpha1/rtcnodepools'
const autoscalersPath = '/apis/rtcnode.io/v1alpha1/rtcautoscalers'
const nodesPath = '/apis/rtcnode.io/v1alpha1/rtcnodes'
const podsPath = '/api/v1/pods'
const eventsPath = '/apis/events.k8s.io/v1/events'

interface KubeEvent extends KubeObject {
  readonly regarding?: { readonly namespace?: string; readonly name?: string }
  readonly type?: string
  readonly reason?: string
  readonly note?: string
}

/** Begins with what is there now. Needs the CRDs. */
export function recordHistory(cluster: Cluster): History {
  const ending = new AbortController()
  const lines: Line[] = []
  const lastTexts = new Map<string, string>()
  const pools = new Map<Where, Version<RTCNodePool>[]>()
  const autoscalers = new Map<Where, Version<RTCAutoscaler>[]>()
  const nodes = new Map<Where, Version<RTCNode>[]>()
  const pods = new Map<Where, Version<Pod>[]>()
  const heartbeats = new Map<Where, Heartbeat | undefined>()
  const listeners = new Set<() => void>()

  function tell(of: Where, text: string): void {
    // A beat that says nothing new is no news, also when other things happened in between.
    const about = `${of} ${text.slice(0, 4)}`
    if (lastTexts.get(about) !== text) lines.push({ at: Date.now(), of, text })
    lastTexts.set(about, text)
    for (const listener of listeners) listener()
  }

  function keep<T>(versions: Map<Where, Version<T>[]>, of: Where, is: T | undefined): void {
    versions.set(of, [...(versions.get(of) ?? []), { at: Date.now(), is }])
  }

  const follow = (path: string, seen: Seen) => followObjects(cluster, path, seen, ending.signal)
  const following = [
    follow(poolsPath, (of, object, gone) => {
      const pool = object as RTCNodePool
      keep(pools, of, gone ? undefined : pool)
      tell(of, `pool ${gone ? 'is gone' : describePool(pool)}`)
    }),
    follow(autoscalersPath, (of, object, gone) => {
      const autoscaler = object as RTCAutoscaler
      keep(autoscalers, of, gone ? undefined : autoscaler)
      tell(of, `rtca ${gone ? 'is gone' : describeAutoscaler(autoscaler)}`)
    }),
    follow(nodesPath, (of, object, gone) => {
      const node = object as RTCNode
      keep(nodes, of, gone ? undefined : node)
      tell(of, `node ${gone ? 'is gone' : describeNode(node)}`)
    }),
    follow(podsPath, (of, object, gone) => {
      const pod = object as Pod
      keep(pods, of, gone ? undefined : pod)
      tell(of, `pod  ${gone ? 'is gone' : describePod(pod)}`)
    }),
    follow(eventsPath, (_of, object, gone) => {
      const event = object as KubeEvent
      const { namespace = '', name = '' } = event.regarding ?? {}
      if (!gone) tell(`${namespace}/${name}`, `event ${describeEvent(event)}`)
    }),
    followKeys(
      cluster,
      (of, kind, entry) => {
        if (kind === 'key ') heartbeats.set(of, entry && heartbeatIn(entry))
        tell(of, `${kind} ${describeKey(entry)}`)
      },
      ending.signal,
    ),
  ]

  return {
    pools: where => pools.get(where) ?? [],
    autoscalers: where => autoscalers.get(where) ?? [],
    nodes: where => nodes.get(where) ?? [],
    pods: where => pods.get(where) ?? [],
    heartbeat: where => heartbeats.get(where),
    seenIn: namespace =>
      [...new Set([...nodes.keys(), ...pods.keys()])].filter(where => where.startsWith(`${namespace}/`)),
    until: (what, probe, withinMs) => untilChange(listeners, what, probe, withinMs),
    timeline(wherever) {
      const wanted = lines.filter(({ of }) => of === wherever || of.startsWith(`${wherever}/`))
      const began = wanted[0]?.at ?? 0
      return wanted
        .map(({ at, of, text }) => `${((at - began) / 1_000).toFixed(2).padStart(8)} s  ${of}  ${text}`)
        .join('\n')
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await Promise.all(following)
    },
  }
}

function heartbeatIn({ value }: RegistryEntry): Heartbeat | undefined {
  const parsed = parseRegistration(value)
  return parsed.form === 'full' ? parsed.heartbeat : undefined
}

function untilChange<T>(
  listeners: Set<() => void>,
  what: string,
  probe: () => T,
  withinMs: number,
): Promise<Exclude<T, undefined | null | false>> {
  type Found = Exclude<T, undefined | null | false>
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(() => reject(new NotInTime(what, withinMs, undefined))), withinMs)
    const look = (): void => {
      try {
        const found = probe()
        if (found) end(() => resolve(found as Found))
      } catch (error) {
        end(() => reject(error))
      }
    }
    const end = (settle: () => void): void => {
      clearTimeout(timer)
      listeners.delete(look)
      settle()
    }
    listeners.add(look)
    look()
  })
}

type Seen = (of: Where, object: KubeObject, gone: boolean) => void

/** Lists, then watches; again from the start whenever the watch ends. What a list misses is gone. */
async function followObjects({ api }: Cluster, path: string, seen: Seen, signal: AbortSignal): Promise<void> {
  const known = new Map<Where, KubeObject>()
  const note = (object: KubeObject, gone: boolean): void => {
    const of = `${object.metadata.namespace ?? ''}/${object.metadata.name}`
    if (known.get(of)?.metadata.resourceVersion === object.metadata.resourceVersion && !gone) return
    if (gone) known.delete(of)
    else known.set(of, object)
    seen(of, object, gone)
  }
  while (!signal.aborted) {
    try {
      const list = (await api.call('GET', path, undefined, signal)) as {
        metadata: { resourceVersion: string }
        items: KubeObject[]
      }
      const uids = new Set(list.items.map(({ metadata }) => metadata.uid))
      for (const object of known.values()) if (!uids.has(object.metadata.uid)) note(object, true)
      for (const object of list.items) note(object, false)
      for await (const { type, object } of api.watch(
        `${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}`,
        signal,
      )) {
        if (type === 'ERROR') break
        note(object as KubeObject, type === 'DELETED')
      }
    } catch {
      await sleep(200, undefined, { signal }).catch(() => undefined)
    }
  }
}

async function followKeys(
  { registry }: Cluster,
  seen: (of: Where, kind: string, entry: RegistryEntry | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const ambient = { clock: systemClock, random: systemRandom, log: silentLogger }
  const { tls } = registry
  const connection = connectRegistry(
    {
      endpoints: registry.endpoints,
      ...(tls && { tls: { caFile: tls.ca, certFile: tls.cert, keyFile: tls.key } }),
    },
    ambient,
  )
  const known = new Set<string>()
  const note = (key: string, entry: RegistryEntry | undefined): void => {
    if (entry) known.add(key)
    else if (!known.delete(key)) return
    const [, kind = '', namespace = '', name = ''] = /^\/sfu\/(node|intent)s\/([^/]+)\/(.+)$/.exec(key) ?? []
    if (kind !== '') seen(`${namespace}/${name}`, kind === 'node' ? 'key ' : 'intent', entry)
  }
  try {
    await watchRegistry(
      { connection, range: { prefix: '/sfu/' }, ...ambient },
      {
        onWhole(entries) {
          const there = new Set(entries.map(({ key }) => key))
          for (const key of known) if (!there.has(key)) note(key, undefined)
          for (const entry of entries) note(entry.key, entry)
        },
        onChanges(changes) {
          for (const change of changes) {
            if (change.type === 'put') note(change.entry.key, change.entry)
            else note(change.key, undefined)
          }
        },
      },
      signal,
    )
  } finally {
    connection.close()
  }
}
