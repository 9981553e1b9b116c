// All metrics of the program, judged by Prometheus' conventions (https://prometheus.io/docs/practices/naming/): who knows them reads
// ours without a manual.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricSections } from '../../../scripts/metrics-reference.ts'

const rows = metricSections.flatMap(({ title, table }) =>
  Object.entries(table).map(([name, row]) => ({ title, name, ...row })),
)

test('a name is given once', () => {
  const names = rows.map(({ name }) => name)
  assert.deepEqual(names.toSorted(), [...new Set(names)].sort())
})

test('counters end with _total, and nothing else does', () => {
  for (const { name, kind } of rows) assert.equal(name.endsWith('_total'), kind === 'counter', name)
})

test('units are base units, at the end of the name', () => {
  for (const { name } of rows)
    assert.doesNotMatch(name, /(_ms|_millis|milliseconds|_percent|_minutes|_hours|_mb|_mib|_kb|mbps)(_|$)/i, name)
})

test('every metric says what it means in sentences', () => {
  for (const { name, help } of rows) assert.match(help, /^[A-Za-z0-9].{8,}\.$/s, name)
})

/** What people or machines can make up without end must be no label, or a stranger could fill Prometheus. */
const bounded = new Set(
  [
    ['namespace', 'pool', 'node', 'autoscaler', 'host', 'class'],
    ['phase', 'reason', 'tier', 'cause', 'outcome', 'limit', 'result', 'kind', 'version'],
    ['verb', 'resource', 'code', 'method', 'name', 'controller'],
  ].flat(),
)

test('labels are names of objects, or words from a list of ours', () => {
  for (const { name, labels } of rows)
    for (const label of labels) assert.ok(bounded.has(label), `${name}: is “${label}” bounded? Then add it here`)
})

test('only what is told of each node has the node as a label', () => {
  for (const { name, title, labels } of rows) assert.equal(labels.includes('node'), title === 'Each node', name)
})
