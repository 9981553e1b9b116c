// Bad pools, on a real API server: each is refused with the name of the field and what to do about it. And what kubectl, an
// HPA and KEDA lean on: the scale subresource.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { API_VERSION } from '../../../operator/api/meta.ts'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { applyCrds } from '../../cluster/crds.ts'
import { areRefused, type Refusals } from './refusals.ts'

let cluster: Cluster
before(async () => {
  cluster = await startCluster()
  await applyCrds(cluster)
})
after(() => cluster.stop())

const labelled = (labels: object, spec: object = {}) => ({
  metadata: { labels },
  spec: { className: 'livekit', ...spec },
})
const pool = (spec: object = {}, name = 'x') => ({
  apiVersion: API_VERSION,
  kind: 'RTCNodePool',
  metadata: { name },
  spec: { selector: { matchLabels: { app: 'sfu' } }, template: labelled({ app: 'sfu' }), ...spec },
})
const rolling = (rollingUpdate: object) => pool({ strategy: { rollingUpdate } })

const field = (path: string, value: string): RegExp =>
  new RegExp(`${path.replaceAll('.', '\\.')}: Invalid value: ${value}:`)
const notAShare = (of: string, value: string): RegExp[] => [
  field(`spec.strategy.rollingUpdate.${of}`, `"${value}"`),
  /must be a number like 3, or a share of replicas like "25%", at most "100%"/,
]
const mismatch = [
  /spec:/,
  /spec\.template\.metadata\.labels must have every label of spec\.selector\.matchLabels.*add them/,
]
const nothingMoves = [/spec\.strategy\.rollingUpdate\.maxSurge and maxUnavailable cannot both be 0/, /raise one/]

const refused: Refusals = {
  'a selector that asks for another value than the template gives': {
    object: pool({ selector: { matchLabels: { app: 'other' } } }),
    says: mismatch,
  },
  'a selector that asks for a label that the template does not give': {
    object: pool({ selector: { matchLabels: { app: 'sfu', track: 'canary' } } }),
    says: mismatch,
  },
  'a template without labels': { object: pool({ template: { spec: { className: 'livekit' } } }), says: mismatch },
  'a selector of nothing': {
    object: pool({ selector: { matchLabels: {} } }),
    says: [field('spec.selector.matchLabels', '0'), /at least 1/],
  },
  'a selector of more labels than an object should have': {
    object: pool({
      selector: { matchLabels: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, ''])) },
    }),
    says: [/spec\.selector\.matchLabels/, /at most 16/],
  },
  'no selector': { object: pool({ selector: undefined }), says: [/spec\.selector: Required value/] },
  'no class': {
    object: pool({ template: { metadata: { labels: { app: 'sfu' } }, spec: {} } }),
    says: [/spec\.template\.spec\.className: Required value/],
  },
  'a label that no node could have': {
    object: pool({ selector: { matchLabels: { app: 'a b' } }, template: labelled({ app: 'a b' }) }),
    says: [field('spec.template.metadata.labels.app', '"a b"'), /should match/],
  },
  'maxSurge and maxUnavailable of 0': { object: rolling({ maxSurge: 0, maxUnavailable: 0 }), says: nothingMoves },
  'maxSurge and maxUnavailable of 0%': {
    object: rolling({ maxSurge: '0%', maxUnavailable: '0%' }),
    says: nothingMoves,
  },
  'maxSurge of 0 and maxUnavailable of 0%': {
    object: rolling({ maxSurge: 0, maxUnavailable: '0%' }),
    says: nothingMoves,
  },
  'maxSurge of 0 and the default of maxUnavailable, which is 0': {
    object: rolling({ maxSurge: 0 }),
    says: nothingMoves,
  },
  'maxSurge of 25, as text': { object: rolling({ maxSurge: '25' }), says: notAShare('maxSurge', '25') },
  'maxSurge of 120%': { object: rolling({ maxSurge: '120%' }), says: notAShare('maxSurge', '120%') },
  'maxSurge of a%': { object: rolling({ maxSurge: 'a%' }), says: notAShare('maxSurge', 'a%') },
  'maxUnavailable of -5%': { object: rolling({ maxUnavailable: '-5%' }), says: notAShare('maxUnavailable', '-5%') },
  'maxSurge of -1': {
    object: rolling({ maxSurge: -1 }),
    says: [field('spec.strategy.rollingUpdate.maxSurge', '-1'), /greater than or equal to 0/],
  },
  'maxSurge of one and a half': {
    object: rolling({ maxSurge: 1.5 }),
    says: [/spec\.strategy\.rollingUpdate\.maxSurge: Invalid value/, /must be of type integer,string/],
  },
  '-1 replicas': { object: pool({ replicas: -1 }), says: [field('spec.replicas', '-1'), /greater than or equal to 0/] },
  '10⁹ replicas': {
    object: pool({ replicas: 1e9 }),
    says: [field('spec.replicas', '1000000000'), /less than or equal to 10000/],
  },
  'replicas as text': {
    object: pool({ replicas: '3' }),
    says: [/spec\.replicas/, /must be of type integer: "string"/],
  },
  'two and a half replicas': { object: pool({ replicas: 2.5 }), says: [/spec\.replicas/, /must be of type int/] },
  'a negative partition': {
    object: pool({ strategy: { partition: -1 } }),
    says: [field('spec.strategy.partition', '-1'), /greater than or equal to 0/],
  },
  'revision 0': {
    object: pool({ strategy: { pinnedRevision: 0 } }),
    says: [field('spec.strategy.pinnedRevision', '0'), /greater than or equal to 1/],
  },
  'a strategy of another kind': {
    object: pool({ strategy: { type: 'Recreate' } }),
    says: [/spec\.strategy\.type: Unsupported value: "Recreate"/, /"RollingUpdate", "OnDelete"/],
  },
  'a progress deadline that no new node could keep': {
    object: pool({ progressDeadlineSeconds: 60, minReadySeconds: 60 }),
    says: [/spec\.progressDeadlineSeconds must be greater than minReadySeconds.*raise it/],
  },
  'a drain of more than a week': {
    object: pool({ scaleIn: { deadlineSeconds: 604_801 } }),
    says: [field('spec.scaleIn.deadlineSeconds', '604801'), /less than or equal to 604800/],
  },
  'a name that leaves no room for those of its nodes': {
    object: pool({}, 'n'.repeat(58)),
    says: [/metadata\.name must have at most 57 characters/, /choose a shorter name/],
  },
  'an unknown field': { object: pool({ replica: 3 }), says: [/unknown field "spec\.replica"/] },
  'a field in the wrong place': {
    object: pool({ strategy: { maxSurge: 1 } }),
    says: [/unknown field "spec\.strategy\.maxSurge"/],
  },
  'cordoned in the template, which is for the pool to write': {
    object: pool({ template: labelled({ app: 'sfu' }, { cordoned: true }) }),
    says: [/unknown field "spec\.template\.spec\.cordoned"/],
  },
}
areRefused(refused, object => apply(object))

test('refused: another selector for a pool that has one', async () => {
  await apply(pool({}, 'settled'))
  const edited = pool({ selector: { matchLabels: { b: 'c' } }, template: labelled({ b: 'c' }) }, 'settled')
  await assert.rejects(apply(edited), /spec\.selector cannot be changed; create another pool.*--cascade=orphan/s)
  assert.deepEqual((await read('settled')).spec.selector, { matchLabels: { app: 'sfu' } })
})

test('a pool with only selector and template comes back with every default, and tells of no nodes', async () => {
  await apply(pool({}, 'smallest'))
  const { spec, status } = await read('smallest')
  assert.deepEqual(spec, {
    ...pool().spec,
    replicas: 1,
    strategy: {
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 },
      partition: 0,
      paused: false,
    },
    minReadySeconds: 0,
    progressDeadlineSeconds: 600,
    scaleIn: { emptySeconds: 30 },
    revisionHistoryLimit: 10,
  })
  const none = { replicas: 0, openReplicas: 0, readyReplicas: 0, drainingReplicas: 0, updatedReplicas: 0 }
  assert.deepEqual(status, none)
})

test('taken: the longest name, counts and shares at their bounds', async () => {
  await apply(pool({ replicas: 0 }, 'n'.repeat(57)))
  await apply(pool({ replicas: 10_000 }, 'large'))
  for (const [maxSurge, maxUnavailable] of [
    ['100%', '0%'],
    [0, '1%'],
    ['0%', 1],
    [10_000, 10_000],
  ])
    await apply(pool({ strategy: { rollingUpdate: { maxSurge, maxUnavailable } } }, 'bounds'))
})

test('kubectl scale goes through the scale subresource, which serves replicas and the selector of the pods', async () => {
  await apply(pool({}, 'scaled'))
  assert.match(await cluster.kubectl(['scale', 'rtcp/scaled', '--replicas=5']), /scaled/)
  assert.equal((await read('scaled')).spec.replicas, 5)

  const status = { ...(await read('scaled')).status, replicas: 4, selector: 'rtcnode.io/pool=scaled' }
  const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]
  await cluster.kubectl(['patch', 'rtcp', 'scaled', ...patch])
  const path = `/apis/${API_VERSION}/namespaces/default/rtcnodepools/scaled/scale`
  const scale = JSON.parse(await cluster.kubectl(['get', '--raw', path]))
  assert.equal(scale.kind, 'Scale')
  assert.deepEqual([scale.spec, scale.status], [{ replicas: 5 }, { replicas: 4, selector: 'rtcnode.io/pool=scaled' }])

  const tooMany = cluster.kubectl(['scale', 'rtcp/scaled', '--replicas=10001'])
  await assert.rejects(tooMany, /spec\.replicas: Invalid value: 10001.*less than or equal to 10000/)
})

test('kubectl explains the strategy, field by field', async () => {
  const strategy = await cluster.kubectl(['explain', 'rtcnodepool.spec.strategy'])
  for (const words of [/nodes of older revisions are\s+replaced/, /partition\s+<integer>/, /as a canary/, /Undo:/])
    assert.match(strategy, words)
  assert.match(await cluster.kubectl(['explain', 'rtcp.spec.strategy.rollingUpdate.maxSurge']), /share of replicas/)
})

test('kubectl get rtc lists all kinds; kubectl get rtcp tells the story without -o yaml', async () => {
  await apply(pool({ replicas: 3 }, 'listed'))
  await apply({
    apiVersion: API_VERSION,
    kind: 'RTCNode',
    metadata: { name: 'listed' },
    spec: { className: 'livekit' },
  })
  const podTemplate = { spec: { containers: [{ name: 'sfu', image: 'livekit' }] } }
  const spec = { adapter: 'livekit', podTemplate, agent: { image: 'rtcnode' } }
  await apply({ apiVersion: API_VERSION, kind: 'RTCNodeClass', metadata: { name: 'listed' }, spec })
  const names = (await cluster.kubectl(['get', 'rtc', '-oname'])).split('\n')
  for (const kind of ['rtcnodepool', 'rtcnode', 'rtcnodeclass'])
    assert.ok(names.includes(`${kind}.rtcnode.io/listed`), `${kind} in ${names.join()}`)

  const [head, row] = (await cluster.kubectl(['get', 'rtcp', 'listed']))
    .split('\n')
    .map(line => line.trim().split(/\s+/))
  assert.deepEqual(head, ['NAME', 'DESIRED', 'OPEN', 'DRAINING', 'UPDATED', 'READY', 'SESSIONS', 'REASON', 'AGE'])
  assert.deepEqual(row?.slice(0, 6), ['listed', '3', '0', '0', '0', '0'])
})

// oxlint-disable-next-line typescript/no-explicit-any -- objects of the API, of which each test reads a few fields
type Json = any

const apply = (object: object): Promise<string> => cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(object) })

const read = async (name: string): Promise<Json> => JSON.parse(await cluster.kubectl(['get', 'rtcp', name, '-ojson']))
