// What people try who want more than they were given, on a real API server with the chart's roles and policies and an operator
// that has no other rights: each is refused in words that name the field and the remedy, or shown to do no harm.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type ApiClient, createApiClient } from '../../../cluster/api-client.ts'
import type { Cluster } from '../../../cluster/cluster.ts'
import { writeKubeconfig } from '../../../cluster/kubeconfig.ts'
import { until } from '../../../cluster/until.ts'
import { simClass } from '../../harness/class.ts'
import { ensureNamespace } from '../../harness/operator.ts'
import { playScene } from '../../harness/scene.ts'
import { startWorldWith, type World } from '../../harness/world.ts'
import { type PoolScene, poolScene } from '../../pool/pool-scene.ts'
import {
  clusterName,
  installRights,
  operatorKubeconfig,
  operatorUser,
  sfuNamespace,
  startSecuredOperator,
} from '../secured.ts'
import { unacceptable } from './classes.ts'
import { harmless } from './harmless.ts'
import { ofOperators, operatorsOwnPod } from './operators.ts'
import { ofPods } from './pods.ts'
import { api, create, patch, pool, type Refused, type Request, rtcNode, type Who } from './requests.ts'
import { ofTenants } from './tenants.ts'

interface People {
  readonly asks: (request: Request) => Promise<unknown>
  readonly tenantKubeconfig: string
}

async function startPeople(cluster: Cluster, undo: AsyncDisposableStack): Promise<People> {
  const { apiserverUrl: server, authority } = cluster
  const accessOf = async (commonName: string) => ({
    server,
    authorityPem: authority.certificatePem,
    identity: await authority.issue({ commonName }),
  })
  const clientOf = async (commonName: string): Promise<ApiClient> => {
    const client = createApiClient(await accessOf(commonName))
    undo.defer(() => client.close())
    return client
  }
  const clients: Record<Who, ApiClient> = {
    tenant: await clientOf('tenant'),
    admin: cluster.api,
    operator: await clientOf(operatorUser),
  }
  return {
    asks: ({ by, method, path, body }) => clients[by].call(method, path, body),
    tenantKubeconfig: writeKubeconfig(join(cluster.dir, 'tenant.kubeconfig'), await accessOf('tenant')),
  }
}

/** Edits the namespace of the SFUs as people usually do, by Kubernetes' own role, and may use one class there. */
async function letTenantIn({ kubectl }: Cluster, { asks }: People): Promise<void> {
  const here = ['-n', sfuNamespace]
  await kubectl([...here, 'create', 'rolebinding', 'tenant', '--clusterrole=edit', '--user=tenant'])
  const rules = [{ apiGroups: ['rtcnode.io'], resources: ['rtcnodeclasses'], resourceNames: ['sim'], verbs: ['use'] }]
  const userOfSim = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'user-of-sim' },
    rules,
  }
  await kubectl([...here, 'apply', '-f-'], { input: JSON.stringify(userOfSim) })
  await kubectl([...here, 'create', 'rolebinding', 'user-of-sim', '--role=user-of-sim', '--user=tenant'])
  const marked = pool({ template: { labels: { 'rtcnode.io/revision': 'x' } } })
  // The role edit must come to hold our kinds, and the last policy into force.
  await untilRefused(create('tenant', marked), 'spec.template.metadata', asks)
}

async function untilRefused(request: Request, word: string, asks: People['asks']): Promise<void> {
  const dryRun = { ...request, path: `${request.path}&dryRun=All` }
  const refusal = () => asks(dryRun).then(() => '', String)
  await until(`refused: ${word}`, async () => (await refusal()).includes(word), { withinMs: 60_000, everyMs: 200 })
}

suite('the corpus', () => {
  const undo = new AsyncDisposableStack()
  let world: World
  let people: People

  before(
    async () => {
      world = undo.use(
        await startWorldWith(async cluster => {
          await installRights(cluster)
          return startSecuredOperator(cluster, await operatorKubeconfig(cluster), 'operator')
        }),
      )
      people = await startPeople(world.cluster, undo)
      await letTenantIn(world.cluster, people)
      await world.apply(simClass('vip'))
      await ensureNamespace(world.cluster, 'elsewhere')
    },
    { timeout: 300_000 },
  )
  after(() => undo.disposeAsync())

  test('each is refused, or harmless; and nobody on a node of the victim is cut', { timeout: 280_000 }, t =>
    playScene(
      world,
      'corpus',
      async plain => {
        const scene = poolScene(plain, world)
        await t.test('the API server finds no fault in a policy', () => haveNoWarnings(world.cluster))
        await prepareVictim(scene, people)
        for (const [what, request] of Object.entries({ ...ofTenants, ...ofPods, ...ofOperators })) {
          await t.test(`${request.by}: ${what}`, () => isRefused(request, people))
        }
        await t.test(
          'the operator: a pod as it makes them is taken',
          async () => void (await people.asks(operatorsOwnPod)),
        )
        await t.test('tenant: who may not impersonate the operator', () => cannotImpersonate(world.cluster, people))
        await t.test('tenant: a node’s pod with another image', () => cannotChangeImage(scene, people))
        for (const [what, { of, says }] of Object.entries(unacceptable)) {
          await t.test(`admin: a class with ${what} is not accepted`, () => isNotAccepted(scene, world, of, says))
        }
        for (const [what, play] of Object.entries(harmless)) {
          await t.test(`harmless: ${what}`, () => play(scene, { ...people, world }))
        }
        await t.test('tenant: what is his to change, he can', () => keepsHisOwn(scene, people))
        assert.deepEqual(scene.sfu('victim').present, ['alice', 'bob'])
      },
      { namespace: sfuNamespace },
    ),
  )
})

/** It judges the types of every expression, some time after a policy is made. */
async function haveNoWarnings({ kubectl }: Cluster): Promise<void> {
  interface Policy {
    readonly metadata: { readonly name: string }
    readonly status?: {
      readonly observedGeneration?: number
      readonly typeChecking?: { readonly expressionWarnings?: unknown }
    }
  }
  const policies = async () =>
    (JSON.parse(await kubectl(['get', 'validatingadmissionpolicies', '-o', 'json'])) as { items: Policy[] }).items
  const isJudged = ({ status }: Policy): boolean => status?.observedGeneration !== undefined
  await until('all to be judged', async () => (await policies()).every(isJudged), { withinMs: 60_000, everyMs: 300 })
  const faulty = (await policies()).filter(({ status }) => status?.typeChecking?.expressionWarnings !== undefined)
  assert.deepEqual(faulty, [])
}

/** What the tenant may do, he can. */
async function prepareVictim(scene: PoolScene, { asks }: People): Promise<void> {
  const mayUse = ['auth', 'can-i', 'use', 'rtcnodeclasses.rtcnode.io/sim', '--as=tenant']
  assert.match(await scene.kubectl(...mayUse), /^yes/)
  await asks(create('tenant', rtcNode({ name: 'victim' })))
  await asks(create('tenant', pool({ name: 'mine', spec: { replicas: 0 } })))
  await scene.expectReason('victim', 'Serving')
  await scene.sfu('victim').join('alice', 'bob')
}

async function isRefused({ says, ...request }: Refused, { asks }: People): Promise<void> {
  const answer = await asks(request).then(() => 'it was taken', String)
  for (const words of says) assert.match(answer, words)
}

async function cannotImpersonate({ kubectl }: Cluster, { tenantKubeconfig }: People): Promise<void> {
  const asOperator = ['--kubeconfig', tenantKubeconfig, '--as', operatorUser]
  await assert.rejects(kubectl([...asOperator, 'get', 'nodes']), /User "tenant" cannot impersonate/)
}

async function cannotChangeImage(scene: PoolScene, { asks }: People): Promise<void> {
  const { spec } = await scene.pod('victim')
  const containers = spec.containers.map(container => ({ ...container, image: 'evil' }))
  const path = `/api/v1/namespaces/${sfuNamespace}/pods/victim`
  const says = [
    /spec\.containers\[\]\.image.*what an SFU runs is its class's to say/,
    new RegExp(`${clusterName}-overruler`),
  ]
  await isRefused({ by: 'tenant', method: 'PATCH', path, body: { spec: { containers } }, says }, { asks } as People)
}

/** Marks that are for people; and a pool whose class he may not use any more. */
async function keepsHisOwn(scene: PoolScene, { asks }: People): Promise<void> {
  const annotations = { 'rtcnode.io/scale-in-protection': 'true', 'rtcnode.io/deletion-priority': '1' }
  await asks(patch('tenant', api, 'rtcnodes/victim', { metadata: { annotations } }))
  await scene.kubectl('delete', 'rolebinding', 'user-of-sim')
  await untilRefused(create('tenant', pool({})), 'may not use the RTCNodeClass sim', asks)
  await asks(patch('tenant', api, 'rtcnodepools/mine', { spec: { minReadySeconds: 1 } }))
}

let classes = 0

async function isNotAccepted(
  scene: PoolScene,
  { apply }: World,
  of: (name: string) => object,
  says: RegExp,
): Promise<void> {
  const name = `unacceptable-${++classes}`
  await apply(of(name))
  const accepted = (field: string) => `{.status.conditions[?(@.type=="Accepted")].${field}}`
  await scene.kubectl('wait', `--for=jsonpath=${accepted('status')}=False`, '--timeout=50s', `rtcnodeclass/${name}`)
  assert.match(await scene.kubectl('get', 'rtcnodeclass', name, '-o', `jsonpath=${accepted('message')}`), says)
}
