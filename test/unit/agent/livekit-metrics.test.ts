// What two pages of Prometheus text say together, against what was put into them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { comparable, loadOf, wanted } from '../../../operator/agent/livekit/load.ts'
import { observedBetween, parseScrape, quantile, rate, type Scrape } from '../../../operator/agent/livekit/metrics.ts'
import { monotonic } from '../../../operator/ambient/clock.ts'

const joinLatency = 'livekit_session_join_latency_ms'
const bounds = [10, 50, 100, 500, 1_000, 5_000]
const at = monotonic(1_000)

/** The page an SFU would show after these joins, spread over two label sets. */
function pageOf(joinsMs: readonly number[], { startedAt = 1.5, cpuSeconds = 0, bytes = 0 } = {}): string {
  const lines = [
    '# HELP livekit_participant_total ',
    '# TYPE livekit_participant_total gauge',
    'livekit_participant_total{node_id="ND_1",node_type="SERVER"} 3',
    'livekit_track_published_total{kind="AUDIO",node_id="a } b"} 2',
    'livekit_track_published_total{kind="VIDEO"} 1',
    'livekit_track_subscribed_total{kind="AUDIO"} 4 1795269203030',
    `livekit_packet_bytes{direction="incoming"} ${bytes / 2}`,
    `livekit_packet_bytes{direction="outgoing"} ${bytes / 2}`,
    `process_start_time_seconds ${startedAt}e+09`,
    `process_cpu_seconds_total ${cpuSeconds}`,
    'livekit_quality_score_count 17',
  ]
  for (const [index, half] of [
    joinsMs.filter((_, i) => i % 2 === 0),
    joinsMs.filter((_, i) => i % 2 === 1),
  ].entries()) {
    const labels = `node_id="n",protocol_version="${index}"`
    for (const bound of bounds)
      lines.push(`${joinLatency}_bucket{${labels},le="${bound}"} ${half.filter(ms => ms <= bound).length}`)
    lines.push(`${joinLatency}_bucket{${labels},le="+Inf"} ${half.length}`)
    lines.push(`${joinLatency}_sum{${labels}} ${half.reduce((sum, ms) => sum + ms, 0)}`)
    lines.push(`${joinLatency}_count{${labels}} ${half.length}`)
  }
  return `${lines.join('\n')}\n`
}
const scrapeOf = (page: string, ms: number = at): Scrape => parseScrape(page, wanted, monotonic(ms))

test('each metric is summed over its labels, and what is not wanted is left out', () => {
  const { values, histograms } = scrapeOf(pageOf([20, 60]))
  assert.equal(values.get('livekit_participant_total'), 3)
  assert.equal(values.get('livekit_track_published_total'), 3)
  assert.equal(values.get('livekit_track_subscribed_total'), 4)
  assert.equal(values.get('livekit_quality_score_count'), undefined)
  assert.equal(histograms.get(joinLatency)?.count, 2)
})

test('no text makes the parser throw or tell a number that is none', () => {
  const token = fc.constantFrom(
    'livekit_participant_total',
    '{',
    '}',
    '"',
    ' ',
    'NaN',
    '+Inf',
    '1',
    '\n',
    '#',
    `${joinLatency}_bucket`,
    'le=',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(token, fc.string())), parts => {
      for (const value of scrapeOf(parts.join('')).values.values()) assert.ok(Number.isFinite(value))
    }),
  )
})

test('the percentile between two scrapes lies in the bucket of the true one, whatever was observed before', () => {
  const joins = fc.array(fc.integer({ min: 1, max: 4_999 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 9_999 })),
      joins,
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (old, fresh, q) => {
        const observed = observedBetween(joinLatency, scrapeOf(pageOf(old)), scrapeOf(pageOf([...old, ...fresh])))
        assert.ok(observed)
        assert.equal(observed.count, fresh.length)
        const truth = [...fresh].sort((a, b) => a - b)[Math.ceil(q * fresh.length) - 1] ?? 0
        const upper = bounds.find(bound => truth <= bound) ?? Infinity
        const lower = bounds.findLast(bound => bound < truth) ?? 0
        const told = quantile(q, observed)
        assert.ok(told >= lower && told <= upper, `${told} is not in (${lower}, ${upper}] around ${truth}`)
      },
    ),
  )
})

test('inside a bucket the percentile is linear, above the last bound it is that bound', () => {
  const hundred = observedBetween(
    joinLatency,
    scrapeOf(pageOf([])),
    scrapeOf(pageOf(Array.from({ length: 100 }, () => 75))),
  )
  assert.ok(hundred)
  assert.equal(quantile(0.5, hundred), 75)
  assert.equal(quantile(0.99, hundred), 99.5)
  const slow = observedBetween(joinLatency, scrapeOf(pageOf([])), scrapeOf(pageOf([60_000])))
  assert.ok(slow)
  assert.equal(quantile(0.99, slow), 5_000)
})

test('nothing observed between two scrapes is unknown, not zero', () => {
  const load = loadOf([scrapeOf(pageOf([20])), scrapeOf(pageOf([20]), at + 3_000)], undefined)
  assert.equal(load.joinLatencyP99Ms, undefined)
  assert.equal(load.joins, undefined)
  assert.equal(load.cpu, undefined)
})

test('a rate is per second of the monotonic clock between the scrapes', () => {
  const from = scrapeOf(pageOf([], { bytes: 1_000_000, cpuSeconds: 10 }))
  const to = scrapeOf(pageOf([], { bytes: 3_000_000, cpuSeconds: 11 }), at + 4_000)
  assert.equal(rate('livekit_packet_bytes', from, to), 500_000)
  const load = loadOf([from, to], 2)
  assert.equal(load.bandwidthMbps, 4)
  assert.equal(load.cpu, 12.5)
  assert.equal(load.streams, 7)
})

test('scrapes of an earlier boot are never compared with, even when the start time is the same', () => {
  const old = scrapeOf(pageOf([20, 30], { bytes: 9e9, cpuSeconds: 100 }))
  const restarted = scrapeOf(pageOf([20], { startedAt: 1.6, bytes: 1e6, cpuSeconds: 200 }), at + 3_000)
  const reset = scrapeOf(pageOf([20], { bytes: 1e6, cpuSeconds: 1 }), at + 3_000)
  assert.deepEqual(comparable([old], restarted), [])
  assert.deepEqual(comparable([old], reset), [])
})

test('latency looks back 30 s, and no scrape older than that is kept', () => {
  let history: Scrape[] = []
  for (let second = 0; second <= 120; second += 3) {
    const latest = scrapeOf(pageOf(Array.from({ length: second }, () => 75)), at + second * 1_000)
    history = [...comparable(history, latest), latest]
  }
  assert.equal(history.length, 11)
  assert.equal(loadOf(history, undefined).joins, 30)
})
