// What the schema of heartbeats lets through and no SFU can have.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import { heartbeatSchema } from '../../../operator/api/heartbeat.ts'
import { doubtOf } from '../../../operator/load/plausible.ts'
import { aBeat, at } from './build.ts'

for (const absurd of [
  { sessions: 1_000_000 },
  { cpu: 10_000 },
  { streams: 1_000_000 },
  { rooms: 1_000_000 },
  { bandwidthMbps: 1_000_000 },
  { packetsPerSecond: 1e9 },
  { joins: 1_000_000_000 },
  { joinLatencyP99Ms: 3_600_000 },
  { forwardLatencyP99Ms: 60_000 },
  { nicQueueDepth: 1e9 },
] satisfies Partial<Heartbeat>[]) {
  test(`${JSON.stringify(absurd)} passes the schema, and is doubted`, () => {
    const beat = aBeat({ cpu: 5, ...absurd })
    assert.ok(heartbeatSchema.safeParse(beat).success)
    assert.equal(doubtOf(beat, undefined, at(0)), 'impossible')
  })
}

for (const absurd of [{ sessions: 1e9 }, { cpu: -1 }, { joinLatencyP99Ms: 31_536_000_000 }, { cpu: Number.NaN }]) {
  test(`${JSON.stringify(absurd)} does not even pass the schema`, () => {
    assert.equal(heartbeatSchema.safeParse(aBeat(absurd)).success, false)
  })
}

const after = (before: Partial<Heartbeat>, next: Partial<Heartbeat>, seconds = 3) =>
  doubtOf(aBeat(next), { beat: aBeat(before), at: at(0) }, at(seconds))

test('a large and busy node is believed, and so is a lecture that begins or ends', () => {
  assert.equal(after({}, { cpu: 250, sessions: 3_000, streams: 90_000, joinLatencyP99Ms: 60_000 }, 60), undefined)
  assert.equal(after({ sessions: 0, streams: 0 }, { sessions: 500, streams: 12_500 }), undefined)
  assert.equal(after({ sessions: 1_500, streams: 40_000 }, { sessions: 0, streams: 0 }), undefined)
})

test('a change by orders of magnitude between two beats is doubted, upwards and downwards', () => {
  assert.equal(after({ sessions: 50 }, { sessions: 50_000 }), 'jump')
  assert.equal(after({ sessions: 50_000 }, { sessions: 50 }), 'jump')
  assert.equal(after({ streams: 20_000 }, { streams: 400_000 }), 'jump')
  assert.equal(after({ bandwidthMbps: 1 }, { bandwidthMbps: 500_000 }), 'jump')
})

test('a second beat that says the same is believed', () => {
  const first = aBeat({ sessions: 30_000 })
  assert.equal(doubtOf(aBeat({ sessions: 31_000 }), { beat: first, at: at(3) }, at(6)), undefined)
})

test('after a silence, or a new start of the SFU, nothing is known to have jumped', () => {
  assert.equal(after({ sessions: 50 }, { sessions: 50_000 }, 30), undefined)
  assert.equal(after({ sessions: 50_000, bootId: 'boot-0' }, { sessions: 50 }), undefined)
  assert.equal(after({ sessions: 50_000, podUID: 'pod-0' }, { sessions: 50 }), undefined)
})

test('a figure that comes or goes is no jump', () => {
  assert.equal(after({}, { streams: 400_000 }), undefined)
  assert.equal(after({ streams: 400_000 }, {}), undefined)
})

test('the plain form is judged by what it tells', () => {
  const plain = { cpu: 5, mem: 5, streams: 10 }
  assert.equal(doubtOf({ ...plain, sessions: 1e9 }, undefined, at(0)), undefined, 'no field of that form')
  assert.equal(doubtOf({ ...plain, cpu: 5_000 }, undefined, at(0)), 'impossible')
  assert.equal(doubtOf({ ...plain, streams: 400_000 }, { beat: plain, at: at(0) }, at(3)), 'jump')
})
