// The verbs in which tests speak of pools, on top of those for single nodes (harness/scene.ts).
import assert from 'node:assert/strict'
import type { KubeObject } from '../../../operator/api/meta.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import type { ControllerRevision } from '../../../operator/pool/revision.ts'
import { until } from '../../cluster/until.ts'
import { readyOf, type Scene, type Within } from '../harness/scene.ts'
import { type Declare, type SuiteOptions, suiteInWorld, type World } from '../harness/world.ts'

/** How a test names a pool of its own. */
export type PoolName = string

export interface PoolTraits {
  /** Default `eu`. */
  readonly name?: PoolName
  /** Default 2. */
  readonly replicas?: number
  /** Default `sim`. */
  readonly className?: string
  /** What it selects by, and its nodes have; default `{ fleet: <name> }`. */
  readonly labels?: Record<string, string>
  /** Goes over the rest of the spec. */
  readonly spec?: object
}

export interface PoolScene extends Scene {
  /** kubectl apply of an RTCNodePool that lets empty nodes go after 2 s; resolves with its name. */
  applyPool(traits?: PoolTraits): Promise<PoolName>
  /** As applyPool, and awaits that it is complete. */
  runningPool(traits?: PoolTraits): Promise<PoolName>
  /** kubectl patch of the spec. */
  patchPool(name: PoolName, spec: object): Promise<void>
  scale(name: PoolName, replicas: number): Promise<void>
  /** As the API server has it now. */
  pool(name: PoolName): Promise<RTCNodePool>
  /** Those the API server has now and whose controller is the present pool of that name, in the order of their names. */
  nodesOf(name: PoolName): Promise<RTCNode[]>
  revisionsOf(name: PoolName): Promise<ControllerRevision[]>
  /** Resolves when it holds for the records of the pool that the API server has. */
  expectRevisions(
    name: PoolName,
    what: string,
    holds: (revisions: readonly ControllerRevision[]) => boolean,
  ): Promise<void>
  /** Resolves with the first version of the pool, from the present one on, for which it holds. */
  expectPool(name: PoolName, what: string, holds: (pool: RTCNodePool) => unknown, within?: Within): Promise<RTCNodePool>
  /** The reason and message of Progressing, about the spec as it is now. */
  expectProgress(name: PoolName, reason: string, like?: Within & { message?: RegExp }): Promise<RTCNodePool>
  /** Resolves when it holds for the pool's nodes as a bystander sees them, those that are gone left out. */
  expectNodes(
    name: PoolName,
    what: string,
    holds: (nodes: readonly RTCNode[]) => unknown,
    within?: Within,
  ): Promise<void>
  /** How many RTCNodes of the pool's names were ever seen. */
  everMade(name: PoolName): number
  /** For that long no further one is made. */
  expectMadeNoMore(name: PoolName, forMs: number): Promise<void>
  /** Puts so many people on a node, and awaits that its agent tells of them. */
  occupy(node: string, people: number): Promise<void>
}

export type PoolTest = (scene: PoolScene, world: World) => Promise<void>

export function suiteOfPools(
  title: string,
  options: SuiteOptions,
  declare: (promise: (name: string, play: PoolTest) => void) => void,
): void {
  suiteInWorld(title, options, (promise: Declare) =>
    declare((name, play) => promise(name, (scene, world) => play(poolScene(scene, world), world))),
  )
}

const poolManifest = (namespace: string, traits: PoolTraits) => {
  const { name = 'eu', replicas = 2, className = 'sim', labels = { fleet: name }, spec } = traits
  return {
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCNodePool',
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { className } },
      scaleIn: { emptySeconds: 2 },
      ...spec,
    },
  }
}

const DEFAULT_WITHIN_MS = 60_000

export function poolScene(scene: Scene, { cluster, history, apply }: Omit<World, 'operator'>): PoolScene {
  const { namespace } = scene
  const base = `/apis/rtcnode.io/v1alpha1/namespaces/${namespace}`
  const list = async <T>(path: string): Promise<T[]> => ((await cluster.api.call('GET', path)) as { items: T[] }).items
  const present = (): RTCNode[] => history.seenIn(namespace).flatMap(where => history.nodes(where).at(-1)?.is ?? [])
  const nameOf = ({ metadata }: RTCNode) => metadata.name
  const latest = (name: PoolName): RTCNodePool | undefined => history.pools(scene.key(name)).at(-1)?.is

  /** What is expected after a change must not be found in what was there before it. */
  async function isSeenAsWritten(name: PoolName): Promise<void> {
    const { generation = 0 } = (await pools.pool(name)).metadata
    const isSeen = () => (latest(name)?.metadata.generation ?? 0) >= generation
    await history.until(`pool ${name} of generation ${generation} or later`, isSeen, DEFAULT_WITHIN_MS)
  }

  const pools: PoolScene = {
    ...scene,
    async applyPool(traits = {}) {
      const manifest = poolManifest(namespace, traits)
      await apply(manifest)
      return manifest.metadata.name
    },
    async runningPool(traits) {
      const name = await pools.applyPool(traits)
      await pools.expectProgress(name, 'Complete')
      return name
    },
    async patchPool(name, spec) {
      await scene.kubectl('patch', 'rtcp', name, '--type=merge', '-p', JSON.stringify({ spec }))
      await isSeenAsWritten(name)
    },
    async scale(name, replicas) {
      await scene.kubectl('scale', `rtcp/${name}`, `--replicas=${replicas}`)
      await isSeenAsWritten(name)
    },
    pool: name => cluster.api.call('GET', `${base}/rtcnodepools/${name}`) as Promise<RTCNodePool>,
    async nodesOf(name) {
      const [pool, nodes] = await Promise.all([pools.pool(name), list<RTCNode>(`${base}/rtcnodes`)])
      return nodes.filter(node => isOwnedBy(node, pool)).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    },
    async revisionsOf(name) {
      const pool = await pools.pool(name)
      const records = await list<ControllerRevision>(`/apis/apps/v1/namespaces/${namespace}/controllerrevisions`)
      return records.filter(record => isOwnedBy(record, pool)).sort((a, b) => a.revision - b.revision)
    },
    async expectRevisions(name, what, holds) {
      const look = async () => holds(await pools.revisionsOf(name))
      await until(`revisions of ${name}: ${what}`, look, { withinMs: DEFAULT_WITHIN_MS, everyMs: 200 })
    },
    expectPool(name, what, holds, { withinMs = DEFAULT_WITHIN_MS } = {}) {
      let from = Math.max(0, history.pools(scene.key(name)).length - 1)
      const fitting = (): RTCNodePool | undefined => {
        const versions = history.pools(scene.key(name))
        while (from < versions.length) {
          const pool = versions[from++]?.is
          if (pool && holds(pool)) return pool
        }
        return undefined
      }
      return history.until(`pool ${name}: ${what}`, fitting, withinMs)
    },
    expectProgress(name, reason, { message, ...within } = {}) {
      const what = `Progressing ${reason}${message ? `, message like ${message}` : ''}`
      return pools.expectPool(
        name,
        what,
        pool => {
          const progressing = conditionOf(pool, 'Progressing')
          const isCurrent = pool.status?.observedGeneration === pool.metadata.generation
          return isCurrent && progressing?.reason === reason && (message?.test(progressing.message) ?? true)
        },
        within,
      )
    },
    async expectNodes(name, what, holds, { withinMs = DEFAULT_WITHIN_MS } = {}) {
      const look = (): boolean => {
        const pool = latest(name)
        return pool !== undefined && Boolean(holds(present().filter(node => isOwnedBy(node, pool))))
      }
      await history.until(`nodes of ${name}: ${what}`, look, withinMs)
    },
    everMade: name => history.seenIn(namespace).filter(where => new RegExp(`/${name}-[a-z0-9]{5}$`).test(where)).length,
    async expectMadeNoMore(name, forMs) {
      const before = pools.everMade(name)
      const another = history.until('another', () => pools.everMade(name) > before, forMs)
      assert.equal(
        await another.then(
          () => 'made',
          () => 'not made',
        ),
        'not made',
        `another node of ${name}`,
      )
    },
    async occupy(node, people) {
      await scene.sfu(node).join(...Array.from({ length: people }, (_, index) => `${node} guest ${index}`))
      await scene.expectHeartbeat(node, `${people} people`, ({ sessions }) => sessions === people)
    },
  }
  return pools
}

export const conditionOf = ({ status }: RTCNodePool, type: string) => status?.conditions?.find(it => it.type === type)

export const isOpen = (node: RTCNode): boolean =>
  !node.spec.cordoned && node.metadata.deletionTimestamp === undefined && readyOf(node)?.reason === 'Serving'
export const isClosed = (node: RTCNode): boolean => node.spec.cordoned && node.metadata.deletionTimestamp === undefined

const isOwnedBy = ({ metadata }: KubeObject, pool: RTCNodePool): boolean =>
  metadata.ownerReferences?.some(({ controller, uid }) => controller === true && uid === pool.metadata.uid) === true

export const only = <T>(things: readonly T[]): T => {
  assert.equal(things.length, 1)
  return things[0] as T
}
