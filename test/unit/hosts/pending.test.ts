// Why a pod has no host yet: what scheduler, Cluster Autoscaler and Karpenter say, row by row, and what holds whatever they say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { toTimestamp } from '../../../operator/ambient/clock.ts'
import {
  claimIn,
  HOST_COMES_WITHIN_MS,
  type MakerEvent,
  type NoHost,
  noHost,
} from '../../../operator/cluster/pending.ts'
import { at, failedScheduling, nominated, notTriggered, refused, said, triggered } from './said.ts'

const PORTS =
  "0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."

interface Row {
  readonly moment: string
  readonly events?: readonly MakerEvent[]
  readonly scheduler?: string
  /** Seconds after T0; default 30. */
  readonly now?: number
  readonly because: NoHost['because']
  readonly says: RegExp
  readonly lookAgainMs?: number
}

const rows: readonly Row[] = [
  {
    moment: 'nobody makes hosts',
    because: 'WaitingForHost',
    says: /^0\/2 nodes .* free ports for the requested pod ports\.?; what helps: more hosts: with host ports/,
  },
  {
    moment: 'the scheduler names two reasons',
    scheduler: '0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {dedicated: gpu}.',
    because: 'WaitingForHost',
    says: /smaller requests in the class; a toleration/,
  },
  {
    moment: 'the scheduler says nothing',
    scheduler: '',
    because: 'WaitingForHost',
    says: /no host can take the pod.*more hosts/,
  },
  {
    moment: 'the scheduler’s own event comes along',
    events: [failedScheduling(1, 'default-scheduler')],
    because: 'WaitingForHost',
    says: /0\/2 nodes/,
  },
  {
    moment: 'Cluster Autoscaler has ordered a host',
    events: [triggered(10)],
    because: 'HostRequested',
    says: /^Cluster Autoscaler makes a host: .*sfu 1->2/,
    lookAgainMs: HOST_COMES_WITHIN_MS - 20_000,
  },
  {
    moment: 'Cluster Autoscaler has ordered a host a quarter of an hour ago',
    events: [triggered(10)],
    now: 10 + HOST_COMES_WITHIN_MS / 1_000,
    because: 'HostUnavailable',
    says: /none came within 15 min.*the scheduler says: 0\/2/,
  },
  {
    moment: 'its node group is as large as it may be',
    events: [notTriggered(10)],
    because: 'HostUnavailable',
    says: /cannot make a host: .*max node group size reached; what helps: a higher limit/,
  },
  {
    moment: 'it has backed off, because the cloud had none',
    events: [triggered(1), notTriggered(20, '1 in backoff after failed scale-up')],
    because: 'HostUnavailable',
    says: /more zones or kinds of hosts/,
  },
  {
    moment: 'no hosts of its groups would fit',
    events: [notTriggered(10, "1 node(s) didn't match Pod's node affinity/selector")],
    because: 'HostUnavailable',
    says: /whose hosts fit the requests, labels and tolerations/,
  },
  {
    moment: 'what it refused at first it has ordered now: the first word was not its last',
    events: [notTriggered(1), triggered(20)],
    because: 'HostRequested',
    says: /sfu 1->2/,
  },
  {
    moment: 'Karpenter has promised a NodeClaim',
    events: [nominated(10)],
    because: 'HostRequested',
    says: /^Karpenter .*sfu-abcde/,
  },
  {
    moment: 'Karpenter finds no NodePool for it',
    events: [failedScheduling(10)],
    because: 'HostUnavailable',
    says: /exceed limits.*what helps: a higher limit of the node group or NodePool/,
  },
  {
    moment: 'Karpenter of EKS Auto Mode finds none',
    events: [failedScheduling(10, 'eks-auto-mode/compute')],
    because: 'HostUnavailable',
    says: /^Karpenter cannot/,
  },
  {
    moment: 'the cloud refused the NodeClaim, in the second of the promise',
    events: [nominated(10), refused(10)],
    because: 'HostUnavailable',
    says: /InsufficientInstanceCapacity.*more zones/,
  },
  {
    moment: 'and another NodeClaim was promised at once, which may be refused as well',
    events: [nominated(10), refused(12), nominated(14, 'sfu-fghij')],
    because: 'HostUnavailable',
    says: /InsufficientInstanceCapacity/,
    lookAgainMs: 44_000,
  },
  {
    moment: 'the other NodeClaim has stood for a minute',
    events: [nominated(10), refused(12), nominated(14, 'sfu-fghij')],
    now: 74,
    because: 'HostRequested',
    says: /sfu-fghij/,
  },
  {
    moment: 'one of two makers makes a host',
    events: [notTriggered(20), nominated(10)],
    because: 'HostRequested',
    says: /^Karpenter/,
  },
  {
    moment: 'a quota is in the way',
    events: [notTriggered(10, '1 exceeded quota: cpu')],
    because: 'HostUnavailable',
    says: /a larger quota/,
  },
  {
    moment: 'a clock is a year ahead: its time does not count, and the order ends all the same',
    events: [said('TriggeredScaleUp', 10, { over: { lastTimestamp: '2031-01-01T00:00:00Z' } })],
    now: 10 + HOST_COMES_WITHIN_MS / 1_000,
    because: 'HostUnavailable',
    says: /none came/,
  },
  {
    moment: 'a repeated order counts from its last time',
    events: [
      said('TriggeredScaleUp', 10, {
        over: { lastTimestamp: null, series: { lastObservedTime: toTimestamp(at(600)) } },
      }),
    ],
    now: 920,
    because: 'HostRequested',
    says: /Cluster Autoscaler/,
  },
  {
    moment: 'an event has no words',
    events: [said('NotTriggerScaleUp', 1, { over: { message: '' } })],
    because: 'HostUnavailable',
    says: /see its log/,
  },
  {
    moment: 'somebody else says something',
    events: [said('Preempted', 1)],
    because: 'WaitingForHost',
    says: /free ports/,
  },
]

for (const { moment, events = [], scheduler = PORTS, now = 30, because, says, lookAgainMs } of rows) {
  test(`${moment}: ${because}`, () => {
    const verdict = noHost(scheduler, events, at(now))
    assert.equal(verdict.because, because, verdict.message)
    assert.match(verdict.message, says)
    assert.doesNotMatch(verdict.message, /preemption/)
    if (lookAgainMs !== undefined) assert.equal(verdict.lookAgainMs, lookAgainMs)
  })
}

test('a promise names its NodeClaim; one of a host that is there already names none', () => {
  assert.equal(claimIn(nominated(1)), 'sfu-abcde')
  assert.equal(claimIn(said('Nominated', 1, { message: 'Pod should schedule on: node/host-1' })), undefined)
  assert.equal(claimIn(said('Other', 1, { message: 'nodeclaim/x' })), undefined)
})

const time = fc.oneof(
  fc.constantFrom(null, 'soon', '', '2031-01-01T00:00:00Z'),
  fc.integer({ min: 0, max: 2_000 }).map(s => toTimestamp(at(s))),
)
const anyEvent: fc.Arbitrary<MakerEvent> = fc
  .record({
    reason: fc.constantFrom(
      'TriggeredScaleUp',
      'NotTriggerScaleUp',
      'Nominated',
      'FailedScheduling',
      'InsufficientCapacityError',
      'Killing',
    ),
    seconds: fc.integer({ min: 0, max: 2_000 }),
    by: fc.constantFrom('karpenter', 'cluster-autoscaler', 'default-scheduler', ''),
    message: fc.oneof(fc.string({ maxLength: 2_000 }), fc.constant('Pod should schedule on: nodeclaim/a')),
    lastTimestamp: time,
    eventTime: time,
  })
  .map(({ reason, seconds, by, message, ...times }) => said(reason, seconds, { by, message, over: times }))
const anyEvents = fc.array(anyEvent, { maxLength: 6 })
const anyNow = fc.integer({ min: 0, max: 4_000 }).map(at)

test('whatever is said, there is an answer with a short sentence, and no order is believed for ever', () => {
  fc.assert(
    fc.property(fc.option(fc.string(), { nil: undefined }), anyEvents, anyNow, (scheduler, events, now) => {
      const { because, message, lookAgainMs } = noHost(scheduler, events, now)
      assert.ok(message.length > 0 && message.length < 2_048)
      if (because === 'HostRequested') assert.ok(lookAgainMs !== undefined && lookAgainMs > 0)
      const muchLater = at(4_000 + 2 * HOST_COMES_WITHIN_MS)
      assert.notEqual(noHost(scheduler, events, muchLater).because, 'HostRequested')
    }),
  )
})

test('the order in which events come makes no difference', () => {
  fc.assert(
    fc.property(anyEvents, anyNow, (events, now) => {
      assert.deepEqual(noHost(PORTS, events.toReversed(), now), noHost(PORTS, events, now))
    }),
  )
})

test('while nothing happens the answer changes only when it is to be looked at again', () => {
  fc.assert(
    fc.property(anyEvents, anyNow, fc.integer({ min: 1, max: 2_000_000 }), (events, now, ms) => {
      const { lookAgainMs = Number.POSITIVE_INFINITY, ...verdict } = noHost(PORTS, events, now)
      fc.pre(ms < lookAgainMs)
      // What was told for a time to come begins to count when it comes.
      fc.pre(events.every(event => times(event).every(told => told <= now || told > now + ms)))
      const { lookAgainMs: _, ...later } = noHost(PORTS, events, at((now - at(0) + ms) / 1_000))
      assert.deepEqual(later, verdict)
    }),
  )
})

const times = ({ metadata, lastTimestamp, eventTime }: MakerEvent): number[] =>
  [metadata.creationTimestamp, lastTimestamp, eventTime]
    .map(text => Date.parse(text ?? ''))
    .filter(ms => !Number.isNaN(ms))
