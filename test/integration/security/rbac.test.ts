// The operator as its ServiceAccount, by the chart's own roles and under its policies, goes through whole stories. What it was
// granted and what it asked for, reads too, must be the same: a right too many fails as a right too few does.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Cluster } from '../../cluster/cluster.ts'
import { anyKind, crdsEstablished } from '../../cluster/crds.ts'
import { until } from '../../cluster/until.ts'
import { autoscalerScene } from '../autoscaler/autoscaler-scene.ts'
import type { Pair } from '../faults/pair.ts'
import type { Operator } from '../harness/operator.ts'
import { playScene, type Scene } from '../harness/scene.ts'
import { startWorldWith, type World } from '../harness/world.ts'
import { poolScene } from '../pool/pool-scene.ts'
import { type Asked, askedBy, inWords, isAnswerFor, rightsIn } from './asked.ts'
import {
  allNamespaces,
  installRights,
  type Mode,
  operatorKubeconfig,
  operatorUser,
  sfuNamespace,
  someNamespaces,
  startSecuredOperator,
} from './secured.ts'
import { playStories } from './stories.ts'

/** Enough of products that may be there for their kinds to be looked for. */
const optionalKinds = [
  anyKind('keda.sh', 'v1alpha1', 'ScaledObject', 'Namespaced'),
  anyKind('karpenter.sh', 'v1', 'NodeClaim', 'Cluster'),
]

async function startPair(cluster: Cluster, mode: Mode): Promise<Pair<Operator>> {
  await installRights(cluster, mode)
  const items = { apiVersion: 'v1', kind: 'List', items: optionalKinds }
  await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(items) })
  await crdsEstablished(
    cluster,
    optionalKinds.map(({ metadata }) => `crd/${metadata.name}`),
  )
  await until('our kinds to be known as owners', () => areKnownOwners(cluster), { withinMs: 60_000, everyMs: 500 })
  const kubeconfigPath = await operatorKubeconfig(cluster)
  const undo = new AsyncDisposableStack()
  try {
    const one = undo.use(await startSecuredOperator(cluster, kubeconfigPath, 'one', mode))
    const other = undo.use(await startSecuredOperator(cluster, kubeconfigPath, 'other', mode))
    return { one, other, [Symbol.asyncDispose]: () => undo.disposeAsync() }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

/** The admission plugin looks kinds up in what the API server has discovered, which it does anew every half a minute. */
async function areKnownOwners({ api }: Cluster): Promise<boolean> {
  const ownerReferences = ['RTCNode', 'RTCNodePool'].map((kind, index) => {
    return { apiVersion: 'rtcnode.io/v1alpha1', kind, name: 'n', uid: String(index), blockOwnerDeletion: true }
  })
  const spec = { containers: [{ name: 'c', image: 'sim' }] }
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe', ownerReferences }, spec }
  return Boolean(await api.call('POST', '/api/v1/namespaces/default/pods?dryRun=All', pod))
}

function areThoseItUses(title: string, mode: Mode): void {
  suite(title, () => {
    let world: World<Pair<Operator>>
    let asked: readonly Asked[] = []

    before(
      async () => {
        // OpenShift has this plugin on.
        const admissionPlugins = ['OwnerReferencesPermissionEnforcement']
        const cluster = { auditLog: 'reads too', admissionPlugins } as const
        world = await startWorldWith(it => startPair(it, mode), { cluster })
      },
      { timeout: 300_000 },
    )
    after(() => world?.[Symbol.asyncDispose]())

    test('it goes through whole stories, and nobody is cut', { timeout: 420_000 }, () =>
      playScene(
        world,
        'stories',
        async plain => {
          const scene = autoscalerScene(poolScene(plain, world), world)
          await playStories(scene, world.apply, world.operator)
          asked = askedBy(operatorUser, world.cluster.auditLogPath ?? '')
          await withoutFinalizersNoOwnerIsNamed(plain, world.cluster, mode)
        },
        { namespace: sfuNamespace },
      ),
    )

    test('nothing that it asked for was forbidden, by roles or by policies', () => {
      const refused = asked.filter(it => !it.allowed || [400, 403, 422].includes(it.answer))
      assert.deepEqual(refused.map(inWords), [])
    })

    test('every right it has was used', () => {
      const unused = rightsIn(mode).filter(right => !asked.some(it => isAnswerFor(right, it, mode)))
      assert.deepEqual(
        unused.map(({ row, resource, verb }) => `${verb} ${resource} in ${row.where}: ${row.why}`),
        [],
      )
    })

    test('whatever it asked for is in the table', () => {
      const rights = rightsIn(mode)
      const strange = asked.filter(it => !rights.some(right => isAnswerFor(right, it, mode)))
      assert.deepEqual(strange.map(inWords), [])
    })
  })
}

areThoseItUses('the rights of an operator for all namespaces', allNamespaces)
areThoseItUses('the rights of an operator for some namespaces', someNamespaces)

/** The one right that no request of its own shows: taken away, the API server takes no owner whose deletion waits. */
async function withoutFinalizersNoOwnerIsNamed(scene: Scene, cluster: Cluster, { role: path }: Mode): Promise<void> {
  const { rules } = (await cluster.api.call('GET', path)) as { rules: { resources: string[] }[] }
  const others = rules.filter(({ resources }) => !resources.some(it => it.endsWith('/finalizers')))
  assert.equal(others.length, rules.length - 1)
  await cluster.api.call('PATCH', path, { rules: others })
  const may = () =>
    cluster.kubectl(['auth', 'can-i', 'update', 'rtcnodes/finalizers', '-n', sfuNamespace, `--as=${operatorUser}`])
  await until(
    'the right to be taken away',
    () =>
      may().then(
        () => false,
        () => true,
      ),
    { withinMs: 30_000, everyMs: 200 },
  )
  const node = await scene.applyNode({ name: 'ownerless' })
  await scene.expectReason(node, 'PodRefused', { message: /cannot set blockOwnerDeletion/ })
  await cluster.api.call('PATCH', path, { rules })
  await scene.expectReason(node, 'Serving')
}
