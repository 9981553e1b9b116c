// Hostile values in the place of heartbeats and intents: each is unknown and counted, and nobody who judges by it shrinks,
// kills, opens, or forgets what was decided; and none of it piles up.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Act, decide as decideAsAgent, initialStance, type Stance } from '../../../operator/agent/decide.ts'
import { monotonic } from '../../../operator/ambient/clock.ts'
import { objectKey } from '../../../operator/api/meta.ts'
import type { Decision } from '../../../operator/lifecycle/decision.ts'
import { fullyOpen } from '../../../operator/load/admission.ts'
import type { FleetView } from '../../../operator/registry/fleet.ts'
import type { KnownIntent, Registration } from '../../../operator/registry/registration.ts'
import type { MetricRegistry } from '../../../operator/telemetry/metrics.ts'
import * as lifecycle from '../lifecycle/build.ts'
import * as pool from '../pool/build.ts'
import { goodBeat, hostileValues } from './hostile-values.ts'
import type { ScriptedRegistry } from './scripted-registry.ts'
import { watchedView } from './watched-view.ts'

const node = objectKey('sfu-1', 'media')
const KEY = '/sfu/nodes/media/sfu-1'
const INTENT = '/sfu/intents/media/sfu-1'

let etcd: ScriptedRegistry
let view: FleetView
let metrics: MetricRegistry
let stop: () => Promise<void>
beforeEach(async () => {
  ;({ etcd, view, metrics, stop } = await watchedView())
})
afterEach(() => stop())

async function rejectedSoFar(): Promise<number> {
  const found = await metrics.getSingleMetric('rtcnode_registry_rejected_values_total')?.get()
  return found?.values.reduce((sum, { value }) => sum + value, 0) ?? 0
}

test('there are two hundred of them, each another', () => {
  assert.ok(hostileValues.length >= 200, `${hostileValues.length}`)
  assert.equal(new Set(hostileValues.map(({ bytes }) => bytes.toString('latin1'))).size, hostileValues.length)
})

test('as a heartbeat: unknown, counted, and harmless to node and pool; the next good one heals', async () => {
  let seq = 0
  const beat = (): number => etcd.put(KEY, { ...goodBeat, podUID: lifecycle.POD_UID, seq: (seq += 1) })
  for (const { name, bytes } of hostileValues) {
    beat()
    assert.equal(view.registration(node).state, 'fresh', name)
    const before = await rejectedSoFar()
    etcd.put(KEY, bytes)
    const seen = view.registration(node)
    assert.ok(seen.state === 'rejected', `${name}: ${seen.state}`)
    assert.ok(seen.because.length > 0 && seen.because.length <= 200, name)
    assert.equal(await rejectedSoFar(), before + 1, name)
    assert.deepEqual([view.health().keys, view.health().rejectedValues], [1, 1], name)
    doesNoHarm(name, seen)
  }
  beat()
  assert.equal(view.registration(node).state, 'fresh')
  assert.equal(view.health().rejectedValues, 0)
})

/** What the operator would do about the node, in each situation in which a wrong word could cost somebody a call. */
function doesNoHarm(name: string, registration: Registration): void {
  const { aRunningNode, aDrainingNode, aNode, aPod, seenServing, decideAt, told, toldTo } = lifecycle
  const spared = (act: Decision['act']) =>
    assert.ok(
      act === undefined || !['delete-pod', 'delete-node', 'release-finalizer'].includes(act.do),
      `${name}: ${act?.do}`,
    )

  const running = decideAt(5_000, aRunningNode(), seenServing({ registration }))
  spared(running.act)
  assert.equal(lifecycle.readyOf(running)?.reason, 'TelemetryLost', name)

  const closed = told({ admission: 'closed', weight: 0 })
  const cordoned = decideAt(
    5_000,
    aRunningNode({ spec: { cordoned: true } }),
    seenServing({ registration, intent: closed }),
  )
  assert.equal(cordoned.act, undefined, `${name}: it stays closed`)
  const load = { ...fullyOpen, admission: 'closed', weight: 0, tier: 'shed' } as const
  const shedding = decideAt(5_000, aRunningNode(), seenServing({ registration, load, intent: told({ ...load }) }))
  assert.equal(shedding.act, undefined, `${name}: it stays closed`)

  const draining = decideAt(150, aDrainingNode(), seenServing({ registration, intent: toldTo('wait') }))
  spared(draining.act)
  assert.equal(draining.status.drain?.deadline, lifecycle.DRAIN.deadline, name)

  const starting = decideAt(20, aNode(), seenServing({ pod: aPod(), registration }))
  assert.notEqual(starting.status.phase, 'Running', name)
  spared(starting.act)

  const byScaleIn = { by: 'ScaleIn', deadline: pool.NOW + 600 } as const
  const lost = { registration, unready: 'TelemetryLost', sessions: 7 }
  const emptying = pool.planFor(pool.aPool(0), [pool.aNode('n1', { ...lost, closed: byScaleIn })])
  assert.equal(pool.told(emptying), 'nothing', `${name}: nobody knows that it is empty`)
}

test('as an intent: unreadable and counted; the agent does what it was told before, and the operator takes nothing for granted', async () => {
  const draining: Stance = {
    ...initialStance,
    admission: 'closed',
    ackIntent: 7,
    drain: { reason: 'Deleted', deadline: '2030-01-01T00:00:00Z', stage: 'wait' },
  }
  const open: Stance = { ...initialStance, admission: 'open', ackIntent: 7 }
  const sfu = { state: 'answers', takenAt: monotonic(0), sessions: 7, rooms: 2 } as const
  const actsOf = (stance: Stance, intent: KnownIntent): readonly Act['do'][] =>
    decideAsAgent(stance, { intent, sfu }, 'pod-1', monotonic(1_000)).acts.map(act => act.do)
  for (const { name, bytes } of hostileValues) {
    const before = await rejectedSoFar()
    etcd.put(INTENT, bytes, '0')
    const intent = view.intent(node)
    assert.equal(intent.state, 'unreadable', name)
    assert.equal(await rejectedSoFar(), before + 1, name)
    for (const act of ['open-admission', 'evict', 'leave'] as const) {
      assert.ok(!actsOf(draining, intent).includes(act), `${name}: ${act}`)
      assert.ok(!actsOf(open, intent).includes(act), `${name}: ${act}`)
    }
    const decision = decideAsAgent(draining, { intent, sfu }, 'pod-1', monotonic(1_000))
    assert.deepEqual([decision.state, decision.stance.drain], ['draining', draining.drain], name)
  }
})

test('as a flag: at most 256 bytes of it are kept, and it is nothing but text', () => {
  for (const { name, bytes } of hostileValues) {
    etcd.put('/sfu/flags/pause', bytes, '0')
    assert.ok((view.flag('pause') ?? '').length <= 256, name)
  }
})

const hostileKeys = [
  '/sfu/nodes/media/',
  '/sfu/nodes//sfu-1',
  '/sfu/nodes/media/../other/sfu-1',
  '/sfu/nodes/media/sfu-1/deeper',
  '/sfu/nodes/MEDIA/sfu-1',
  '/sfu/nodes/media/sfu_1',
  '/sfu/nodes/media/\u0000',
  '/sfu/nodes/__proto__/constructor',
  `/sfu/nodes/media/${'x'.repeat(254)}`,
  `/sfu/nodes/${'x'.repeat(64)}/sfu-1`,
  '/sfu/intents/media',
  '/sfu/flags/../leader',
  '/sfu/unheard-of/media/sfu-1',
  '/sfuu/nodes/media/sfu-1',
]

test('under hostile keys: no node, nothing kept, nobody told', () => {
  const told: unknown[] = []
  view.onChange(key => told.push(key))
  for (const key of hostileKeys) {
    etcd.put(key, goodBeat)
    etcd.remove(key)
  }
  assert.equal(view.health().keys, 0)
  assert.deepEqual(told, [])
})

test('twenty thousand of them leave no more behind than one', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const small = hostileValues.filter(({ bytes }) => bytes.length < 2_000)
  const flood = (rounds: number): void => {
    for (let n = 0; n < rounds; n += 1) etcd.put(KEY, small[n % small.length]?.bytes)
  }
  const used = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  flood(2_000)
  const before = used()
  flood(20_000)
  const grownMiB = (used() - before) / 1024 / 1024
  assert.ok(grownMiB < 3, `grew by ${grownMiB.toFixed(1)} MiB`)
})
