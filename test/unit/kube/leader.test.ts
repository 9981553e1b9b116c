// The law of leader election, held against lossy and slow networks and processes that are paused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Clock, later } from '../../../operator/ambient/clock.ts'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { leaderElection } from '../../../operator/kube/leader.ts'
import { kubeMetrics } from '../../../operator/kube/metrics.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { fakeClock } from '../fake-clock.ts'
import { type Fate, simulatedLease } from './simulated-lease.ts'

const quick: Fate = { thereMs: 1, backMs: 1 }
const second = 1_000

/** A time in which the calls of one process fare badly. */
interface BadSpell {
  fromMs: number
  lengthMs: number
  fate: Fate
}

const badFate: fc.Arbitrary<Fate> = fc.oneof(
  fc.record({ thereMs: fc.integer({ min: 0, max: 9_000 }), backMs: fc.integer({ min: 0, max: 3_000 }) }),
  fc.constantFrom<Fate>({ thereMs: 1, backMs: 1, lost: 'call' }, { thereMs: 1, backMs: 1, lost: 'answer' }),
)
const badSpells: fc.Arbitrary<BadSpell[]> = fc.array(
  fc.record({
    fromMs: fc.integer({ min: 0, max: 100_000 }),
    lengthMs: fc.integer({ min: 1_000, max: 30_000 }),
    fate: badFate,
  }),
  { maxLength: 4 },
)

const fateAt = (spells: readonly BadSpell[], ms: number): Fate =>
  spells.find(it => ms >= it.fromMs && ms < it.fromMs + it.lengthMs)?.fate ?? quick

function participants(count: number, fates: (who: number) => () => Fate) {
  const clock = fakeClock()
  const lease = simulatedLease()
  const stop = Array.from({ length: count }, () => new AbortController())
  const elections = stop.map((_, who) =>
    leaderElection({
      client: lease.client(clock, fates(who)),
      name: 'l',
      namespace: 'n',
      identity: `process-${who}`,
      clock,
      random: seededRandom(who + 1),
      log: silentLogger,
      metrics: kubeMetrics(metricRegistry()),
    }),
  )
  const run = (who: number) => elections[who]?.run((stop[who] as AbortController).signal) as Promise<void>
  return { clock, lease, elections, stop, run }
}

test('there is never more than one leader, whatever is slow or lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(badSpells, { minLength: 3, maxLength: 3 }), async spells => {
      const since = fakeClock().monotonic()
      const { clock, elections, stop, run } = participants(
        3,
        who => () => fateAt(spells[who] ?? [], clock.monotonic() - since),
      )
      const running = elections.map((_, who) => run(who))
      const leaders = (): number => elections.filter(it => it.isLeader()).length
      for (let t = 0; t < 170 * second; t += 250) {
        await clock.advance(250)
        assert.ok(leaders() <= 1, `${leaders()} leaders after ${t} ms`)
      }
      assert.equal(leaders(), 1, 'once the network is well, somebody leads')
      for (const it of stop) it.abort()
      for (let i = 0; i < 40; i++) await clock.advance(250)
      await Promise.all(running)
      assert.equal(leaders(), 0)
    }),
    { numRuns: 100 },
  )
})

test('a leader does not lead beyond ten seconds after the last renewal that was answered', async () => {
  let answered = true
  const { clock, elections, stop, run } = participants(1, () => () => (answered ? quick : { ...quick, lost: 'answer' }))
  const running = run(0)
  await clock.advance(5 * second)
  assert.equal(elections[0]?.isLeader(), true)
  answered = false
  await clock.advance(7 * second)
  assert.equal(elections[0]?.isLeader(), true, 'a short outage costs nothing')
  await clock.advance(3 * second)
  assert.equal(elections[0]?.isLeader(), false, 'although the lease is in fact renewed: it cannot know')
  stop[0]?.abort()
  await clock.advance(30 * second)
  await running
})

test('a process paused beyond the lease knows on waking; the other leads with a later epoch', async () => {
  const clock = fakeClock()
  const lease = simulatedLease()
  // The first has a clock of its own that can be stopped: none of its timers fire while it is paused.
  const pause = { on: false }
  const pausable: Clock = {
    ...clock,
    sleep: async (ms, signal) => {
      await clock.sleep(ms, signal)
      while (pause.on) await clock.sleep(100, signal)
    },
  }
  const common = { name: 'l', namespace: 'n', log: silentLogger, metrics: kubeMetrics(metricRegistry()) }
  const make = (identity: string, its: Clock) =>
    leaderElection({
      ...common,
      metrics: kubeMetrics(metricRegistry()),
      identity,
      clock: its,
      random: seededRandom(),
      client: lease.client(its, () => quick),
    })
  const [first, other] = [make('first', pausable), make('other', clock)]
  const stop = new AbortController()
  const running = [first.run(stop.signal)]
  await clock.advance(3 * second)
  assert.equal(first.isLeader(), true)
  running.push(other.run(stop.signal))
  pause.on = true
  await clock.advance(60 * second)
  assert.deepEqual([first.isLeader(), other.isLeader()], [false, true])
  assert.ok(other.epoch() > first.epoch())
  pause.on = false
  await clock.advance(10 * second)
  assert.deepEqual([first.isLeader(), other.isLeader()], [false, true], 'who wakes finds the lease taken and stands by')
  stop.abort()
  await clock.advance(30 * second)
  await Promise.all(running)
})

test('times written into the lease prove nothing: a holder whose clock is an hour behind keeps it', async () => {
  const { clock, lease, elections, stop, run } = participants(2, () => () => quick)
  clock.setWall(later(clock.wall(), -3_600 * second))
  const running = [run(0)]
  await clock.advance(3 * second)
  clock.setWall(later(clock.wall(), 3_600 * second))
  running.push(run(1))
  for (let t = 0; t < 60; t++) {
    await clock.advance(second)
    assert.equal(elections[0]?.isLeader(), true)
    assert.equal(lease.current?.spec?.holderIdentity, 'process-0')
  }
  for (const it of stop) it.abort()
  await clock.advance(30 * second)
  await Promise.all(running)
})

test('whenever a leader dies, a standby leads when its lease has run out and not a look at it later', async () => {
  for (let diesAfterMs = 10_000; diesAfterMs < 12_200; diesAfterMs += 200) {
    const { clock, lease, elections, stop, run } = participants(2, () => () => quick)
    const dead = new AbortController()
    const mortal = lease.client(clock, () => (dead.signal.aborted ? { ...quick, lost: 'call' } : quick))
    const first = leaderElection({
      client: mortal,
      name: 'l',
      namespace: 'n',
      identity: 'mortal',
      clock,
      random: seededRandom(diesAfterMs),
      log: silentLogger,
      metrics: kubeMetrics(metricRegistry()),
    })
    const running = [first.run(dead.signal)]
    await clock.advance(second)
    running.push(run(1))
    await clock.advance(diesAfterMs)
    dead.abort()
    // Without a watch the standby saw the last renewal at its next look, at most 2.2 s late.
    await clock.advance(17_250)
    assert.equal(elections[1]?.isLeader(), true, `after a death at ${diesAfterMs} ms`)
    for (const it of stop) it.abort()
    await clock.advance(30 * second)
    await Promise.all(running)
  }
})
