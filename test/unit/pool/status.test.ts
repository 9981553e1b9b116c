// What a pool tells of itself, to people, to `kubectl wait` and to GitOps tools.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plan } from '../../../operator/pool/plan.ts'
import type { Plan } from '../../../operator/pool/view.ts'
import { aNode, aPool, at, aView, conditionIn, NOW, nodes, planFor, timeAt, towards, unknown, V1, V2 } from './build.ts'

const spoken = (planned: Plan, type: string): string => {
  const { status, reason, message } = conditionIn(planned, type)
  return `${status} ${reason}: ${message}`
}
const withLoad = (name: string, sessions: number) => {
  const member = aNode(name)
  const { status } = member.node
  assert.ok(status !== undefined)
  return { ...member, node: { ...member.node, status: { ...status, load: { sessions, observedAt: timeAt(NOW) } } } }
}

test('a pool at rest is complete, available and well, and is written once', () => {
  const planned = planFor(aPool(3), nodes(3))
  assert.equal(spoken(planned, 'Progressing'), 'True Complete: 3 of 3 open')
  assert.equal(spoken(planned, 'Available'), 'True EnoughOpen: 3 open, 3 are enough')
  assert.equal(spoken(planned, 'Degraded'), 'False AllWell: no node is unwell')
  assert.equal(conditionIn(planned, 'ScalingInhibited').status, 'False')
  assert.equal(conditionIn(planned, 'Reconciling').status, 'False')
  assert.equal(conditionIn(planned, 'Stalled').status, 'False')
  const written = { ...aPool(3), status: planned.status }
  for (const seconds of [1, 1_000, 100_000]) {
    assert.deepEqual(plan(aView(written, nodes(3), { now: at(NOW + seconds) })).status, planned.status)
  }
  assert.equal(planned.lookAgainMs, undefined)
})

test('a pool that grows tells how far it is', () => {
  const planned = planFor(aPool(5), [...nodes(3), ...nodes(2, { phase: 'Pending' }, 'new')])
  assert.equal(spoken(planned, 'Progressing'), 'True ScalingOut: 3 of 5 open; 2 starting')
  assert.equal(spoken(planned, 'Available'), 'False TooFewOpen: 3 open, 5 needed')
  assert.equal(conditionIn(planned, 'Reconciling').status, 'True')
})

test('a pool that shrinks is where it shall be as soon as the others are closed, and tells that they empty', () => {
  const closed = aNode('n9', { sessions: 2, closed: { by: 'ScaleIn', deadline: NOW + 60 } })
  const planned = planFor(aPool(3), [...nodes(3), closed])
  assert.equal(spoken(planned, 'Progressing'), 'True ScalingIn: 3 of 3 open; 1 draining')
  assert.equal(conditionIn(planned, 'Reconciling').status, 'False')
  const { replicas, openReplicas, readyReplicas, drainingReplicas } = planned.status
  assert.deepEqual([replicas, openReplicas, readyReplicas, drainingReplicas], [3, 3, 4, 1])
})

test('a pool that rolls out tells how many are updated', () => {
  const members = [...nodes(3, { revision: V1 }), aNode('new', { revision: V2, phase: 'Pending' })]
  const planned = planFor(aPool(3, { status: { updateRevision: V2 } }), members, towards(V2))
  assert.equal(spoken(planned, 'Progressing'), 'True RollingOut: 3 of 3 open; 1 starting; 1 of 4 updated')
  assert.equal(planned.status.updateRevision, V2)
})

test('a complete pool whose node is unwell stays complete, and is degraded', () => {
  const planned = planFor(aPool(2), [aNode('n1'), aNode('n2', { unready: 'TelemetryLost', registration: unknown })])
  assert.equal(spoken(planned, 'Progressing'), 'True Complete: 1 of 2 open')
  assert.equal(spoken(planned, 'Degraded'), 'True NodesUnwell: 1 node unwell')
  assert.equal(conditionIn(planned, 'Available').status, 'False')
})

test('maxUnavailable says how many open nodes are enough', () => {
  const planned = planFor(aPool(4, { unavailable: '25%' }), nodes(3))
  assert.equal(spoken(planned, 'Available'), 'True EnoughOpen: 3 open, 3 are enough')
})

test('the observed generation is the one that was judged', () => {
  assert.equal(
    planFor(aPool(1, { generation: 7, status: { observedGeneration: 6 } }), nodes(1)).status.observedGeneration,
    7,
  )
})

test('sessions are told coarsely: a tenth more or less is no news, none is', () => {
  const after = (before: number | undefined, sessions: number) =>
    planFor(aPool(1, { status: before === undefined ? {} : { sessions: before } }), [withLoad('n1', sessions)]).status
      .sessions
  assert.equal(after(undefined, 7), 7)
  assert.equal(after(100, 109), 100)
  assert.equal(after(100, 112), 112)
  assert.equal(after(1, 0), 0)
  assert.equal(planFor(aPool(1), nodes(1)).status.sessions, undefined)
})

test('an HPA finds the pods by the label of the pool', () => {
  assert.equal(planFor(aPool(1), []).status.selector, 'rtcnode.io/pool=eu')
})

test('nodes that were adopted tell which revision went before', () => {
  const { status, ...pool } = aPool(2)
  assert.ok(status !== undefined)
  const { currentRevision, ...fresh } = status
  assert.equal(currentRevision, V1)
  assert.equal(planFor({ ...pool, status: fresh }, nodes(2, { revision: V1 }), towards(V2)).status.currentRevision, V1)
  assert.equal(planFor({ ...pool, status: fresh }, [], towards(V2)).status.currentRevision, undefined)
  assert.equal(planFor({ ...pool, status: fresh }, nodes(2, { revision: V2 }), towards(V2)).status.currentRevision, V2)
})

test('an API server that refuses for too long needs somebody', () => {
  const createRefused = { message: 'exceeded quota', retryInMs: 1_000 }
  const tried = (progressAt: number) =>
    planFor(aPool(2, { status: { progressAt: timeAt(progressAt) } }), nodes(1), { createRefused })
  assert.equal(conditionIn(tried(NOW - 599), 'Stalled').status, 'False')
  assert.equal(conditionIn(tried(NOW - 600), 'Stalled').status, 'True')
  assert.equal(tried(NOW - 600).because, 'CreateRefused')
})

test('progress is told once for a node that comes up, not with every look while it is not ready for long enough', () => {
  const pool = aPool(2, { spec: { minReadySeconds: 30 }, status: { progressAt: timeAt(NOW - 300) } })
  const members = [aNode('n1'), aNode('n2', { readySince: NOW - 20 })]
  const lookAt = (seconds: number, written = pool) => plan(aView(written, members, { now: at(NOW + seconds) })).status
  const once = lookAt(0)
  assert.equal(once.progressAt, timeAt(NOW - 20))
  for (const seconds of [1, 5, 9]) assert.deepEqual(lookAt(seconds, { ...pool, status: once }), once)
  assert.equal(lookAt(10, { ...pool, status: once }).progressAt, timeAt(NOW + 10))
})

test('an API server whose clock steps back by ten minutes makes no status that is written again and again', () => {
  for (const minReadySeconds of [0, 30]) {
    const pool = aPool(2, { spec: { minReadySeconds }, status: { progressAt: timeAt(NOW - 1) } })
    const lookAt = (seconds: number, written = pool) =>
      plan(aView(written, nodes(2, { readySince: NOW }), { now: at(NOW - 600 + seconds) })).status
    const once = { ...pool, status: lookAt(0) }
    for (const seconds of [1, 60, 500]) assert.deepEqual(lookAt(seconds, once), once.status)
  }
})

test('a pool that several would scale says which; once that is over it says so; before, it says nothing of it', () => {
  const types = ({ status }: Plan) => status.conditions?.map(({ type }) => type)
  assert.equal(types(planFor(aPool(1), nodes(1)))?.includes('Contested'), false)
  const contestedBy = ['RTCAutoscaler “a”', 'HorizontalPodAutoscaler “b”']
  const contested = plan(aView(aPool(1), nodes(1), { contestedBy }))
  const who = 'RTCAutoscaler “a” and HorizontalPodAutoscaler “b” set its replicas; keep one of them'
  assert.match(spoken(contested, 'Contested'), new RegExp(`^True SeveralScalers: ${who}`))
  assert.equal(spoken(contested, 'Progressing'), 'True Complete: 1 of 1 open')
  const calm = plan(aView({ ...aPool(1), status: contested.status }, nodes(1)))
  assert.equal(spoken(calm, 'Contested'), 'False OneScaler: nothing pulls at its replicas')
})
