// The metrics, dashboards and alerts as an SRE meets them: a real Prometheus scrapes a real operator. In a healthy run every alert is
// silent; after a story no panel is empty; in faults those that shall fire do; and promtool tries each with series of its own.
// Needs Debian's Prometheus, which it installs.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { metricRegistry, metricsFrom } from '../../../operator/telemetry/metrics.ts'
import { metricSections } from '../../../scripts/metrics-reference.ts'
import { alerts } from '../../../scripts/monitoring/alerts.ts'
import { dashboards } from '../../../scripts/monitoring/dashboards.ts'
import { ensurePrometheus } from '../../cluster/debian.ts'
import { type Prometheus, promtool, type Rule, startPrometheus } from '../../cluster/prometheus.ts'
import { until } from '../../cluster/until.ts'
import { suiteOfAutoscalers } from '../autoscaler/autoscaler-scene.ts'
import { startOperator } from '../harness/operator.ts'
import type { World } from '../harness/world.ts'
import { healthy, ruleTestFile, ruleTests, seriesName } from './rule-tests.ts'
import { atRest, playStory } from './story.ts'

const prometheusIsThere = await ensurePrometheus({ log: line => console.error(line) })
// Under CI a missing package is a failure of the tests, never a reason to leave them out.
const skip = prometheusIsThere.possible || process.env['CI'] === 'true' ? false : prometheusIsThere.because

const ruleFile = join(import.meta.dirname, '../../../charts/rtcnode-operator/files/rules.yaml')

test('every alert is tried', () => {
  const tried = new Set(ruleTests.map(({ alert }) => alert))
  assert.deepEqual(
    alerts.map(({ name }) => name).filter(name => !tried.has(name)),
    [],
  )
})

test('promtool finds no fault with the metrics of operator and agent', { skip }, async () => {
  const registry = metricRegistry()
  for (const { table } of metricSections) metricsFrom(registry, table)
  await promtool(['check', 'metrics'], await registry.metrics())
})

test('the rules are well-formed, and each alert fires by its own series and by no other', { skip }, async () => {
  await promtool(['check', 'rules', ruleFile])
  const folder = mkdtempSync(join(tmpdir(), 'rtcnode-rules-'))
  try {
    const file = join(folder, 'tests.yaml')
    writeFileSync(file, ruleTestFile(ruleFile))
    await promtool(['test', 'rules', file])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

if (skip === false) {
  suiteOfAutoscalers('monitoring', { sideBySide: 1 }, promise => {
    promise('silent while all is well; no panel is empty after a story; faults are told', async (scene, world) => {
      const { operator, cluster } = world
      await using prometheus = await startPrometheus({
        folder: cluster.dir,
        ruleFiles: [ruleFile],
        targets: ['metrics', 'metrics/nodes'].map(path => ({
          job: path.replace('/', '-'),
          url: `${operator.url}/${path}`,
          labels: { namespace: 'rtcnode-system', pod: 'rtcnode-0' },
        })),
      })
      using crowd = await atRest(scene)
      await expectSilence(prometheus)

      const draining = await playStory(scene, world, crowd)
      expectCounted(await operator.metrics())
      await expectFullPanels(prometheus, { node: draining })
      await expectExportedAsTried(prometheus)
      await expectAlerts(prometheus, [
        'RTCNodeParticipantsCut',
        'RTCNodeParticipantsCutByDeadline',
        'RTCNodeStartsFail',
        'RTCNodeAutoscalerAtMaximum',
        'RTCNodeRegistryValuesRejected',
      ])

      await expectToldByLeaderAlone(world)

      cluster.registry.server.pause()
      await expectAlerts(prometheus, ['RTCNodeRegistryOutOfSight', 'RTCNodeRegistryFrozen'])
      cluster.registry.server.resume()

      await operator.stop()
      await expectAlerts(prometheus, ['RTCNodeOperatorWithoutLeader'])
      await operator.start()
    })
  })
} else test('monitoring', { skip }, () => undefined)

/** Of the story: two who were on `late` at its deadline, two on `crashing`, two on `lost`; `quick` was empty. */
function expectCounted(metrics: string): void {
  const counted = metrics.matchAll(
    /^rtcnode_(?:participants_(cut)_total|(drain)_duration_seconds_count)\{\w+="([\w-]+)"\} ([1-9]\d*)$/gm,
  )
  assert.deepEqual(
    Object.fromEntries(
      [...counted].map(([, cut, drain, word = '', count]) => {
        // Whether the operator saw the deletion of the pod before its end is a matter of milliseconds.
        const cause = word.replace(/^(node-lost|pod-deleted)$/, 'node-lost or pod-deleted')
        return [`${cut ?? drain} ${cause}`, Number(count)]
      }),
    ),
    {
      'cut deadline': 2,
      'cut sfu-restart': 2,
      'cut node-lost or pod-deleted': 2,
      'drain deadline': 1,
      'drain empty': 1,
      'drain lost': 1,
    },
  )
}

/** A replica that stands by tells about itself; of the fleet it keeps silent, or every sum would count twice. */
async function expectToldByLeaderAlone({ cluster, operator }: World): Promise<void> {
  await using standby = await startOperator(cluster, { identity: 'standby' })
  const [leads, standsBy] = [await operator.metrics(), await standby.metrics()]
  for (const [text, is] of [
    [leads, true],
    [standsBy, false],
  ] as const) {
    assert.equal(/^rtcnode_nodes\{/m.test(text), is)
    assert.match(text, /^rtcnode_registry_in_sight 1$/m)
    assert.match(text, new RegExp(`^leader_election_master_status\\{.*\\} ${is ? 1 : 0}$`, 'm'))
  }
  const nodes = await Promise.all(
    [operator, standby].map(async ({ url }) => (await fetch(`${url}/metrics/nodes`)).text()),
  )
  assert.deepEqual(
    nodes.map(text => text.includes('rtcnode_node_info{')),
    [true, false],
  )
}

/** Several scrapes and judgements. */
const SILENT_FOR_MS = 5_000

/** Every rule was judged without an error, and for some seconds none has anything to say, not even for the first time. */
async function expectSilence(prometheus: Prometheus): Promise<void> {
  let silentSince: number | undefined
  let last: readonly Rule[] = []
  const isSilent = async (): Promise<boolean> => {
    last = await prometheus.rules()
    const silent = last.length === alerts.length && last.every(it => it.state === 'inactive' && it.health === 'ok')
    silentSince = silent ? (silentSince ?? Date.now()) : undefined
    return silentSince !== undefined && Date.now() - silentSince >= SILENT_FOR_MS
  }
  await until('silence', isSilent, { withinMs: 60_000, everyMs: 500 }).catch((error: unknown) => {
    throw new Error(
      `${String(error)}: ${JSON.stringify(last.filter(it => it.state !== 'inactive' || it.health !== 'ok'))}`,
    )
  })
}

/** Pending counts: how long it must last is promtool's to try. What it says must be readable. */
async function expectAlerts(prometheus: Prometheus, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const rule = await until(
      `alert ${name}`,
      async () => (await prometheus.rules()).find(it => it.name === name && it.state !== 'inactive'),
      { withinMs: 30_000, everyMs: 500 },
    )
    const texts = rule.alerts.flatMap(({ annotations }) => Object.values(annotations))
    assert.ok(texts.length > 0)
    for (const text of texts) assert.doesNotMatch(text, /error expanding|<no value>|\{\{/, name)
  }
}

/** Grafana's variables, as somebody chooses them who looks at everything. */
async function expectFullPanels(prometheus: Prometheus, { node }: { node: string }): Promise<void> {
  const values: Readonly<Record<string, string>> = {
    __rate_interval: '30s',
    __range: '10m',
    namespace: '.*',
    pool: '.*',
    autoscaler: '.*',
    instance: '.*',
    node,
  }
  const chosen = (expr: string): string =>
    expr.replaceAll(/\$(\w+)/g, (_, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`nobody chooses $${name}: ${expr}`)
      return value
    })
  const queries = dashboards.flatMap(({ title, rows }) =>
    rows.flatMap(row =>
      row.panels.flatMap(panel => panel.queries.map(query => ({ ...query, of: `${title} / ${panel.title}` }))),
    ),
  )
  let empty: string[] = []
  const areFull = async (): Promise<boolean> => {
    const asked = await Promise.all(
      queries.map(async ({ expr, of, legend, rare }) => {
        const samples = await prometheus.query(chosen(expr))
        return rare !== undefined || samples.some(({ value }) => !Number.isNaN(value))
          ? []
          : [`${of}, ${legend}: ${expr}`]
      }),
    )
    empty = asked.flat()
    return empty.length === 0
  }
  await until('no panel to be empty', areFull, { withinMs: 45_000, everyMs: 1_000 }).catch((error: unknown) => {
    throw new Error(`${String(error)}\nempty:\n${empty.join('\n')}`)
  })
}

/** The series that promtool tries alerts with are those that the operator exports, by name and labels. */
async function expectExportedAsTried(prometheus: Prometheus): Promise<void> {
  const tried = [healthy, ...ruleTests.map(({ series }) => series)].flatMap(series => Object.keys(series))
  for (const series of new Set(tried)) {
    const { metric, labels } = seriesName(series)
    const namesOf = (of: object): string =>
      [...new Set(['namespace', 'pod', 'instance', 'job', ...Object.keys(of)])].sort().join()
    const exported = (await prometheus.query(metric)).map(({ labels: { __name__, ...own } }) => namesOf(own))
    assert.ok(exported.includes(namesOf(labels)), `${series}: exported with ${exported[0] ?? 'nothing'}`)
  }
}
