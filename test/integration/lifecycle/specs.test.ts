// Bad specs: what the API server refuses, it refuses with the field and the remedy; what only shows later is a reason on the
// node, in the words of whoever said so, and goes away with its cause.
import assert from 'node:assert/strict'
import { simClass } from '../harness/class.ts'
import type { Scene } from '../harness/scene.ts'
import { suiteInWorld, type World } from '../harness/world.ts'

const rtcNode = (namespace: string, change: { name?: string; spec?: object }) => ({
  apiVersion: 'rtcnode.io/v1alpha1',
  kind: 'RTCNode',
  metadata: { name: change.name ?? 'n', namespace },
  spec: { className: 'sim', ...change.spec },
})

const refusedSpecs: Record<string, { change: Parameters<typeof rtcNode>[1]; words: RegExp[] }> = {
  'a name of 64 characters': {
    change: { name: 'n'.repeat(64) },
    words: [/metadata\.name/, /at most 63/, /shorter name/],
  },
  'a negative deadline': {
    change: { spec: { drain: { deadlineSeconds: -1 } } },
    words: [/spec\.drain\.deadlineSeconds/, /greater than or equal to 0/],
  },
  'a deadline of more than a week': {
    change: { spec: { drain: { deadlineSeconds: 604_801 } } },
    words: [/spec\.drain\.deadlineSeconds/, /less than or equal to 604800/],
  },
  'a deadline beyond all integers': {
    change: { spec: { drain: { deadlineSeconds: 1e30 } } },
    words: [/spec\.drain\.deadlineSeconds/],
  },
  'a deadline that is no number': {
    change: { spec: { drain: { deadlineSeconds: '1h' } } },
    words: [/spec\.drain\.deadlineSeconds/, /integer/],
  },
  'no class': { change: { spec: { className: '' } }, words: [/spec\.className/] },
  'a class name that no object can have': { change: { spec: { className: 'No Such' } }, words: [/spec\.className/] },
  'an unknown field': { change: { spec: { podTemplate: {} } }, words: [/unknown field/, /spec\.podTemplate/] },
  'an unknown field deeper down': {
    change: { spec: { drain: { deadline: 5 } } },
    words: [/unknown field/, /spec\.drain\.deadline/],
  },
  'a region that is too long': { change: { spec: { region: 'r'.repeat(64) } }, words: [/spec\.region/, /63/] },
}

suiteInWorld('bad specs', { sideBySide: 12 }, promise => {
  for (const [what, { change, words }] of Object.entries(refusedSpecs)) {
    promise(`${what} is refused, by field and with the bound`, async ({ namespace }, { apply }) => {
      const refusal = await apply(rtcNode(namespace, change)).then(() => 'it was taken', String)
      for (const word of words) assert.match(refusal, word)
    })
  }

  promise('the class of a node cannot be edited; the message says what to do instead', async scene => {
    const node = await scene.runningNode()
    const edit = scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', '{"spec":{"className":"other"}}')
    await assert.rejects(edit, /spec\.className.*cannot be changed; create a new RTCNode/s)
    assert.equal((await scene.node(node)).spec.className, 'sim')
  })

  promise('a node of an unknown class says so, and goes on once the class is there', async (scene, { apply }) => {
    const node = await scene.applyNode({ className: 'made-later' })
    await scene.expectReason(node, 'ClassNotFound', { message: /made-later.*create it/s })
    await scene.expectPod(node, 'none', pod => pod === undefined)
    await apply(simClass('made-later'))
    await scene.expectReason(node, 'Serving')
  })

  promise('a class that the API server refuses says so before any node suffers', async (scene, { apply }) => {
    await apply(simClass('refused', { container: { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } } }))
    await expectAccepted(scene, 'refused', 'False', /requests.*less than or equal to cpu limit/s)
    const node = await scene.applyNode({ className: 'refused' })
    await scene.expectReason(node, 'ClassNotAccepted', { message: /less than or equal to cpu limit/ })
    await scene.expectPod(node, 'none', pod => pod === undefined)

    await apply(simClass('refused', { container: { resources: { requests: { cpu: '1' }, limits: { cpu: '1' } } } }))
    await expectAccepted(scene, 'refused', 'True', /accepts/)
    await scene.expectReason(node, 'Serving')
  })

  promise(
    'a class without the container of its SFU is not accepted, and says how to mend it',
    async (scene, { apply }) => {
      await apply(simClass('nameless', { container: { name: 'livekit' } }))
      await expectAccepted(scene, 'nameless', 'False', /no container named “sfu”.*livekit.*spec\.sfuContainer/s)
    },
  )

  promise('a node whose image cannot be pulled says which, and is given up in time', async (scene, world) => {
    await world.apply(simClass('imageless', { labels: neverReady, health: { startupTimeoutSeconds: 15 } }))
    const node = await scene.applyNode({ className: 'imageless' })
    await scene.expectReason(node, 'PodStarting')
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "sim": not found' }
    await patchContainer(world, scene, node, { waiting })
    await scene.expectReason(node, 'ImagePullFailed', {
      message: /container sfu: Back-off pulling image "sim": not found/,
    })
    await scene.expectReason(node, 'StartupTimeout', {
      message: /not Running after 15 s; ImagePullFailed: .*not found/,
    })
    await scene.expectGone(node)
  })

  promise('a node whose SFU crashes at start says so, and is given up in time', async (scene, world) => {
    await world.apply(simClass('crashing', { labels: neverReady, health: { startupTimeoutSeconds: 15 } }))
    const node = await scene.applyNode({ className: 'crashing' })
    await scene.expectReason(node, 'PodStarting')
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container=sfu' }
    await patchContainer(world, scene, node, { waiting })
    await scene.expectReason(node, 'ContainerCrashing', { message: /container sfu: back-off 10s restarting/ })
    await scene.expectReason(node, 'StartupTimeout', { message: /not Running after 15 s; ContainerCrashing: / })
    await scene.expectGone(node)
  })

  promise('a node that no host can take says why, and starts when one can', async (scene, { apply, cluster }) => {
    await apply(simClass('homeless', { pod: { nodeSelector: { 'test/room': 'yes' } } }))
    const node = await scene.applyNode({ className: 'homeless' })
    await scene.expectReason(node, 'WaitingForHost', { message: /0\/2 nodes are available/ })
    await cluster.api.call('PATCH', '/api/v1/nodes/kwok-1', { metadata: { labels: { 'test/room': 'yes' } } })
    await scene.expectReason(node, 'Serving')
  })

  promise('a quota that refuses the pod speaks in the reason; lifted, the node starts', async (scene, { apply }) => {
    const { namespace } = scene
    await apply({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'none', namespace },
      spec: { hard: { pods: '0' } },
    })
    await scene.kubectl('wait', '--for=jsonpath={.status.hard.pods}=0', '--timeout=60s', 'resourcequota/none')
    const node = await scene.applyNode()
    await scene.expectReason(node, 'PodRefused', { message: /exceeded quota: none.*limited: pods=0/ })
    await scene.kubectl('delete', 'resourcequota', 'none')
    await scene.expectReason(node, 'Serving')
  })

  promise('Pod Security that refuses the pod speaks in the reason; relaxed, the node starts', async scene => {
    const { namespace } = scene
    await scene.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted')
    const node = await scene.applyNode()
    await scene.expectReason(node, 'PodRefused', { message: /violates PodSecurity "restricted/ })
    await scene.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce-')
    await scene.expectReason(node, 'Serving')
  })

  promise('a pod of somebody else under the same name is left alone, and the node waits', async (scene, { apply }) => {
    const { namespace } = scene
    const tolerations = [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }]
    const spec = { tolerations, terminationGracePeriodSeconds: 1, containers: [{ name: 'other', image: 'other' }] }
    await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'n', namespace }, spec })
    const { uid } = (await scene.pod('n')).metadata
    const node = await scene.applyNode({ name: 'n' })
    await scene.expectReason(node, 'PodNameTaken', { message: /belongs to somebody else; it is left alone/ })
    const other = await scene.pod('n')
    assert.equal(other.metadata.uid, uid)
    assert.equal(other.metadata.labels?.['app.kubernetes.io/managed-by'], undefined)
    await scene.kubectl('delete', 'pod', 'n', '--wait=false')
    await scene.expectReason(node, 'Serving')
  })

  promise('a node that was deleted before any host took it goes at once', async (scene, { apply }) => {
    await apply(simClass('nowhere', { pod: { nodeSelector: { 'test/no': 'where' } } }))
    const node = await scene.applyNode({ className: 'nowhere' })
    await scene.expectReason(node, 'WaitingForHost')
    await scene.deleteNode(node)
    await scene.expectGone(node)
  })
})

const neverReady = { 'rtcnode.io/fault': 'never-ready' }

async function expectAccepted(scene: Scene, name: string, status: string, message: RegExp): Promise<void> {
  const condition = `--for=jsonpath={.status.conditions[?(@.type=="Accepted")].status}=${status}`
  await scene.kubectl('wait', condition, '--timeout=50s', `rtcnodeclass/${name}`)
  const path = 'jsonpath={.status.conditions[?(@.type=="Accepted")].message}'
  assert.match(await scene.kubectl('get', 'rtcnodeclass', name, '-o', path), message)
}

/** What its host says of the SFU's container: it does not run, so its pod need not be waited for when it is deleted. */
async function patchContainer({ cluster }: World, scene: Scene, node: string, state: object): Promise<void> {
  const { metadata, status } = await scene.pod(node)
  const containerStatuses = [
    { name: 'sfu', image: 'sim', imageID: '', restartCount: 0, ready: false, started: false, state },
  ]
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${node}`
  await cluster.api.call('PATCH', path, { metadata: { annotations: { 'sfu.rtcnode.io/exited': 'true' } } })
  await cluster.api.call('PATCH', `${path}/status`, { status: { ...status, containerStatuses } })
}
