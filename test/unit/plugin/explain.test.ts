// What is said of pools, nodes and autoscalers: each reason in plain words, with a remedy where somebody can do something.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { autoscalerReasons, nodeReasons, poolReasons, startTroubles } from '../../../operator/api/reasons.ts'
import { explainAutoscaler } from '../../../operator/plugin/explain-autoscaler.ts'
import { explainNode, type NodeEvidence } from '../../../operator/plugin/explain-node.ts'
import { explainPool, type PoolEvidence } from '../../../operator/plugin/explain-pool.ts'
import { type Explanation, explanationText, hasProblem } from '../../../operator/plugin/explanation.ts'
import { autoscalerRemedies, nodeRemedies, poolRemedies } from '../../../operator/plugin/remedies.ts'
import { aClass } from '../pool/objects.ts'
import {
  autoscaler,
  complete,
  condition,
  event,
  NOW,
  node,
  now,
  pool,
  timeAt,
  withManagedFields,
  wroteBy,
} from './build.ts'

const ofPool = (evidence: Partial<PoolEvidence> & Pick<PoolEvidence, 'pool'>): Explanation =>
  explainPool({ nodes: [], autoscalers: [], events: [], now, ...evidence })
const ofNode = (evidence: Partial<NodeEvidence> & Pick<NodeEvidence, 'node'>): Explanation =>
  explainNode({ nodeClass: undefined, pod: undefined, events: [], now, ...evidence })

const textOf = (explanation: Explanation): string => explanationText(explanation, now).join('\n')
const says = (explanation: Explanation, what: RegExp): void => assert.match(textOf(explanation), what)
const problemsOf = ({ sentences }: Explanation): string[] =>
  sentences.filter(({ level }) => level === 'problem').map(it => it.says)

test('a pool at rest is explained without a problem, and who asked for the number is named', () => {
  const asked = withManagedFields(pool(3, complete), [
    wroteBy('helm', NOW - 9_000, { 'f:spec': { 'f:replicas': {}, 'f:template': {} } }),
    wroteBy('kubectl-scale', NOW - 300, { 'f:spec': { 'f:replicas': {} } }),
  ])
  const explanation = ofPool({ pool: asked, nodes: ['n1', 'n2', 'n3'].map(name => node(name)) })
  assert.equal(explanation.headline, 'RTCNodePool media/eu shall have 3 nodes that take rooms, and has 3 nodes: 3 open')
  says(explanation, /spec\.replicas is 3: it was set by kubectl-scale, 5 min ago/)
  assert.equal(hasProblem(explanation), false)
})

test('nodes on top of the wanted ones are told apart: closed, cordoned, deleted', () => {
  const explanation = ofPool({
    pool: pool(1, complete),
    nodes: [
      node('open'),
      node('closed', {
        closed: { by: 'ScaleIn', deadline: NOW + 600 },
        load: { sessions: 7, observedAt: timeAt(NOW) },
      }),
      node('mine', { cordoned: true }),
      node('gone', { deletedAt: NOW - 10, drain: 'Deleted' }),
    ],
  })
  assert.match(explanation.headline, /4 nodes: 1 open, 1 closed by the pool, 1 cordoned by people, 1 being deleted/)
  says(explanation, /closed \(7 participants\); they are reopened before any node is made/)
  says(explanation, /cordoned by people, so they count no more and stay: mine/)
  says(explanation, /gone \(.*\): 10 min left/)
})

test('a pool whose nodes cannot start names them, their trouble and the way back', () => {
  const conditions = [
    condition('Progressing', 'False', 'StartsFail', '0 of 1 open'),
    condition('Degraded', 'True', 'NodesUnwell', '1 node did not start'),
  ]
  const failedStarts = { revision: 't2-c1', count: 3, lastAt: timeAt(NOW - 60) }
  const explanation = ofPool({
    pool: pool(1, conditions, { status: { failedStarts, updateRevision: 't2-c1' } }),
    nodes: [node('n1', { phase: 'Pending', unready: 'ImagePullFailed', message: 'container sfu: not found' })],
  })
  says(explanation, /✗ StartsFail: .*\n {4}→ .*rollout undo eu/)
  says(explanation, /✗ n1 \(ImagePullFailed\): container sfu: not found\n {4}→ kubectl rtc explain node n1/)
  says(explanation, /3 nodes of revision t2-c1 in a row did not start/)
  assert.ok(hasProblem(explanation))
})

test('the autoscaler that sets the number is quoted, one that recommends only is told of', () => {
  const lastDecision = {
    at: timeAt(NOW - 60),
    from: 5,
    to: 6,
    why: '5→6: load 1.31k / (451 × 0.49)',
    limits: [],
    terms: {},
  }
  const explanation = ofPool({
    pool: pool(6, complete),
    autoscalers: [autoscaler({ lastDecision }), { ...autoscaler({ desiredReplicas: 9 }, { mode: 'Recommend' }) }],
  })
  says(explanation, /RTCAutoscaler a sets it; last, 60 s ago: 5→6: load 1\.31k/)
  says(explanation, /would want 9; it only recommends/)
})

test('a pool that no operator has looked at is a problem, and so is every alarm', () => {
  assert.deepEqual(problemsOf(ofPool({ pool: { ...pool(1, []), status: undefined } as never })), [
    'no operator has said a word about it yet',
  ])
  const alarms = [
    condition('Available', 'False', 'TooFewOpen'),
    condition('ScalingInhibited', 'True', 'RegistryFrozen'),
    condition('Contested', 'True', 'SeveralScalers'),
  ]
  assert.equal(problemsOf(ofPool({ pool: pool(1, [...complete, ...alarms]) })).length, 3)
})

test('a pool for which a schedule announces nodes says when, how many, and who has their hosts made', () => {
  const announced = { schedule: 'all-hands', startsAt: timeAt(NOW + 240), nodes: 8, message: 'Accepted: it is' }
  const told = (by: 'ProvisioningRequest' | 'Headroom' | 'Nothing', change = {}) =>
    ofPool({ pool: pool(1, complete, { status: { announced: { ...announced, by, ...change } } }) })
  const asked = told('ProvisioningRequest')
  says(
    asked,
    /schedule “all-hands” asks for 8 nodes more in 4 min; room on hosts is made by ProvisioningRequest: Accepted/,
  )
  assert.deepEqual(problemsOf(asked), [])
  says(
    told('Headroom', { startsAt: timeAt(NOW - 5) }),
    /asks for 8 nodes more now; room on hosts is made by spec.headroom/,
  )
  assert.equal(problemsOf(told('Nothing')).length, 1)
  says(told('ProvisioningRequest', { schedule: undefined }), /minReplicas of its autoscaler asks for 8/)
})

test('a pinned pool says how the pin is taken off', () => {
  const explanation = ofPool({ pool: pool(1, complete, { strategy: { pinnedRevision: 2 } }) })
  says(explanation, /made from revision 2.*\n {4}→ .*kubectl rtc rollout unpin eu/)
  assert.equal(hasProblem(explanation), false)
})

test('each reason for which a node cannot start is a problem with a remedy', () => {
  for (const reason of startTroubles) {
    const { sentences } = ofNode({ node: node('n1', { phase: 'Pending', unready: reason }) })
    assert.equal(sentences[0]?.level, 'problem', reason)
    assert.ok((sentences[0]?.remedy ?? '') !== '', reason)
    assert.doesNotMatch(sentences[0]?.remedy ?? '', /\b(NAME|POOL|CLASS)\b/, reason)
  }
})

test('a node that starts tells until when', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...node('n1').metadata, creationTimestamp: timeAt(NOW - 100) },
    spec: { containers: [] },
  }
  const explanation = ofNode({
    node: node('n1', { phase: 'Pending', unready: 'PodStarting' }),
    nodeClass: aClass('sim'),
    pod,
  })
  says(explanation, new RegExp(`given up at ${timeAt(NOW + 200)}.*its pool makes another`))
  assert.equal(hasProblem(explanation), false)
})

test('a new node that nobody has looked at for half a minute points to the doctor', () => {
  const fresh = { ...node('n1', { madeAt: NOW - 20 }), status: { phase: 'Pending' as const } }
  const old = { ...node('n1', { madeAt: NOW - 40 }), status: { phase: 'Pending' as const } }
  assert.equal(hasProblem(ofNode({ node: fresh })), false)
  says(ofNode({ node: old }), /no operator has said a word about it\n {4}→ kubectl rtc doctor/)
})

test('a node that its pool closed can be taken back, one that people cordoned names them', () => {
  const closed = ofNode({ node: node('n1', { closed: { by: 'RollOut', deadline: NOW + 60 }, reason: 'Cordoned' }) })
  says(closed, /its pool closed it because it is of an older revision.*60 s left/)
  says(closed, /kubectl rtc undrain n1/)
  const managedFields = [wroteBy('kubectl-rtc', NOW - 7, { 'f:spec': { 'f:cordoned': {} } })]
  const mine = ofNode({ node: node('n1', { cordoned: true, reason: 'Cordoned', managedFields }) })
  says(mine, /people have cordoned it \(kubectl-rtc, 7 s ago\).*kubectl rtc uncordon n1/)
})

test('a node that drains tells why, who is left, until when, and that it is for good', () => {
  const drainStatus = { reason: 'ScaleIn', startedAt: timeAt(NOW), deadline: timeAt(NOW + 120), sessionsRemaining: 3 }
  const words = { deletedAt: NOW - 30, reason: 'WaitingForSessions', message: '3 still connected', drainStatus }
  const explanation = ofNode({ node: node('n1', words) })
  says(explanation, /deleted 30 s ago, which drains it: Its pool has one node too many/)
  says(explanation, /3 participants left; they may stay: 2 min left/)
  says(explanation, /cannot be taken back/)
  assert.equal(hasProblem(explanation), false)
})

test('a drain long after its deadline, and steps that were given up, are problems', () => {
  const drainStatus = {
    reason: 'Deleted',
    startedAt: timeAt(NOW - 2_000),
    deadline: timeAt(NOW - 1_000),
    skipped: ['evict', 'deregister'],
  }
  const explanation = ofNode({ node: node('n1', { deletedAt: NOW - 2_000, reason: 'CleaningUp', drainStatus }) })
  assert.equal(problemsOf(explanation).length, 2)
  says(explanation, /finalizers: rtcnode\.io\/drain/)
  says(explanation, /nobody answered: evict and deregister/)
})

test('a host that goes is told of', () => {
  const told = condition('Disrupted', 'True', 'Cordoned', 'somebody cordoned the host; Planned')
  const on = (kind: 'Advisory' | 'Planned') => {
    const { status, ...rest } = node('n1', { host: 'worker-3' })
    const conditions = [...(status?.conditions ?? []), told]
    return ofNode({ node: { ...rest, status: { phase: 'Running', ...status, conditions, disruption: { kind } } } })
  }
  says(on('Planned'), /✗ its host worker-3 .*somebody cordoned the host.*\n {4}→ .*kubectl uncordon worker-3/)
  says(on('Advisory'), /its host worker-3 may go/)
})

test('a reason that this version does not know is shown as it is', () => {
  says(ofNode({ node: node('n1', { reason: 'FromTheFuture', message: 'who knows' }) }), /FromTheFuture: who knows/)
  const progressing = condition('Progressing', 'True', 'FromTheFuture', 'who knows')
  says(ofPool({ pool: pool(1, [progressing]) }), /FromTheFuture: who knows/)
})

test('the formula of an autoscaler is shown with its figures', () => {
  const terms = {
    demand: 6_000,
    draining: 240,
    forecast: 8_304,
    forecastBy: 'hour' as const,
    capacity: 1_000,
    safePressure: 0.604,
    knee: 0.737,
    trim: 1,
    margin: 0.133,
    warm: 0,
    needed: 14,
  }
  const conditions = [
    condition('ScalingActive', 'True', 'ScaledUp', '12→14'),
    condition('AbleToScale', 'True', 'PoolFound'),
  ]
  const explanation = explainAutoscaler({
    autoscaler: autoscaler({ desiredReplicas: 14, terms, conditions, pressure: 0.48 }),
    pool: pool(14, complete),
    events: [],
    now,
  })
  assert.match(explanation.headline, /wants 14 nodes for pool eu, which is asked for 14; bounds 1 to 10/)
  says(explanation, /load \(8\.3k − 240 on closed nodes\) \/ \(1k a node × 0\.604 safe pressure\) = 13\.4, so 14 nodes/)
  says(explanation, /what this minute of the hour has brought before: 8\.3k units; there are 6k now/)
  says(explanation, /nodes may be 60\.4 % full on average \(1 trim × 0\.737 knee − 0\.133 margin/)
  assert.equal(hasProblem(explanation), false)
})

test('limits that are there most of the time are no problem; what keeps people waiting is', () => {
  const limitedBy = (reason: string) =>
    explainAutoscaler({
      autoscaler: autoscaler({
        conditions: [condition('ScalingActive', 'True', 'Steady'), condition('ScalingLimited', 'True', reason)],
      }),
      pool: pool(1, complete),
      events: [],
      now,
    })
  assert.equal(hasProblem(limitedBy('ScaleDownWindow')), false)
  says(limitedBy('MaxReplicas'), /✗ MaxReplicas.*\n {4}→ raise spec\.maxReplicas/)
})

test('an autoscaler that people have paused is as they wished; one without a pool is not', () => {
  const inactive = (reason: string) =>
    explainAutoscaler({
      autoscaler: autoscaler({ conditions: [condition('ScalingActive', 'False', reason)] }),
      pool: undefined,
      events: [],
      now,
    })
  assert.equal(hasProblem(inactive('Paused')), false)
  assert.equal(hasProblem(inactive('PoolNotFound')), true)
})

test('events come newest first, in the new form and the old one', () => {
  const { events } = ofPool({
    pool: pool(1, complete),
    events: [
      event({ note: 'old', deprecatedLastTimestamp: timeAt(NOW - 90) }),
      event({ note: 'again', eventTime: timeAt(NOW - 900), series: { count: 4, lastObservedTime: timeAt(NOW - 5) } }),
      event({ note: 'new', eventTime: timeAt(NOW - 30) }),
    ],
  })
  assert.deepEqual(
    events.map(({ note, count }) => [note, count]),
    [
      ['again', 4],
      ['new', 1],
      ['old', 1],
    ],
  )
})

test('remedies are for reasons that there are', () => {
  assert.deepEqual(
    Object.keys(nodeRemedies).filter(reason => !(reason in nodeReasons)),
    [],
  )
  assert.deepEqual(
    Object.keys(poolRemedies).filter(reason => !(reason in poolReasons)),
    [],
  )
  assert.deepEqual(
    Object.keys(autoscalerRemedies).filter(reason => !(reason in autoscalerReasons)),
    [],
  )
})
