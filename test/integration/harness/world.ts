// Everything the operator lives in, for the tests of one file: cluster with fake nodes, CRDs, a class, the operator, a fleet
// of simulated SFUs, and a bystander who records what happens. `suiteInWorld` gives each of its tests a namespace.
import { after, before, suite, test } from 'node:test'
import { Etcd3 } from 'etcd3'
import { type Cluster, type ClusterOptions, startCluster } from '../../cluster/cluster.ts'
import { applyCrds } from '../../cluster/crds.ts'
import { type SfuFleet, startFleet } from '../../sfu/fleet.ts'
import { simClass } from './class.ts'
import { type History, recordHistory } from './history.ts'
import { ensureNamespace, type Operator, type OperatorOptions, startOperator } from './operator.ts'
import { playScene, type Scene } from './scene.ts'

export interface World<O extends AsyncDisposable = Operator> extends AsyncDisposable {
  readonly cluster: Cluster
  readonly operator: O
  readonly fleet: SfuFleet
  /** What happened, by a watch of nobody's but ours. */
  readonly history: History
  /** For hostile values, and to see what is left. */
  readonly etcd: Etcd3
  /** kubectl apply. Gives what kubectl said; rejects with what the API server said against it. */
  apply(manifest: object): Promise<string>
}

export interface WorldOptions {
  readonly cluster?: ClusterOptions
  readonly operator?: OperatorOptions
  /** Nodes that run all the time, default 0: among many, a few keys that vanish are no mass. */
  readonly crowd?: number
}

export const startWorld = (options: WorldOptions = {}): Promise<World> =>
  startWorldWith(cluster => startOperator(cluster, options.operator), options)

/** With an operator, or several, that the test starts in its own way. */
export async function startWorldWith<O extends AsyncDisposable>(
  startIts: (cluster: Cluster) => Promise<O>,
  options: Omit<WorldOptions, 'operator'> = {},
): Promise<World<O>> {
  const undo = new AsyncDisposableStack()
  try {
    const cluster = undo.use(await startCluster({ kwokNodes: 2, ...options.cluster }))
    await applyCrds(cluster)
    const etcd = new Etcd3({ hosts: cluster.registry.endpoints })
    undo.defer(() => etcd.close())
    const history = undo.use(recordHistory(cluster))
    const applyOnce = (manifest: object) => cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(manifest) })
    // Scenes that run side by side share classes, and kubectl looks before it creates.
    const apply = (manifest: object) =>
      applyOnce(manifest).catch(async (error: unknown) => {
        if (String(error).includes('(AlreadyExists)')) return applyOnce(manifest)
        throw error
      })
    await apply(simClass('sim'))
    const fleet = undo.use(
      await startFleet({ kubeconfigPath: cluster.kubeconfigPath, registry: { endpoints: cluster.registry.endpoints } }),
    )
    const operator = undo.use(await startIts(cluster))
    await gather(cluster, options.crowd ?? 0)
    return { cluster, operator, fleet, history, etcd, apply, [Symbol.asyncDispose]: () => undo.disposeAsync() }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

async function gather(cluster: Cluster, count: number): Promise<void> {
  if (count === 0) return
  await ensureNamespace(cluster, 'crowd')
  const items = Array.from({ length: count }, (_, index) => ({
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCNode',
    metadata: { name: `one-of-many-${index}`, namespace: 'crowd' },
    spec: { className: 'sim' },
  }))
  await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
  await cluster.kubectl(['-n', 'crowd', 'wait', '--for=condition=Ready', '--timeout=50s', '--all', 'rtcnode'])
}

export interface SuiteOptions extends WorldOptions {
  /** How many tests run at once, each in a namespace of its own; default 4. 1 for those that break the whole world. */
  readonly sideBySide?: number
}

export type Declare<O extends AsyncDisposable = Operator> = (
  name: string,
  play: (scene: Scene, world: World<O>) => Promise<void>,
) => void

/** One world for the tests that `declare` declares; nothing of it is left afterwards. */
export function suiteInWorld(title: string, options: SuiteOptions, declare: (promise: Declare) => void): void {
  suiteIn(
    () => startWorld(options),
    title,
    options.sideBySide ?? 4,
    promise => declare((name, play) => promise(name, (scene, world) => failAlone(world, () => play(scene, world)))),
  )
}

/** A test that fails while it has the operator down does not fail those after it. */
async function failAlone({ operator }: World, play: () => Promise<void>): Promise<void> {
  try {
    await play()
  } catch (error) {
    if (operator.pid === undefined) await operator.start()
    throw error
  }
}

export function suiteIn<O extends AsyncDisposable>(
  start: () => Promise<World<O>>,
  title: string,
  sideBySide: number,
  declare: (promise: Declare<O>) => void,
  { sceneWithinMs = 240_000 } = {},
): void {
  suite(title, { concurrency: sideBySide }, () => {
    let world: World<O> | undefined
    before(
      async () => {
        world = await start()
      },
      { timeout: 300_000 },
    )
    after(() => world?.[Symbol.asyncDispose]())
    declare((name, play) => {
      test(name, { timeout: sceneWithinMs }, () => {
        if (world === undefined) throw new Error('the world did not start')
        return playScene(world, name, play)
      })
    })
  })
}
