// The verbs in which tests speak of autoscalers, on top of those for pools (pool/pool-scene.ts).
import assert from 'node:assert/strict'
import type { AutoscalerReason } from '../../../operator/api/reasons.ts'
import type { AutoscalerConditionType, RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { until } from '../../cluster/until.ts'
import type { SfuHandle } from '../../sfu/fleet.ts'
import type { Within } from '../harness/scene.ts'
import { type Declare, type SuiteOptions, suiteInWorld, type World } from '../harness/world.ts'
import { isClosed, type PoolName, type PoolScene, poolScene } from '../pool/pool-scene.ts'
import { type Crowd, startCrowd } from './crowd.ts'

/** How a test names an autoscaler of its own. */
export type AutoscalerName = string

export interface AutoscalerTraits {
  /** Default `a`. */
  readonly name?: AutoscalerName
  /** Default `eu`. */
  readonly poolName?: PoolName
  /** Goes over the rest of the spec: 1 to 8 nodes, for any join latency, and down without a window. */
  readonly spec?: object
}

export interface AutoscalerScene extends PoolScene {
  /** kubectl apply; resolves with its name. */
  applyAutoscaler(traits?: AutoscalerTraits): Promise<AutoscalerName>
  /** kubectl patch of the spec. */
  patchAutoscaler(name: AutoscalerName, spec: object): Promise<void>
  /** As the API server has it now. */
  autoscaler(name: AutoscalerName): Promise<RTCAutoscaler>
  /** Resolves with the first version, from the present one on, for which it holds. */
  expectAutoscaler(
    name: AutoscalerName,
    what: string,
    holds: (autoscaler: RTCAutoscaler) => unknown,
    within?: Within,
  ): Promise<RTCAutoscaler>
  /** ScalingActive, about the spec as it is now. */
  expectActive(
    name: AutoscalerName,
    reason: AutoscalerReason,
    like?: Within & { status?: string; message?: RegExp },
  ): Promise<RTCAutoscaler>
  expectCondition(
    name: AutoscalerName,
    type: AutoscalerConditionType,
    status: string,
    like?: Within & { reason?: AutoscalerReason; message?: RegExp },
  ): Promise<RTCAutoscaler>
  /** The pool is asked for so many. */
  expectReplicas(pool: PoolName, replicas: number, within?: Within): Promise<void>
  /** For that long the pool is asked for as many as now. */
  expectReplicasKept(pool: PoolName, forMs: number): Promise<void>
  /** Every number that the pool was ever asked for, one after another. */
  replicasEver(pool: PoolName): number[]
  /**
   * Everybody leaves and the pool is deleted, with all of its nodes side by side. For large pools: at the end of a test what is
   * left is deleted one by one in a single request, which takes longer than a request may.
   */
  deletePool(pool: PoolName): Promise<void>
  /** Of its nodes, those that run. */
  sfusOf(pool: PoolName): Promise<SfuHandle[]>
  /** People who spread over the nodes of a pool that take rooms. */
  crowd(pool: PoolName, cpuPercent: number): Crowd
}

export type AutoscalerTest = (scene: AutoscalerScene, world: World) => Promise<void>

export function suiteOfAutoscalers(
  title: string,
  options: SuiteOptions,
  declare: (promise: (name: string, play: AutoscalerTest) => void) => void,
): void {
  suiteInWorld(title, options, (promise: Declare) =>
    declare((name, play) =>
      promise(name, (scene, world) => play(autoscalerScene(poolScene(scene, world), world), world)),
    ),
  )
}

/** A change of replicas is due at once in both directions. */
export const atOnce = {
  scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 100, periodSeconds: 1 }] },
  scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 100, periodSeconds: 1 }] },
}

export const autoscalerManifest = (namespace: string, traits: AutoscalerTraits = {}) => {
  const { name = 'a', poolName = 'eu', spec } = traits
  return {
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCAutoscaler',
    metadata: { name, namespace },
    spec: {
      poolName,
      minReplicas: 1,
      maxReplicas: 8,
      targets: { joinLatencyP99Ms: 1_500 },
      behavior: atOnce,
      ...spec,
    },
  }
}

const DEFAULT_WITHIN_MS = 60_000

export function autoscalerScene(
  scene: PoolScene,
  { cluster, history, fleet, apply }: Omit<World, 'operator'>,
): AutoscalerScene {
  const { namespace } = scene
  const path = (name: AutoscalerName) => `/apis/rtcnode.io/v1alpha1/namespaces/${namespace}/rtcautoscalers/${name}`
  const versionsOf = (pool: PoolName): number[] =>
    history.pools(scene.key(pool)).flatMap(({ is }) => (is === undefined ? [] : [is.spec.replicas]))
  const nodesNow = (pool: PoolName): RTCNode[] =>
    history
      .seenIn(namespace)
      .filter(where => where.startsWith(`${namespace}/${pool}-`))
      .flatMap(where => history.nodes(where).at(-1)?.is ?? [])

  const autoscalers: AutoscalerScene = {
    ...scene,
    async applyAutoscaler(traits) {
      const manifest = autoscalerManifest(namespace, traits)
      await apply(manifest)
      return manifest.metadata.name
    },
    patchAutoscaler: async (name, spec) =>
      void (await scene.kubectl('patch', 'rtca', name, '--type=merge', '-p', JSON.stringify({ spec }))),
    autoscaler: name => cluster.api.call('GET', path(name)) as Promise<RTCAutoscaler>,
    expectAutoscaler(name, what, holds, { withinMs = DEFAULT_WITHIN_MS } = {}) {
      const seen = () => history.autoscalers(scene.key(name))
      let from = Math.max(0, seen().length - 1)
      const fitting = (): RTCAutoscaler | undefined => {
        const versions = seen()
        while (from < versions.length) {
          const autoscaler = versions[from++]?.is
          if (autoscaler && holds(autoscaler)) return autoscaler
        }
        return undefined
      }
      return history.until(`autoscaler ${name}: ${what}`, fitting, withinMs)
    },
    expectActive: (name, reason, { status, ...like } = {}) =>
      status === undefined
        ? autoscalers.expectAutoscaler(
            name,
            `ScalingActive ${reason}`,
            isLike('ScalingActive', { reason, ...like }),
            like,
          )
        : autoscalers.expectCondition(name, 'ScalingActive', status, { reason, ...like }),
    expectCondition: (name, type, status, like = {}) =>
      autoscalers.expectAutoscaler(
        name,
        `${type} ${status} ${like.reason ?? ''}`,
        isLike(type, { status, ...like }),
        like,
      ),
    async expectReplicas(pool, replicas, within) {
      await scene.expectPool(pool, `asked for ${replicas}`, ({ spec }) => spec.replicas === replicas, within)
    },
    async expectReplicasKept(pool, forMs) {
      // A bystander hears of what was just done a little later.
      const { replicas: before } = (await scene.pool(pool)).spec
      await history.until(`${before} replicas`, () => versionsOf(pool).at(-1) === before, 10_000)
      const changed = await history
        .until(`another number than ${before}`, () => versionsOf(pool).at(-1) !== before, forMs)
        .then(
          () => `changed to ${versionsOf(pool).at(-1)}`,
          () => 'kept',
        )
      assert.equal(changed, 'kept', `replicas of ${pool}, which were ${before}`)
    },
    replicasEver: pool => versionsOf(pool).filter((replicas, index, all) => replicas !== all[index - 1]),
    async deletePool(pool) {
      for (const sfu of await autoscalers.sfusOf(pool)) sfu.leaveAll()
      await scene.kubectl('delete', 'rtca', '--all')
      await scene.kubectl('delete', 'rtcp', pool, '--wait=false')
      const areGone = async () => (await scene.kubectl('get', 'rtcn', '-o', 'name')) === ''
      await until(`the nodes of ${pool} to be gone`, areGone, { withinMs: 120_000, everyMs: 1_000 })
    },
    async sfusOf(pool) {
      const nodes = await scene.nodesOf(pool)
      return nodes.map(({ metadata }) => scene.sfu(metadata.name)).filter(it => it.isRunning)
    },
    crowd: (pool, cpuPercent) =>
      startCrowd(
        () => nodesNow(pool).map(node => ({ sfu: fleet.node(scene.key(node.metadata.name)), isOpen: !isGoing(node) })),
        cpuPercent,
      ),
  }
  return autoscalers
}

const isGoing = (node: RTCNode): boolean => isClosed(node) || node.metadata.deletionTimestamp !== undefined

interface Like {
  readonly status?: string
  readonly reason?: AutoscalerReason
  readonly message?: RegExp
}

const isLike =
  (type: AutoscalerConditionType, { status, reason, message }: Like) =>
  (autoscaler: RTCAutoscaler): boolean => {
    const condition = conditionIn(autoscaler, type)
    return (
      condition !== undefined &&
      condition.observedGeneration === autoscaler.metadata.generation &&
      (status === undefined || condition.status === status) &&
      (reason === undefined || condition.reason === reason) &&
      (message?.test(condition.message) ?? true)
    )
  }

export const conditionIn = ({ status }: RTCAutoscaler, type: AutoscalerConditionType) =>
  status?.conditions?.find(it => it.type === type)
