// Keeps the PodDisruptionBudget of each namespace where there are SFUs, and tells whose budget stands in its way. A key is the
// budget's own. Started by run.ts.
import type { Pod } from '../../api/core.ts'
import { type KubeObject, keyOf, type ObjectKey, splitKey, type Uid } from '../../api/meta.ts'
import type { RTCNode } from '../../api/rtcnode.ts'
import type { RTCNodePool } from '../../api/rtcnodepool.ts'
import type { Cache } from '../../kube/cache.ts'
import {
  type ControllerSpec,
  gathered,
  type ReconcileContext,
  type ReconcileResult,
  watchCache,
} from '../../kube/controller.ts'
import { isAlreadyExists, isNotFound } from '../../kube/errors.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Expectations } from '../../kube/expectations.ts'
import { poolOf } from '../../kube/owner.ts'
import type { ResourceClient } from '../../kube/resource.ts'
import { type Change, inNamespace } from '../../kube/store.ts'
import { type Budget, type BudgetStep, budgetKey, budgetStep, type Intruder, intruders, intrusion } from './budget.ts'

export interface BudgetDeps {
  /** This one, and those of pods and of budgets, must have the index of namespaces. */
  readonly nodeCache: Cache<RTCNode>
  readonly podCache: Cache<Pod>
  readonly poolCache: Cache<RTCNodePool>
  readonly budgetCache: Cache<Budget>
  readonly budgets: ResourceClient<Budget>
  readonly events: EventRecorder
  readonly expectations: Expectations
}

/** Pods come by the thousand, and take seconds to start. */
const PATIENCE_MS = 200

/** By namespace, and then by each budget of somebody else that is in the way now: who was told of it. */
type Told = Map<ObjectKey, ReadonlyMap<Uid, ReadonlySet<Uid>>>

export function budgetController(deps: BudgetDeps): ControllerSpec {
  const told: Told = new Map()
  const patient = <T extends KubeObject>(cache: Cache<T>, isNews: (change: Change<T>) => boolean) =>
    gathered(
      watchCache(cache, change => (isNews(change) ? [budgetKey(splitKey(change.key).namespace ?? '')] : [])),
      () => PATIENCE_MS,
    )
  return {
    name: 'disruption-budget',
    workers: 4,
    watches: [
      patient(deps.podCache, comesOrGoes),
      patient(deps.nodeCache, comesOrGoes),
      patient(deps.budgetCache, hasOtherRules),
    ],
    caughtUp: key => deps.expectations.caughtUp(key),
    reconcile: (key, context) => reconcile(key, context, deps, told),
  }
}

const comesOrGoes = ({ old, new: now }: Change<KubeObject>): boolean => old === undefined || now === undefined

const hasOtherRules = ({ old, new: now }: Change<Budget>): boolean =>
  JSON.stringify([old?.spec, old?.metadata.deletionTimestamp]) !==
  JSON.stringify([now?.spec, now?.metadata.deletionTimestamp])

async function reconcile(
  key: ObjectKey,
  { log, signal }: ReconcileContext,
  deps: BudgetDeps,
  told: Told,
): Promise<ReconcileResult> {
  const { namespace = '' } = splitKey(key)
  const pods = deps.podCache.byIndex(inNamespace, namespace)
  const nodes = deps.nodeCache.byIndex(inNamespace, namespace).length
  const found = deps.budgetCache.get(key)
  const step = budgetStep({ name: namespace, found, pods: pods.length, nodes })
  if (step.do !== 'nothing') {
    await carryOut(key, step, found, deps, signal)
    log.info(`budget: ${step.do}`)
  }
  const inTheWay = intruders(deps.budgetCache.byIndex(inNamespace, namespace), pods)
  const before = told.get(key)
  told.set(
    key,
    new Map(inTheWay.map(it => [it.budget.metadata.uid, tell(it, before?.get(it.budget.metadata.uid), deps)])),
  )
  return {}
}

async function carryOut(
  key: ObjectKey,
  step: BudgetStep,
  found: Budget | undefined,
  { budgets, expectations }: BudgetDeps,
  signal: AbortSignal,
): Promise<void> {
  const wrote = ({ metadata: { resourceVersion } }: Budget) =>
    expectations.wrote({ by: key, kind: 'PodDisruptionBudget', key, resourceVersion })
  switch (step.do) {
    case 'nothing':
      return
    case 'create':
      // It was there all the time: the cache is late.
      return budgets.create(step.budget, { signal }).then(wrote, unless(isAlreadyExists))
    case 'repair':
      return budgets.mergePatch(key, step.patch, { signal }).then(wrote, unless(isNotFound))
    case 'delete':
      if (found === undefined) return
      await budgets.delete(key, { uid: found.metadata.uid, signal })
      expectations.deleted({ by: key, kind: 'PodDisruptionBudget', key, uid: found.metadata.uid })
  }
}

const unless =
  (isHarmless: (error: unknown) => boolean) =>
  (error: unknown): void => {
    if (!isHarmless(error)) throw error
  }

/** On the budget, and on each pool or lone node whose pods it finds; once each, while it is in the way. Gives who knows now. */
function tell(
  intruder: Intruder,
  before: ReadonlySet<Uid> = new Set(),
  { nodeCache, poolCache, events }: BudgetDeps,
): ReadonlySet<Uid> {
  const { budget, pods } = intruder
  const happening = intrusion(intruder)
  const owners = pods.flatMap(pod => {
    const node = nodeCache.get(keyOf(pod))
    const pool = node && poolOf(node)
    return (pool && poolCache.get(pool)) ?? node ?? []
  })
  const concerned = new Map<Uid, KubeObject>([budget, ...owners].map(object => [object.metadata.uid, object]))
  for (const [uid, object] of concerned) {
    if (!before.has(uid)) events.record(object, { ...happening, ...(object !== budget && { related: budget }) })
  }
  return new Set([...before, ...concerned.keys()])
}
