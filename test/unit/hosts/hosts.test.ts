// The live view: what hosts announce as it is now, and who is told when it changes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Host } from '../../../operator/api/core.ts'
import { keyOf, type ObjectKey, type Uid } from '../../../operator/api/meta.ts'
import {
  type HostEvent,
  hostEventIndexes,
  keptOfHostEvent,
  keptOfNodeClaim,
  type NodeClaim,
  nodeClaimIndexes,
} from '../../../operator/cluster/host-view.ts'
import { hostSignals } from '../../../operator/cluster/hosts.ts'
import { disruptionOf } from '../../../operator/cluster/judge.ts'
import { rulesWith } from '../../../operator/cluster/rules.ts'
import { builtInRules, type Rule } from '../../../operator/cluster/signals.ts'
import { fakeCache } from '../fake-cache.ts'
import { fakeClock } from '../fake-clock.ts'
import { aClaim, aCondition, aHost, anEvent, aTaint, at, NOW, seen, unixAt } from './build.ts'

function rig(rules: readonly Rule[] = builtInRules) {
  const clock = fakeClock(NOW)
  const hosts = fakeCache<Host>()
  const claims = fakeCache<NodeClaim>(nodeClaimIndexes)
  const events = fakeCache<HostEvent>(hostEventIndexes)
  const signals = hostSignals({
    hostCache: hosts.cache,
    nodeClaimCache: claims.cache,
    hostEventCache: events.cache,
    rules,
    clock,
    serverClock: { now: () => clock.wall() },
  })
  const told: string[] = []
  signals.onChange(name => told.push(`${name} ${signals.of(name)?.reason ?? 'stays'}`))
  return { clock, hosts, claims, events, signals, told }
}
const key = (name: string): ObjectKey => name as ObjectKey

test('a taint is told when it comes and when it goes, and nothing of it is left', () => {
  const { hosts, signals, told } = rig()
  hosts.put(aHost())
  hosts.put(aHost({ taints: [aTaint('karpenter.sh/disrupted')] }))
  assert.equal(signals.of('h')?.kind, 'Planned')
  hosts.put(aHost())
  assert.equal(signals.of('h'), undefined)
  assert.deepEqual(told, ['h KarpenterDisruption', 'h stays'])
})

test('what a host writes all the time is no news, and the answer is the same object', () => {
  const { hosts, signals, told } = rig()
  const taints = [aTaint('ToBeDeletedByClusterAutoscaler', { value: unixAt(-9) })]
  hosts.put(aHost({ taints }))
  const first = signals.of('h')
  for (const seconds of [-30, -20, -10]) {
    hosts.put(aHost({ taints, conditions: [aCondition('Ready', { lastTransitionTime: at(seconds) })] }))
  }
  assert.equal(signals.of('h'), first)
  assert.deepEqual(told, ['h ClusterAutoscalerRemoval'])
})

test('a host that was never seen is unknown; one that went is gone, until it is back or an hour is over', async () => {
  const { clock, hosts, signals, told } = rig()
  assert.equal(signals.of('h'), undefined)
  hosts.put(aHost())
  hosts.remove(key('h'))
  assert.deepEqual([signals.of('h')?.kind, signals.of('h')?.since], ['Imminent', NOW])
  hosts.put(aHost())
  assert.equal(signals.of('h'), undefined)
  hosts.remove(key('h'))
  await clock.advance(3_620_000)
  assert.deepEqual([signals.of('h'), clock.pending], [undefined, 0])
  assert.deepEqual(told, ['h HostGone', 'h stays', 'h HostGone', 'h stays'])
})

test('a taint of people’s own that does not tell when it came is as old as it has been seen', async () => {
  const signal = { source: 'taint', key: 'example.com/maintenance' } as const
  const own = { signal, kind: 'Planned', reason: 'Maintenance', by: 'our tool', leadSeconds: 900 } as const
  const { clock, hosts, signals } = rig(rulesWith([own]))
  const tainted = () => hosts.put(aHost({ taints: [aTaint(signal.key)] }))
  const deadlineIn = () => ((signals.of('h')?.deadline ?? Number.NaN) - NOW) / 1_000
  tainted()
  assert.equal(deadlineIn(), 900)
  await clock.advance(60_000)
  tainted()
  assert.equal(deadlineIn(), 900)
  hosts.put(aHost())
  tainted()
  assert.equal(deadlineIn(), 960)
  await clock.advance(60_000)
  hosts.put(aHost({ taints: [aTaint(signal.key)], metadata: { uid: 'another' as Uid } }))
  assert.equal(deadlineIn(), 1_020)
})

test('another host of the same name has nothing of the one before', () => {
  const { hosts, signals } = rig()
  hosts.put(aHost({ unschedulable: true }))
  hosts.put(aHost({ metadata: { uid: 'another' as Uid } }))
  assert.equal(signals.of('h'), undefined)
})

test('a NodeClaim counts from when it has a host', () => {
  const { hosts, claims, signals } = rig()
  hosts.put(aHost())
  claims.put(aClaim({ deletedAt: -5 }))
  assert.equal(signals.of('h'), undefined)
  claims.put(aClaim({ deletedAt: -5, nodeName: 'h' }))
  assert.equal(signals.of('h')?.reason, 'NodeClaimDeleted')
  claims.remove(key('claim'))
  assert.equal(signals.of('h'), undefined)
})

test('a NodeClaim that comes before its host is seen with it', () => {
  const { hosts, claims, signals, told } = rig()
  claims.put(aClaim({ nodeName: 'h', deletedAt: -5 }))
  assert.equal(signals.of('h'), undefined)
  hosts.put(aHost())
  assert.equal(signals.of('h')?.reason, 'NodeClaimDeleted')
  assert.deepEqual(told, ['h NodeClaimDeleted'])
})

test('an event becomes too old by itself, and that is told', async () => {
  const { clock, hosts, events, signals, told } = rig()
  hosts.put(aHost())
  events.put(anEvent('SpotInterrupted', -5))
  events.put(anEvent('NodeReady', -5))
  assert.equal(signals.of('h')?.kind, 'Imminent')
  await clock.advance(610_000)
  assert.equal(signals.of('h'), undefined)
  assert.deepEqual(told, ['h SpotInterruption', 'h stays'])
})

test('what happens to one host is no matter of another', () => {
  const { hosts, signals, told } = rig()
  hosts.put(aHost())
  hosts.put(aHost({ unschedulable: true }, 'other'))
  assert.equal(signals.of('h'), undefined)
  assert.deepEqual(told, ['other Cordoned'])
})

test('a thousand hosts tainted at once are told once each', () => {
  const { hosts, signals, told } = rig()
  const names = Array.from({ length: 1_000 }, (_, index) => `h-${index}`)
  for (const host of names) hosts.put(aHost({}, host))
  for (const host of names) hosts.put(aHost({ taints: [aTaint('karpenter.sh/disrupted')] }, host))
  assert.deepEqual(
    told,
    names.map(host => `${host} KarpenterDisruption`),
  )
  assert.ok(names.every(host => signals.of(host)?.kind === 'Planned'))
})

test('what is kept of NodeClaims and Events is enough to judge them by', () => {
  const claim = aClaim({ nodeName: 'h', deletedAt: -5, deadline: at(600), conditions: [aCondition('Drifted')] })
  const event = anEvent('SpotInterrupted', -5)
  const whole = disruptionOf(seen(aHost(), [claim], [event]), builtInRules, NOW)
  const kept = seen(aHost(), [keptOfNodeClaim(claim)], [keptOfHostEvent(event)])
  assert.deepEqual(disruptionOf(kept, builtInRules, NOW), whole)
  assert.deepEqual(hostEventIndexes['host']?.(keptOfHostEvent(event)), ['h'])
})

test('it is ready when all that it reads is, and not while any of it is unread', () => {
  const { hosts, claims, events, signals } = rig()
  for (const unread of [hosts, claims, events]) {
    unread.setSynced(false)
    assert.equal(signals.ready(), false)
    unread.setSynced(true)
  }
  assert.equal(signals.ready(), true)
})

// Laws

const taintKeys = [
  'ToBeDeletedByClusterAutoscaler',
  'DeletionCandidateOfClusterAutoscaler',
  'karpenter.sh/disrupted',
  'aws-node-termination-handler/spot-itn',
  'dedicated',
]
const name = fc.constantFrom('a', 'b')
const someStep = fc.oneof(
  fc.record({
    do: fc.constant('host' as const),
    name,
    taints: fc.subarray(taintKeys),
    unschedulable: fc.boolean(),
    conditions: fc.subarray(['DrainInProgress', 'MaintenancePlanned', 'Ready']),
  }),
  fc.record({ do: fc.constant('remove host' as const), name }),
  fc.record({
    do: fc.constant('claim' as const),
    claim: fc.constantFrom('c1', 'c2'),
    nodeName: fc.option(name, { nil: undefined }),
    conditions: fc.subarray(['DisruptionReason', 'Drifted', 'InstanceTerminating']),
  }),
  fc.record({ do: fc.constant('remove claim' as const), claim: fc.constantFrom('c1', 'c2') }),
  fc.record({
    do: fc.constant('event' as const),
    name,
    reason: fc.constantFrom('SpotInterrupted', 'ScaleDown', 'NodeReady'),
  }),
  fc.record({ do: fc.constant('forget events' as const), name }),
)
type Step = typeof someStep extends fc.Arbitrary<infer T> ? T : never

function take(step: Step, { hosts, claims, events }: ReturnType<typeof rig>): void {
  switch (step.do) {
    case 'host': {
      const taints = step.taints.map(it => aTaint(it, { value: unixAt(-20) }))
      const conditions = step.conditions.map(type => aCondition(type))
      return hosts.put(aHost({ taints, unschedulable: step.unschedulable, conditions }, step.name))
    }
    case 'remove host':
      return hosts.remove(key(step.name))
    case 'claim': {
      const conditions = step.conditions.map(type => aCondition(type))
      const nodeName = step.nodeName === undefined ? {} : { nodeName: step.nodeName }
      return claims.put(aClaim({ conditions, ...nodeName }, step.claim))
    }
    case 'remove claim':
      return claims.remove(key(step.claim))
    case 'event':
      return events.put(anEvent(step.reason, -5, step.name, `${step.name}-${step.reason.toLowerCase()}`))
    case 'forget events':
      for (const event of events.cache.list()) if (event.involvedObject.name === step.name) events.remove(keyOf(event))
  }
}

test('law: no order of what came and went leaves anything behind, and whoever listens knows all of it', () => {
  fc.assert(
    fc.property(fc.array(someStep, { maxLength: 30 }), steps => {
      const all = rig()
      const { hosts, claims, events, signals } = all
      const heard = new Map<string, unknown>()
      signals.onChange(host => heard.set(host, signals.of(host)))
      for (const it of steps) take(it, all)
      for (const host of ['a', 'b']) {
        const now = hosts.cache.get(key(host))
        const ofHost = [...claims.cache.list()].filter(({ status }) => status?.nodeName === host)
        const said = [...events.cache.list()].filter(({ involvedObject }) => involvedObject.name === host)
        const found = signals.of(host)
        if (now === undefined) assert.ok(found === undefined || found.reason === 'HostGone')
        else assert.deepEqual(found, disruptionOf(seen(now, ofHost, said), builtInRules, NOW))
        assert.equal(heard.get(host), found)
      }
      // All is taken back, last of all the events.
      for (const host of ['a', 'b']) hosts.put(aHost({}, host))
      for (const claim of claims.cache.list()) claims.remove(keyOf(claim))
      for (const event of events.cache.list()) events.remove(keyOf(event))
      assert.deepEqual([signals.of('a'), signals.of('b')], [undefined, undefined])
    }),
    { numRuns: Number(process.env['RTCNODE_RUNS'] ?? 500) },
  )
})
