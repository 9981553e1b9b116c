// What a decision is told of one beat.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fullnessOf } from '../../../operator/load/pressure.ts'
import { readingOf } from '../../../operator/load/reading.ts'
import { aBeat } from './build.ts'

const targets = { joinLatencyP99Ms: 1_000, forwardLatencyP99Ms: 20, packetLossPercent: 2 }
const reading = (beat: Parameters<typeof aBeat>[0]) =>
  readingOf(aBeat({ cpu: 45, ...beat }), targets, fullnessOf(targets))

test('all that is told', () => {
  assert.deepEqual(reading({ sessions: 50, streams: 400, rooms: 9, joins: 30, joinLatencyP99Ms: 250 }), {
    pressure: 0.5,
    by: 'cpu',
    units: 400,
    sessions: 50,
    rooms: 9,
    joins: 30,
    joinLatencyP99Ms: 250,
    quality: 0.25,
  })
})

test('every reading has all fields in the same order, whatever was told', () => {
  const forms = [reading({}), reading({ streams: 1, joinLatencyP99Ms: 9 })]
  const plain = readingOf({ cpu: 9, mem: 1, streams: 128 }, targets, fullnessOf(targets))
  for (const form of [...forms, plain]) assert.deepEqual(Object.keys(form ?? {}), Object.keys(forms[0] ?? {}))
  assert.deepEqual([plain?.units, plain?.sessions, plain?.joins, plain?.quality], [128, undefined, 0, undefined])
})

test('units are streams, or people where streams are not told', () => {
  assert.equal(reading({ sessions: 7, streams: 0 })?.units, 0)
  assert.equal(reading({ sessions: 7 })?.units, 7)
})

test('quality is the worst against its goal; a join latency that nobody had is none', () => {
  assert.equal(
    reading({ joins: 5, joinLatencyP99Ms: 1_500, forwardLatencyP99Ms: 10, packetLossPercent: 1 })?.quality,
    1.5,
  )
  assert.equal(
    reading({ joins: 5, joinLatencyP99Ms: 100, forwardLatencyP99Ms: 30, packetLossPercent: 1 })?.quality,
    1.5,
  )
  assert.equal(
    reading({ joins: 5, joinLatencyP99Ms: 100, forwardLatencyP99Ms: 10, packetLossPercent: 3 })?.quality,
    1.5,
  )
  const nobody = reading({ joins: 0, joinLatencyP99Ms: 9_000 })
  assert.deepEqual([nobody?.joins, nobody?.joinLatencyP99Ms, nobody?.quality], [0, undefined, undefined])
})

test('an SFU that tells the latency but not of how many joins had at least one', () => {
  assert.equal(reading({ joinLatencyP99Ms: 100 })?.joins, 1)
})

test('what has no goal is no quality', () => {
  const onlyCpu = { cpuPercent: 80 }
  assert.equal(readingOf(aBeat({ cpu: 8, packetLossPercent: 50 }), onlyCpu, fullnessOf(onlyCpu))?.quality, undefined)
})

test('a beat without load has no reading', () => {
  assert.equal(readingOf(aBeat({ sessions: 900 }), targets, fullnessOf(targets)), undefined)
})
