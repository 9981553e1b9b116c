// An operator that was told its namespaces, with the Roles that the chart then gives it and nothing more: pools come up in each of
// them, one where it has no rights holds up nobody, and of all others it does not even ask.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { KubeObject } from '../../../operator/api/meta.ts'
import { ensureNamespace } from '../harness/operator.ts'
import { playScene } from '../harness/scene.ts'
import { startWorldWith, type World } from '../harness/world.ts'
import { poolScene } from '../pool/pool-scene.ts'
import { askedBy, inWords } from './asked.ts'
import {
  installRights,
  type Mode,
  operatorKubeconfig,
  operatorUser,
  ownNamespace,
  sfuNamespace,
  someNamespaces,
  startSecuredOperator,
} from './secured.ts'

const watched = [sfuNamespace, 'eu']
/** Among those it was told, but without a Role. */
const unseen = 'unseen'
const elsewhere = 'elsewhere'

const mode: Mode = {
  ...someNamespaces,
  values: { watchNamespaces: watched, sfu: { namespaces: watched } },
  flags: [`--watch-namespaces=${[...watched, unseen].join()}`],
}

const group = '/apis/rtcnode.io/v1alpha1'

async function settle({ cluster, apply, etcd }: World, namespace: string): Promise<void> {
  await ensureNamespace(cluster, namespace)
  const object = (kind: string, name: string, spec: object) =>
    apply({ apiVersion: 'rtcnode.io/v1alpha1', kind, metadata: { name, namespace }, spec })
  const labels = { fleet: 'strangers' }
  const template = { metadata: { labels }, spec: { className: 'sim' } }
  await object('RTCNodePool', 'strangers', { replicas: 2, selector: { matchLabels: labels }, template })
  await object('RTCNode', 'lone', { className: 'sim' })
  await etcd.put(intentOf(namespace)).value('{}')
}

/** Of a node that is not there: where it looks after all namespaces, the operator sweeps it. */
const intentOf = (namespace: string) => `/sfu/intents/${namespace}/gone`

/** Each object there, in the version that it has. */
async function foundIn({ cluster, etcd }: World, namespace: string): Promise<string[]> {
  const paths = [
    ...['rtcnodes', 'rtcnodepools'].map(plural => `${group}/namespaces/${namespace}/${plural}`),
    `/apis/apps/v1/namespaces/${namespace}/controllerrevisions`,
    `/api/v1/namespaces/${namespace}/pods`,
  ]
  const lists = await Promise.all(paths.map(path => cluster.api.call('GET', path) as Promise<{ items: KubeObject[] }>))
  const intent = await etcd.get(intentOf(namespace)).string()
  return [...lists.flatMap(({ items }) => items.map(nameAndVersion)), `intent ${intent}`]
}

const nameAndVersion = ({ metadata }: KubeObject): string => `${metadata.name}@${metadata.resourceVersion}`

suite('an operator of some namespaces', () => {
  let world: World
  const settled = new Map<string, string[]>()

  before(
    async () => {
      world = await startWorldWith(
        async cluster => {
          await installRights(cluster, mode)
          return startSecuredOperator(cluster, await operatorKubeconfig(cluster), 'operator', mode)
        },
        { cluster: { auditLog: 'reads too' } },
      )
      for (const namespace of [unseen, elsewhere]) {
        await settle(world, namespace)
        settled.set(namespace, await foundIn(world, namespace))
      }
    },
    { timeout: 300_000 },
  )
  after(() => world?.[Symbol.asyncDispose]())

  test('a pool comes up in each of them, and goes', { timeout: 240_000 }, async () => {
    const play = (namespace: string) =>
      playScene(
        world,
        namespace,
        async plain => {
          const scene = poolScene(plain, world)
          const pool = await scene.runningPool({ replicas: 2 })
          await scene.scale(pool, 1)
          await scene.expectNodes(pool, 'one is left', nodes => nodes.length === 1)
        },
        { namespace },
      )
    await Promise.all(watched.map(play))
  })

  test('all other namespaces are as they were', async () => {
    for (const [namespace, found] of settled) assert.deepEqual(await foundIn(world, namespace), found, namespace)
    assert.equal(settled.get(elsewhere)?.length, 3)
  })

  test('it asked for nothing in other namespaces, nor in all, and was refused only where it has no rights', () => {
    const asked = askedBy(operatorUser, world.cluster.auditLogPath ?? '')
    const ours = new Set([...watched, unseen, ownNamespace, 'default'])
    const strange = asked.filter(({ namespace, resource }) =>
      namespace === undefined ? !/^(nodes|nodeclaims|rtcnodeclasses)\b/.test(resource) : !ours.has(namespace),
    )
    assert.deepEqual(strange.map(inWords), [])
    const refused = asked.filter(({ allowed, answer }) => !allowed || answer === 403)
    assert.deepEqual([...new Set(refused.map(({ verb, namespace }) => `${verb} ${namespace}`))], [`list ${unseen}`])
  })
})
