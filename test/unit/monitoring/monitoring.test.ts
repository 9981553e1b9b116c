// What ships for Prometheus and Grafana hangs together: dashboards and alerts ask only for what is exported, and every alert leads to
// a page that says what to do.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { MetricDefinition } from '../../../operator/telemetry/metrics.ts'
import { metricSections } from '../../../scripts/metrics-reference.ts'
import { alerts } from '../../../scripts/monitoring/alerts.ts'
import { dashboards } from '../../../scripts/monitoring/dashboards.ts'

const runbooks = join(import.meta.dirname, '../../../docs/runbooks')
const metrics = new Map<string, MetricDefinition>(metricSections.flatMap(({ table }) => Object.entries(table)))

const panels = dashboards.flatMap(({ title, rows }) =>
  rows.flatMap(row => row.panels.map(panel => ({ of: title, ...panel }))),
)
const exprs = [
  ...alerts.map(({ name, expr }) => ({ of: name, expr })),
  ...panels.flatMap(({ of, title, queries }) => queries.map(({ expr }) => ({ of: `${of} / ${title}`, expr }))),
]

/** What a target's discovery adds to every series. */
const ofTarget = ['namespace', 'pod', 'instance', 'job']

for (const { of, expr } of exprs) {
  test(`${of}: ${expr} asks for metrics and labels that are exported`, () => {
    const selectors = [
      ...expr.matchAll(
        /\b((?:rtcnode|controller_runtime|workqueue|rest_client|leader|process|nodejs)_\w+)(?:\{([^}]*)\})?/g,
      ),
    ]
    assert.ok(selectors.length > 0)
    for (const [, name = '', inside = ''] of selectors) {
      const metric = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ''))
      assert.ok(metric !== undefined, `there is no ${name}`)
      for (const [, label = ''] of inside.matchAll(/(\w+)(?:=~|!~|!=|=)"/g))
        assert.ok([...metric.labels, ...ofTarget].includes(label), `${name} has no label ${label}`)
    }
  })
}

const headings = ['## What it means', '## What users notice', '## What to look at', '## What to do']

for (const { name } of alerts) {
  test(`${name} has a page that says what to do`, () => {
    const page = readFileSync(join(runbooks, `${name}.md`), 'utf8')
    assert.ok(page.startsWith(`# ${name}\n`))
    const sections = page.split(/^(?=## )/m).slice(1)
    assert.deepEqual(
      sections.map(section => section.split('\n')[0]),
      headings,
    )
    for (const section of sections) assert.ok(section.split('\n').slice(1).join('').trim().length > 5, section)
  })
}

test('no page is about an alert that there is not', () => {
  const pages = readdirSync(runbooks).filter(file => file !== 'README.md')
  assert.deepEqual(pages.sort(), alerts.map(({ name }) => `${name}.md`).sort())
})

test('a panel says what it means, and no two of a dashboard have one title', () => {
  for (const { title, says } of panels) assert.match(says, /\.$/, title)
  for (const { rows, title } of dashboards) {
    const titles = rows.filter(row => row.title !== 'Now').flatMap(row => row.panels.map(panel => panel.title))
    assert.deepEqual(titles.toSorted(), [...new Set(titles)].sort(), title)
  }
})
