// How metrics come and go: gauges that follow many things at once, and registries that only the leader shows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  expositionOf,
  metricRegistry,
  metricsFrom,
  oncePerScrape,
  type Series,
} from '../../../operator/telemetry/metrics.ts'

const table = { things: { kind: 'gauge', help: 'Things.', labels: ['of'] } } as const

test('a gauge that follows all of its series has exactly those that are there at the scrape', async () => {
  const registry = metricRegistry()
  let things: Record<string, number> = { a: 1, b: 2 }
  metricsFrom(registry, table).things.followAll(() =>
    Object.entries(things).map(([of, count]): Series<'of'> => [{ of }, count]),
  )
  assert.match(await registry.metrics(), /things\{of="a"\} 1\nthings\{of="b"\} 2/)
  things = { b: 3 }
  const text = await registry.metrics()
  assert.match(text, /things\{of="b"\} 3/)
  assert.doesNotMatch(text, /of="a"/)
})

test('what several gauges read is read once a scrape, and anew at the next', async () => {
  const registry = metricRegistry()
  let reads = 0
  const read = oncePerScrape(() => ++reads)
  const metrics = metricsFrom(registry, { one: table.things, two: table.things })
  for (const gauge of [metrics.one, metrics.two]) gauge.followAll((): Series<'of'>[] => [[{ of: 'x' }, read()]])
  for (const scrape of [1, 2]) {
    const text = await registry.metrics()
    assert.deepEqual(text.match(/^(one|two)\{.*$/gm), [`one{of="x"} ${scrape}`, `two{of="x"} ${scrape}`])
  }
})

test('a registry that does not count now is not shown, and is shown again with what it holds', async () => {
  const [own, ofFleet] = [metricRegistry(), metricRegistry()]
  metricsFrom(own, { own: table.things }).own.set({ of: 'x' }, 1)
  metricsFrom(ofFleet, { fleet: table.things }).fleet.set({ of: 'x' }, 2)
  let leads = false
  const exposition = expositionOf(() => (leads ? [own, ofFleet] : [own]))
  const series = async () => (await exposition.metrics()).match(/^\w+\{.*$/gm)
  assert.deepEqual(await series(), ['own{of="x"} 1'])
  leads = true
  assert.deepEqual(await series(), ['own{of="x"} 1', 'fleet{of="x"} 2'])
  leads = false
  assert.deepEqual(await series(), ['own{of="x"} 1'])
})
