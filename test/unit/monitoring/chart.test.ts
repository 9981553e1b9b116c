// What the chart gives Prometheus and Grafana, as the real Helm renders it.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { alerts } from '../../../scripts/monitoring/alerts.ts'
import { dashboards } from '../../../scripts/monitoring/dashboards.ts'
import { chart, helm, ofKind, one, render, root } from '../chart/chart.ts'

const kinds = ['ServiceMonitor', 'PodMonitor', 'PrometheusRule', 'ConfigMap']
const on = { enabled: true, labels: { release: 'prometheus' } }
const monitoring = {
  serviceMonitor: on,
  podMonitor: on,
  rules: { ...on, runbooks: 'https://wiki.test/runbooks/' },
  dashboards: { enabled: true, annotations: { grafana_folder: 'RTC' } },
}

test('helm lint finds nothing, strictly', async () => {
  await helm(['lint', chart, '--strict', '--values', '-'], JSON.stringify({ monitoring }))
})

test('nothing of it is there unless it is asked for', async () => {
  assert.deepEqual(ofKind(await render(), ...kinds), [])
})

test('Prometheus finds the metrics port of the operator, keeps the labels of series, and may leave out those of nodes', async () => {
  const manifests = await render({ monitoring })
  const { spec, metadata } = one(manifests, 'ServiceMonitor')
  assert.equal(metadata.labels?.['release'], 'prometheus')
  const service = one(manifests, 'Service')
  for (const [label, value] of Object.entries(spec.selector.matchLabels))
    assert.equal(service.metadata.labels?.[label], value, label)
  const endpoints = spec.endpoints as { port: string; path: string; honorLabels: boolean }[]
  assert.deepEqual(
    endpoints.map(({ path, honorLabels }) => [path, honorLabels]),
    [
      ['/metrics', true],
      ['/metrics/nodes', true],
    ],
  )
  const ports = (service['spec'].ports as { name: string }[]).map(({ name }) => name)
  for (const { port } of endpoints) assert.ok(ports.includes(port))

  const without = await render({ monitoring: { serviceMonitor: { ...on, nodes: { enabled: false } } } })
  assert.equal(one(without, 'ServiceMonitor')['spec'].endpoints.length, 1)
})

test('Prometheus finds the agents where SFUs run, by the port that the operator gives them', async () => {
  const { spec } = one(await render({ monitoring, sfu: { namespaces: ['eu', 'us'] } }), 'PodMonitor', 'rtcnode-agents')
  assert.deepEqual(spec.namespaceSelector.matchNames, ['eu', 'us'])
  assert.deepEqual(spec.selector.matchLabels, { 'app.kubernetes.io/managed-by': 'rtcnode-operator' })
  assert.equal(spec.podMetricsEndpoints[0].port, 'rtcnode-agent')
})

test('every alert leads to its page, wherever the pages are', async () => {
  const { spec } = one(await render({ monitoring }), 'PrometheusRule')
  const rules = (spec.groups as { rules: { alert: string; annotations: Record<string, string> }[] }[]).flatMap(
    group => group.rules,
  )
  assert.deepEqual(rules.map(({ alert }) => alert).sort(), alerts.map(({ name }) => name).sort())
  for (const { alert, annotations } of rules) {
    assert.equal(annotations['runbook_url'], `https://wiki.test/runbooks/${alert}.md`)
    assert.ok(existsSync(join(root, 'docs/runbooks', `${alert}.md`)), alert)
    assert.match(annotations['summary'] ?? '', /\S/)
  }
})

test('each dashboard is a ConfigMap that the sidecar finds and an API server takes', async () => {
  const maps = ofKind(await render({ monitoring }), 'ConfigMap')
  assert.equal(maps.length, dashboards.length)
  for (const { metadata, data } of maps) {
    assert.equal(metadata.labels?.['grafana_dashboard'], '1')
    assert.equal(metadata.annotations?.['grafana_folder'], 'RTC')
    const [[file, text]] = Object.entries(data as Record<string, string>) as [[string, string]]
    const { uid } = JSON.parse(text) as { uid: string }
    assert.equal(file, `${uid}.json`)
    assert.ok(text.length < 500_000, file)
  }
})

test('a typo in what is asked for is refused by its name', async () => {
  await assert.rejects(render({ monitoring: { serviceMonitors: on } }), /serviceMonitors/)
  await assert.rejects(render({ monitoring: { serviceMonitor: { interval: 'often' } } }), /interval/)
})
