// What is taken, because nothing forbids it, and does no harm.
import assert from 'node:assert/strict'
import { until } from '../../../cluster/until.ts'
import { simClass } from '../../harness/class.ts'
import type { World } from '../../harness/world.ts'
import type { PoolScene } from '../../pool/pool-scene.ts'
import { sfuNamespace } from '../secured.ts'
import { api, create, patch, pod, pool, type Request, rtcNode } from './requests.ts'

interface Stage {
  readonly asks: (request: Request) => Promise<unknown>
  readonly world: World
}

export const harmless: Readonly<Record<string, (scene: PoolScene, stage: Stage) => Promise<void>>> = {
  async 'a finalizer of his own keeps the object, not the SFU'(scene, { asks }) {
    await asks(create('tenant', rtcNode({ name: 'held', metadata: { finalizers: ['evil.example/hold'] } })))
    await scene.expectReason('held', 'Serving')
    await scene.deleteNode('held')
    await scene.expectPod('held', 'gone', it => it === undefined)
    await scene.expectNode(
      'held',
      'let go by the operator',
      ({ metadata }) => metadata.finalizers?.join() === 'evil.example/hold',
    )
    await asks(patch('tenant', api, 'rtcnodes/held', { metadata: { finalizers: [] } }))
    await scene.expectGone('held')
  },

  async 'a node where no SFU may run waits, and says whose word that is'(_scene, { asks, world }) {
    await asks(create('admin', rtcNode({ name: 'astray', namespace: 'elsewhere' })))
    const message = () =>
      world.history
        .nodes('elsewhere/astray')
        .at(-1)
        ?.is?.status?.conditions?.find(({ type }) => type === 'Ready')?.message
    const words = /cannot create resource "pods" in API group "" in the namespace "elsewhere"; .*sfu\.namespaces/
    await world.history.until('the refusal', () => words.test(message() ?? ''), 60_000)
    await asks({
      by: 'admin',
      method: 'DELETE',
      path: '/apis/rtcnode.io/v1alpha1/namespaces/elsewhere/rtcnodes/astray',
    })
    await world.history.until(
      'astray gone',
      () => world.history.nodes('elsewhere/astray').at(-1)?.is === undefined,
      60_000,
    )
  },

  async 'a pool whose nodes are too large to be makes none, and says so'(scene, { asks }) {
    const annotations = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`a${index}`, 'x'.repeat(4_000)]))
    await asks(create('tenant', pool({ name: 'huge', template: { annotations } })))
    await scene.expectProgress('huge', 'CreateRefused', { message: /metadata\.annotations: Too long/ })
    assert.equal(scene.everMade('huge'), 0)
    await scene.kubectl('delete', 'rtcp', 'huge')
  },

  async 'a region that names a variable with keys stays what it is'(scene, { asks }) {
    await asks(create('tenant', rtcNode({ name: 'regional', spec: { region: '$(LIVEKIT_KEYS)' } })))
    await scene.expectReason('regional', 'Serving')
    const { spec } = await scene.pod('regional')
    for (const { name, env } of [...(spec.initContainers ?? []), ...spec.containers]) {
      const names = ((env ?? []) as { name: string }[]).map(variable => variable.name)
      // A variable is replaced by what stands before it; only names of ours do.
      const before = names.slice(0, names.indexOf('RTCNODE_REGION'))
      assert.deepEqual(before, ['RTCNODE_NAME', 'RTCNODE_NAMESPACE', 'RTCNODE_UID'], name)
    }
    await scene.deleteNode('regional')
    await scene.expectGone('regional')
  },

  async 'a privileged Deployment makes no pod, and says why'(scene, { asks }) {
    const { spec } = pod({ container: { securityContext: { privileged: true } } })
    const labels = { app: 'evil' }
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'evil', namespace: sfuNamespace },
    }
    const template = { metadata: { labels }, spec }
    await asks(create('tenant', { ...deployment, spec: { selector: { matchLabels: labels }, template } } as never))
    await until(
      'the refusal',
      async () =>
        /FailedCreate.*privileged/s.test(
          await scene.kubectl('get', 'events', '-o', 'jsonpath={range .items[*]}{.reason} {.message}{"\\n"}{end}'),
        ),
      { withinMs: 60_000, everyMs: 300 },
    )
    assert.equal(await scene.kubectl('get', 'pods', '-l', 'app=evil', '-o', 'name'), '')
    await scene.kubectl('delete', 'deployment', 'evil')
  },

  async 'a pod that is there before the node of its name is left alone'(scene, { asks }) {
    await asks(create('tenant', pod({ name: 'taken', spec: { terminationGracePeriodSeconds: 1 } })))
    const { uid } = (await scene.pod('taken')).metadata
    await asks(create('tenant', rtcNode({ name: 'taken' })))
    await scene.expectReason('taken', 'PodNameTaken')
    await scene.deleteNode('taken')
    await until(
      'the node to be gone',
      () =>
        scene.node('taken').then(
          () => false,
          () => true,
        ),
      { withinMs: 60_000 },
    )
    assert.equal((await scene.pod('taken')).metadata.uid, uid)
    await scene.kubectl('delete', 'pod', 'taken', '--grace-period=0', '--force')
  },

  async 'a pod in the place of a class’s trial keeps no node from starting'(scene, { asks, world }) {
    await world.apply(simClass('squatted'))
    const { metadata } = JSON.parse(await scene.kubectl('get', 'rtcc', 'squatted', '-o', 'json')) as {
      metadata: { uid: string }
    }
    const squatter = `rtcnodeclass-${metadata.uid}`
    await asks(create('tenant', pod({ name: squatter, spec: { terminationGracePeriodSeconds: 1 } })))
    await world.apply(simClass('squatted', { labels: { changed: 'yes' } }))
    await asks(create('admin', rtcNode({ name: 'unimpressed', spec: { className: 'squatted' } })))
    await scene.expectReason('unimpressed', 'Serving')
    await scene.deleteNode('unimpressed')
    await scene.expectGone('unimpressed')
    await scene.kubectl('delete', 'pod', squatter, '--grace-period=0', '--force')
  },
}
