// What a real API server makes of the generated CRDs: that it takes them, what it fills in, what it refuses, and with
// which words. People meet these words, so they have to name the field and what to do.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { crdOf } from '../../../operator/api/crd.ts'
import { kinds } from '../../../operator/api/kinds.ts'
import { API_VERSION } from '../../../operator/api/meta.ts'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { crdsEstablished } from '../../cluster/crds.ts'
import { manifestsIn, pages } from '../../docs/blocks.ts'

const root = join(import.meta.dirname, '../../..')
let cluster: Cluster
before(async () => {
  cluster = await startCluster()
  await cluster.kubectl(['apply', '-f', join(root, 'crds')])
  await crdsEstablished(cluster, ['crd', ...crdNames])
})
after(() => cluster.stop())

const crdNames = kinds.map(kind => crdOf(kind).metadata.name)

test('the API server finds nothing in the CRDs that is not structural, and drops nothing of them', async () => {
  for (const kind of kinds) {
    const crd = crdOf(kind)
    const stored = await read('crd', crd.metadata.name)
    const conditions: { type: string; status: string; message: string }[] = stored.status.conditions
    assert.deepEqual(
      conditions.filter(({ type, status }) => /NonStructural|Violation/.test(type) && status === 'True'),
      [],
    )
    assert.deepEqual(stored.spec.versions[0].schema, JSON.parse(JSON.stringify(crd.spec.versions[0]?.schema)))
  }
})

test('applying the CRDs again changes nothing', async () => {
  const versions = () => Promise.all(crdNames.map(async name => (await read('crd', name)).metadata.resourceVersion))
  const former = await versions()
  await cluster.kubectl(['apply', '-f', join(root, 'crds')])
  assert.deepEqual(await versions(), former)
})

test('a class with only adapter, pod and agent image comes back with every default', async () => {
  await apply(smallestClass('smallest'))
  const { spec, status } = await read('rtcc', 'smallest')
  const { adapter, podTemplate, agent } = smallestClass('smallest').spec
  assert.deepEqual(spec, { ...(kindOf('RTCNodeClass').spec.parse({ adapter, podTemplate, agent }) as object) })
  assert.deepEqual(status, {})
})

test('a node shows its phase before anybody has written it', async () => {
  await apply(node('fresh'))
  assert.deepEqual((await read('rtcn', 'fresh')).status, { phase: 'Pending' })
  const [head, row] = (await cluster.kubectl(['get', 'rtcn', 'fresh']))
    .split('\n')
    .map(line => line.trim().split(/\s+/))
  assert.deepEqual(head, ['NAME', 'PHASE', 'REASON', 'SESSIONS', 'HOST', 'ADDRESS', 'DEADLINE', 'DISRUPTED', 'AGE'])
  assert.deepEqual(row?.slice(0, 2), ['fresh', 'Pending'])
})

test('all names of kubectl work, and a node is not looked for among classes', async () => {
  await apply(node('named'))
  for (const name of ['rtcnode', 'rtcnodes', 'rtcn', 'rtcnode.rtcnode.io']) {
    assert.equal(await cluster.kubectl(['get', name, 'named', '-oname']), 'rtcnode.rtcnode.io/named\n')
  }
  await apply(smallestClass('named'))
  const ours = (await cluster.kubectl(['get', 'rtc', '-oname'])).split('\n')
  assert.ok(ours.includes('rtcnode.rtcnode.io/named') && ours.includes('rtcnodeclass.rtcnode.io/named'))
})

test('kubectl explain tells what a field means, and its unit', async () => {
  assert.match(await cluster.kubectl(['explain', 'rtcnode.spec.drain.deadlineSeconds']), /how long.*stay.*in seconds/is)
  for (const { singular } of kinds) {
    const tree = await cluster.kubectl(['explain', singular, '--recursive'])
    assert.match(tree, /DESCRIPTION:\s+\S/)
  }
})

test('status applied twice is written once, and does not touch the spec', async () => {
  const { metadata, spec } = await apply(node('steady'))
  const status = {
    phase: 'Running',
    observedGeneration: 1,
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Serving',
        message: 'Serves.',
        observedGeneration: 1,
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
    ports: [{ name: 'signal', port: 7880, protocol: 'TCP' }],
  }
  const first = await applyStatus('steady', status)
  assert.notEqual(first.metadata.resourceVersion, metadata.resourceVersion)
  assert.equal(first.metadata.generation, metadata.generation)
  assert.deepEqual([first.status, first.spec], [status, spec])

  const second = await applyStatus('steady', status)
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion)

  const bare = await applyStatus('steady', { phase: 'Running' })
  assert.deepEqual(bare.status, { phase: 'Running' }, 'what is no longer applied is gone')
})

test('whoever edits the object does not write its status', async () => {
  await apply(node('honest'))
  await apply({ ...node('honest', { cordoned: true }), status: { phase: 'Running' } })
  const { status, spec } = await read('rtcn', 'honest')
  assert.deepEqual([status, spec.cordoned], [{ phase: 'Pending' }, true])
})

const ports = (...names: string[]) => ({ network: { ports: names.map(name => ({ name, port: 1 })) } })
const refused: Record<string, { object: object; says: RegExp[] }> = {
  'a name of 64 characters': {
    object: node('a'.repeat(64)),
    says: [/metadata\.name/, /at most 63 characters/, /choose a shorter name/],
  },
  'no spec': {
    object: { apiVersion: API_VERSION, kind: 'RTCNode', metadata: { name: 'x' } },
    says: [/spec: Required/],
  },
  'no class': { object: node('x', { className: undefined }), says: [/spec\.className: Required value/] },
  'a class name that no object can have': {
    object: node('x', { className: 'Live Kit' }),
    says: [/spec\.className/, /should match/],
  },
  'a negative deadline': {
    object: node('x', { drain: { deadlineSeconds: -1 } }),
    says: [/spec\.drain\.deadlineSeconds/, /greater than or equal to 0/],
  },
  'a deadline after more than a week': {
    object: node('x', { drain: { deadlineSeconds: 604_801 } }),
    says: [/spec\.drain\.deadlineSeconds/, /less than or equal to 604800/],
  },
  'a deadline of 10^30 seconds': {
    object: node('x', { drain: { deadlineSeconds: 1e30 } }),
    says: [/deadlineSeconds/],
  },
  'half a second': {
    object: node('x', { drain: { deadlineSeconds: 0.5 } }),
    says: [/spec\.drain\.deadlineSeconds/, /must be of type integer/],
  },
  'a deadline as text': {
    object: node('x', { drain: { deadlineSeconds: '60' } }),
    says: [/spec\.drain\.deadlineSeconds/, /must be of type integer/],
  },
  'cordoned as text': { object: node('x', { cordoned: 'true' }), says: [/spec\.cordoned/, /must be of type boolean/] },
  'an unknown field': {
    object: node('x', { drain: { deadlineSecond: 5 } }),
    says: [/unknown field "spec\.drain\.deadlineSecond"/],
  },
  'an unknown adapter': {
    object: smallestClass('x', { adapter: 'zoom' }),
    says: [/spec\.adapter/, /supported values: "livekit"/],
  },
  'an address source Fixed without an address': {
    object: smallestClass('x', { network: { addressSource: 'Fixed' } }),
    says: [/spec\.network/, /fixedAddress goes with addressSource: Fixed; set both or neither/],
  },
  'an address without Fixed': {
    object: smallestClass('x', { network: { fixedAddress: '1.2.3.4' } }),
    says: [/set both or neither/],
  },
  'a lease that one late heartbeat loses': {
    object: smallestClass('x', { agent: { image: 'i', heartbeatSeconds: 6 } }),
    says: [/spec\.agent\.leaseTTLSeconds must be at least twice heartbeatSeconds/, /raise it/],
  },
  'two ports of one name': {
    object: smallestClass('x', ports('a', 'a')),
    says: [/spec\.network\.ports\[1\]/, /Duplicate/],
  },
  'a port name too long for a container': {
    object: smallestClass('x', ports('a'.repeat(16))),
    says: [/spec\.network\.ports\[0\]\.name/, /15/],
  },
  'no agent image': { object: smallestClass('x', { agent: {} }), says: [/spec\.agent\.image: Required value/] },
}
for (const [what, { object, says }] of Object.entries(refused)) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(apply(object), ({ message }: Error) => {
      for (const words of says) assert.match(message, words)
      return true
    })
  })
}

test('refused: another class for a node that has one', async () => {
  await apply(node('settled'))
  await assert.rejects(
    apply(node('settled', { className: 'janus' })),
    /spec\.className cannot be changed; create a new RTCNode with the other class/,
  )
  assert.equal((await read('rtcn', 'settled')).spec.className, 'livekit')
})

test('the examples are accepted as they are', async () => {
  const files = ['livekit-keys', 'livekit-class', 'livekit-class-hostnetwork', 'nodes', 'pool', 'autoscaler']
  for (const file of files.map(name => join(root, 'examples', `${name}.yaml`))) {
    const objects = parseAllDocuments(readFileSync(file, 'utf8'))
    const applied = await cluster.kubectl(['apply', '-f', file])
    assert.equal(applied.trim().split('\n').length, objects.length)
  }
})

test('so are the objects in the documents', async () => {
  await cluster.kubectl(['create', 'namespace', 'rtc'])
  const manifests = pages.flatMap(manifestsIn).filter(({ yaml }) => !yaml.includes('keda.sh/'))
  assert.ok(manifests.length > 3)
  for (const { at, yaml } of manifests) {
    const input = yaml
    await cluster.kubectl(['apply', '--dry-run=server', '-f-'], { input }).catch((error: unknown) => {
      throw new Error(`${at} is refused`, { cause: error })
    })
  }
})

// oxlint-disable-next-line typescript/no-explicit-any -- objects of the API, of which each test reads a few fields
type Json = any

const kindOf = (name: string) => kinds.find(({ kind }) => kind === name) ?? assert.fail(`no kind ${name}`)

function node(name: string, spec: object = {}) {
  return { apiVersion: API_VERSION, kind: 'RTCNode', metadata: { name }, spec: { className: 'livekit', ...spec } }
}

function smallestClass(name: string, spec: object = {}) {
  const podTemplate = { spec: { containers: [{ name: 'sfu', image: 'livekit' }] } }
  return {
    apiVersion: API_VERSION,
    kind: 'RTCNodeClass',
    metadata: { name },
    spec: { adapter: 'livekit', podTemplate, agent: { image: 'rtcnode' }, ...spec },
  }
}

const apply = async (object: object): Promise<Json> =>
  JSON.parse(await cluster.kubectl(['apply', '-ojson', '-f-'], { input: JSON.stringify(object) }))

const applyStatus = async (name: string, status: object): Promise<Json> => {
  const object = { apiVersion: API_VERSION, kind: 'RTCNode', metadata: { name }, status }
  const how = ['--server-side', '--subresource=status', '--field-manager=rtcnode-operator', '--force-conflicts']
  return JSON.parse(await cluster.kubectl(['apply', ...how, '-ojson', '-f-'], { input: JSON.stringify(object) }))
}

const read = async (kind: string, name: string): Promise<Json> =>
  JSON.parse(await cluster.kubectl(['get', kind, name, '-ojson']))
