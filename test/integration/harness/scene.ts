// One test's namespace and the verbs tests speak in. Every wait is for a condition and bounded; a failure carries the
// timeline of all that happened in the namespace. At the end nothing may be left, and nobody was cut.
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { Pod } from '../../../operator/api/core.ts'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import { type KubeObject, keyOf, type ObjectKey, objectKey } from '../../../operator/api/meta.ts'
import type { NodeReason } from '../../../operator/api/reasons.ts'
import type { Phase, RTCNode, RTCNodeSpec, RTCNodeStatus } from '../../../operator/api/rtcnode.ts'
import { ApiRefused } from '../../cluster/api-client.ts'
import { until } from '../../cluster/until.ts'
import type { SfuHandle } from '../../sfu/fleet.ts'
import { breachesOf } from './laws.ts'
import { ensureNamespace } from './operator.ts'
import type { World } from './world.ts'

/** How a test names a node of its own. */
export type NodeName = string

export interface Within {
  /** An upper bound for a busy machine, never a promise of speed; default 60,000. */
  readonly withinMs?: number
}

export interface Scene {
  readonly namespace: string
  key(name: NodeName): ObjectKey
  /** kubectl apply of an RTCNode; resolves with its name. Default class `sim`, default name `n`. */
  applyNode(spec?: Partial<RTCNodeSpec> & { name?: NodeName }): Promise<NodeName>
  /** As applyNode, and awaits Running. */
  runningNode(spec?: Partial<RTCNodeSpec> & { name?: NodeName }, within?: Within): Promise<NodeName>
  /** As runningNode, with alice and bob on it. */
  busyNode(spec?: Partial<RTCNodeSpec> & { name?: NodeName }, within?: Within): Promise<NodeName>
  /** Asks for its deletion; does not wait. */
  deleteNode(name: NodeName): Promise<void>
  /** Kubectl in this namespace. */
  kubectl(...args: string[]): Promise<string>
  /** As the API server has it now. Rejects when there is none. */
  node(name: NodeName): Promise<RTCNode>
  pod(name: NodeName): Promise<Pod>
  /** Resolve with the first version of the node, from the present one on, for which it holds. */
  expectPhase(name: NodeName, phase: Phase, within?: Within): Promise<RTCNode>
  expectReason(name: NodeName, reason: NodeReason, like?: Within & { message?: RegExp }): Promise<RTCNode>
  expectNode(name: NodeName, what: string, holds: (node: RTCNode) => unknown, within?: Within): Promise<RTCNode>
  expectPod(name: NodeName, what: string, holds: (pod: Pod | undefined) => unknown, within?: Within): Promise<void>
  /** Object, pod, key and intent. */
  expectGone(name: NodeName, within?: Within): Promise<void>
  /** Resolves with the heartbeat in the registry that fits, the present one or a later one. */
  expectHeartbeat(
    name: NodeName,
    what: string,
    fits: (heartbeat: Heartbeat) => boolean,
    within?: Within,
  ): Promise<Heartbeat>
  /** For that long neither node nor pod is deleted (unless the node was before), and whoever is on the SFU stays. */
  expectLeftAlone(name: NodeName, forMs: number): Promise<void>
  /** Whether any version of the node, up to now, had this reason. */
  wasEver(name: NodeName, reason: NodeReason): boolean
  /** Of the last version there was, also when it is gone. */
  lastStatus(name: NodeName): RTCNodeStatus | undefined
  sfu(name: NodeName): SfuHandle
  /** The test itself says when its people may be moved: their pod was deleted, so no deadline of an RTCNode covers them. */
  judgesItself(name: NodeName): void
  timeline(name?: NodeName): string
}

const DEFAULT_WITHIN_MS = 60_000

let scenes = 0

/** The world, whatever its operator is. */
type AnyWorld = Omit<World, 'operator'>

export async function playScene<W extends AnyWorld>(
  world: W,
  title: string,
  play: (scene: Scene, world: W) => Promise<void>,
  { goneWithinMs = 90_000, namespace = namespaceFor(title) } = {},
): Promise<void> {
  await ensureNamespace(world.cluster, namespace)
  const judgedByTest = new Set<ObjectKey>()
  try {
    await play(sceneIn(world, namespace, judgedByTest), world)
    await leaveNothing(world, namespace, judgedByTest, goneWithinMs)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`${message}\n\nwhat happened:\n${world.history.timeline(namespace)}\n`, { cause: error })
  }
}

function namespaceFor(title: string): string {
  const slug = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return `s${++scenes}-${slug}`.slice(0, 40).replace(/-+$/, '')
}

export const readyOf = (node: RTCNode) => node.status?.conditions?.find(({ type }) => type === 'Ready')

function sceneIn(world: AnyWorld, namespace: string, judgedByTest: Set<ObjectKey>): Scene {
  const { cluster, history, fleet } = world
  const key = (name: NodeName): ObjectKey => objectKey(name, namespace)
  const nodePath = (name: NodeName) => `/apis/rtcnode.io/v1alpha1/namespaces/${namespace}/rtcnodes/${name}`

  const scene: Scene = {
    namespace,
    key,
    async applyNode({ name = 'n', ...spec } = {}) {
      await world.apply({
        apiVersion: 'rtcnode.io/v1alpha1',
        kind: 'RTCNode',
        metadata: { name, namespace },
        spec: { className: 'sim', ...spec },
      })
      return name
    },
    async runningNode(spec, within) {
      const name = await scene.applyNode(spec)
      await scene.expectReason(name, 'Serving', within)
      return name
    },
    async busyNode(spec, within) {
      const name = await scene.runningNode(spec, within)
      await scene.sfu(name).join('alice', 'bob')
      await scene.expectHeartbeat(name, 'two people', ({ sessions }) => sessions === 2, within)
      return name
    },
    deleteNode: async name => void (await cluster.api.call('DELETE', nodePath(name))),
    kubectl: (...args) => cluster.kubectl(['-n', namespace, ...args]),
    node: name => cluster.api.call('GET', nodePath(name)) as Promise<RTCNode>,
    pod: name => cluster.api.call('GET', `/api/v1/namespaces/${namespace}/pods/${name}`) as Promise<Pod>,
    expectPhase: (name, phase, within) =>
      scene.expectNode(name, `phase ${phase}`, ({ status }) => status?.phase === phase, within),
    expectReason: (name, reason, { message, ...within } = {}) =>
      scene.expectNode(
        name,
        `reason ${reason}${message ? `, message like ${message}` : ''}`,
        node => readyOf(node)?.reason === reason && (message?.test(readyOf(node)?.message ?? '') ?? true),
        within,
      ),
    expectNode: (name, what, holds, { withinMs = DEFAULT_WITHIN_MS } = {}) => {
      let from = Math.max(0, history.nodes(key(name)).length - 1)
      return history.until(
        `${name}: ${what}`,
        () => {
          const versions = history.nodes(key(name))
          while (from < versions.length) {
            const node = versions[from++]?.is
            if (node && holds(node)) return node
          }
          return undefined
        },
        withinMs,
      )
    },
    async expectPod(name, what, holds, { withinMs = DEFAULT_WITHIN_MS } = {}) {
      await history.until(`pod of ${name}: ${what}`, () => holds(history.pods(key(name)).at(-1)?.is), withinMs)
    },
    async expectGone(name, { withinMs = DEFAULT_WITHIN_MS } = {}) {
      await history.until(
        `${name} gone`,
        () => history.nodes(key(name)).at(-1)?.is === undefined && history.pods(key(name)).at(-1)?.is === undefined,
        withinMs,
      )
      await until(`registry keys of ${name} gone`, async () => (await keysOf(world, key(name))).length === 0, {
        withinMs,
      })
    },
    expectHeartbeat: (name, what, fits, { withinMs = DEFAULT_WITHIN_MS } = {}) => {
      const fitting = () => {
        const heartbeat = history.heartbeat(key(name))
        return heartbeat && fits(heartbeat) ? heartbeat : undefined
      }
      return history.until(`${name}: a heartbeat: ${what}`, fitting, withinMs)
    },
    async expectLeftAlone(name, forMs) {
      const { present } = scene.sfu(name)
      const deletedAt = () =>
        [history.nodes(key(name)), history.pods(key(name))].map(versions => deletionOf(versions.at(-1)?.is))
      const before = deletedAt()
      const touched = () => !isDeepStrictEqual(deletedAt(), before)
      const wasTouched = await history.until('touched', touched, forMs).then(
        () => true,
        () => false,
      )
      assert.equal(wasTouched, false, `${name}: nothing was to be done to it`)
      assert.deepEqual(scene.sfu(name).present, present, `people on ${name}`)
    },
    wasEver: (name, reason) => history.nodes(key(name)).some(({ is }) => is && readyOf(is)?.reason === reason),
    lastStatus: name => history.nodes(key(name)).findLast(({ is }) => is)?.is?.status,
    sfu: name => fleet.node(key(name)),
    judgesItself: name => void judgedByTest.add(key(name)),
    timeline: name => history.timeline(name === undefined ? namespace : key(name)),
  }
  return scene
}

const deletionOf = (object: KubeObject | undefined): string | undefined =>
  object === undefined ? 'gone' : object.metadata.deletionTimestamp

async function keysOf({ etcd }: AnyWorld, of: ObjectKey): Promise<string[]> {
  const found = await Promise.all(['nodes', 'intents'].map(kind => etcd.get(`/sfu/${kind}/${of}`).exec()))
  return found.flatMap(({ kvs }) => kvs.map(kv => kv.key.toString()))
}

/** After every test: all nodes deleted and everybody gone home, nothing is left of them, and no law was broken. */
async function leaveNothing(
  world: AnyWorld,
  namespace: string,
  judgedByTest: ReadonlySet<ObjectKey>,
  withinMs: number,
): Promise<void> {
  const { cluster, etcd, fleet, history } = world
  for (const where of history.seenIn(namespace)) if (fleet.node(where).isRunning) fleet.node(where).leaveAll()
  // Pools before nodes, else they would make their nodes anew.
  for (const kind of ['rtcautoscalers', 'rtcnodepools', 'rtcnodes']) {
    await cluster.api.call('DELETE', `/apis/rtcnode.io/v1alpha1/namespaces/${namespace}/${kind}`).catch(unlessGone)
  }
  const left = async (): Promise<string[]> => {
    const [pools, records, nodes, pods, keys] = await Promise.all([
      list(world, `/apis/rtcnode.io/v1alpha1/namespaces/${namespace}/rtcnodepools`),
      list(world, `/apis/apps/v1/namespaces/${namespace}/controllerrevisions`),
      list(world, `/apis/rtcnode.io/v1alpha1/namespaces/${namespace}/rtcnodes`),
      list(world, `/api/v1/namespaces/${namespace}/pods`),
      Promise.all(['nodes', 'intents'].map(kind => etcd.getAll().prefix(`/sfu/${kind}/${namespace}/`).keys())),
    ])
    return [
      ...pools.map(name => `pool ${name}`),
      ...records.map(name => `revision ${name}`),
      ...nodes.map(name => `node ${name}`),
      ...pods.map(name => `pod ${name}`),
      ...keys.flat(),
    ]
  }
  await until('everything to be gone', async () => (await left()).length === 0, {
    withinMs,
    everyMs: 200,
  }).catch(async () => assert.deepEqual(await left(), [], 'left behind after all was deleted'))
  assert.deepEqual(breachesOf(history, namespace), [], 'laws of a life that were broken')
  assert.deepEqual(
    fleet.ledger.early().filter(line => {
      const [, node = ''] = / on (\S+) /.exec(line) ?? []
      return node.startsWith(`${namespace}/`) && !judgedByTest.has(node as ObjectKey)
    }),
    [],
    'people who were cut before their deadline',
  )
  await cluster.api.call('DELETE', `/api/v1/namespaces/${namespace}`).catch(unlessGone)
}

function unlessGone(error: unknown): void {
  if (!(error instanceof ApiRefused && error.status === 404)) throw error
}

async function list({ cluster }: AnyWorld, path: string): Promise<string[]> {
  const { items } = (await cluster.api.call('GET', path)) as { items: Pod[] }
  return items.map(keyOf)
}
