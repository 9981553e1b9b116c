// How full a node is: the fullest dimension of those that are told and count.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { fullnessOf, type Pressure, pressureOf } from '../../../operator/load/pressure.ts'
import { aBeat } from './build.ts'

const full = fullnessOf({
  streamsPerNode: 1_000,
  bandwidthMbps: 800,
  packetsPerSecond: 50_000,
  gpuMemoryFreeMiB: 2_048,
  nicQueueDepth: 400,
})

for (const [figures, pressure, by] of [
  [{ cpu: 45 }, 0.5, 'cpu'],
  [{ cpu: 45, streams: 600 }, 0.6, 'streams'],
  [{ cpu: 45, bandwidthMbps: 720 }, 0.9, 'bandwidth'],
  [{ cpu: 45, packetsPerSecond: 100_000 }, 2, 'packets'],
  [{ cpu: 45, nicQueueDepth: 300 }, 0.75, 'nic-queue'],
  [{ cpu: 0, gpuMemoryFreeMiB: 8_192 }, 0.25, 'gpu-memory'],
  [{ cpu: 0, gpuMemoryFreeMiB: 2_048 }, 1, 'gpu-memory'],
  [{ cpu: 0, gpuMemoryFreeMiB: 0 }, 2, 'gpu-memory'],
  [{ cpu: 180, streams: 1_000 }, 2, 'cpu'],
] as const) {
  test(`${JSON.stringify(figures)} is ${pressure} by ${by}`, () => {
    assert.deepEqual(pressureOf(aBeat(figures), full), { pressure, by })
  })
}

test('CPU counts by itself, up to 90 percent; what has no target does not count', () => {
  const cpuAlone = fullnessOf({ joinLatencyP99Ms: 1_500 })
  assert.deepEqual(pressureOf(aBeat({ cpu: 90, streams: 1e6, bandwidthMbps: 1e6 }), cpuAlone), {
    pressure: 1,
    by: 'cpu',
  })
  assert.equal(pressureOf(aBeat({ cpu: 90 }), fullnessOf({ cpuPercent: 45 }))?.pressure, 2)
})

test('a beat that tells nothing that counts has no pressure: unknown is not zero', () => {
  assert.equal(pressureOf(aBeat({ sessions: 500, streams: 4_000 }), fullnessOf({ cpuPercent: 80 })), undefined)
  assert.deepEqual(pressureOf(aBeat({ cpu: 0 }), full), { pressure: 0, by: 'cpu' })
})

test('latency, loss and jitter never press', () => {
  const bad = { joinLatencyP99Ms: 9_000, forwardLatencyP99Ms: 900, packetLossPercent: 40, jitterMs: 500, rttMs: 900 }
  assert.deepEqual(pressureOf(aBeat({ cpu: 9, ...bad }), full), { pressure: 0.1, by: 'cpu' })
})

test('the plain form tells CPU and streams; whatever else others wrote there was checked by nobody', () => {
  const plain = { cpu: 45, mem: 1, streams: 700, bandwidthMbps: 'much', nicQueueDepth: 1e9 }
  assert.deepEqual(pressureOf(plain, full), { pressure: 0.7, by: 'streams' })
})

const some = (max: number) => fc.option(fc.double({ min: 0, max, noNaN: true }), { nil: undefined })
const figures = fc.record({
  cpu: some(200),
  streams: some(5_000),
  gpuMemoryFreeMiB: some(50_000),
  nicQueueDepth: some(1e4),
})
const pressed = (told: Partial<Record<string, number | undefined>>): Pressure | undefined =>
  pressureOf(aBeat(Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined))), full)

test('more of anything never presses less, and pressure is finite and at least 0', () => {
  fc.assert(
    fc.property(figures, fc.double({ min: 1, max: 3, noNaN: true }), (told, more) => {
      const before = pressed(told)
      if (before === undefined) return
      assert.ok(Number.isFinite(before.pressure) && before.pressure >= 0)
      const { gpuMemoryFreeMiB: left, ...used } = told
      const grown = Object.fromEntries(Object.entries(used).map(([name, value]) => [name, value && value * more]))
      const after = pressed({ ...grown, gpuMemoryFreeMiB: left === undefined ? undefined : left / more })
      assert.ok(after !== undefined && after.pressure >= before.pressure - 1e-9)
    }),
  )
})
