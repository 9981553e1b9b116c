// From a table of panels to a Grafana dashboard. The tables (fleet.ts, one-node.ts, scaling.ts, operator.ts) say what is shown; here
// is how it looks. Queries may use Grafana's variables and those that the table declares.
import {
  BigValueTextMode,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
} from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  type Dashboard as GrafanaDashboard,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly variables: readonly Variable[]
  readonly rows: readonly Row[]
}

export interface Variable {
  readonly name: string
  /** As in `label_values(<series>, <name>)`. */
  readonly from: string
  /** `all` may be chosen, and is at first. A value of every series, or of those alone that have the label. */
  readonly all?: 'any value' | 'listed values'
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

export interface Panel {
  readonly title: string
  /** What it means, and when to worry. */
  readonly says: string
  /** Grafana's name of the unit; default a plain number. */
  readonly unit?: string
  /** Default `lines`. `number`: only what is now. `words`: only the legends of what is now. */
  readonly as?: 'lines' | 'stack' | 'number' | 'words'
  readonly queries: readonly Query[]
}

export interface Query {
  readonly expr: string
  readonly legend: string
  /** Why there may be no such series for long. */
  readonly rare?: string
}

const datasource = { type: 'prometheus', uid: '${datasource}' }
const [PANEL_HEIGHT, NOW_HEIGHT] = [8, 4]

export function grafanaDashboard({ uid, title, description, variables, rows }: Dashboard): GrafanaDashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['rtcnode'])
    .time({ from: 'now-3h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
  for (const variable of variables) builder.withVariable(variableBuilder(variable))
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title))
    for (const panel of row.panels) builder.withPanel(panelBuilder(panel, row.panels.length))
  }
  return withIds(builder.build())
}

function variableBuilder({ name, from, all }: Variable): QueryVariableBuilder {
  const builder = new QueryVariableBuilder(name)
    .datasource(datasource)
    .query(`label_values(${from}, ${name})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
  if (all === undefined) return builder
  builder.multi(true).includeAll(true).current({ selected: true, text: 'All', value: '$__all' })
  return all === 'any value' ? builder.allValue('.*') : builder
}

function panelBuilder({ title, says, unit = 'short', as = 'lines', queries }: Panel, ofSo: number) {
  const isNow = as === 'number' || as === 'words'
  const builder = isNow ? nowBuilder(as) : linesBuilder(as)
  builder
    .title(title)
    .description(says)
    .unit(unit)
    .datasource(datasource)
    .span(Math.floor(24 / Math.min(ofSo, isNow ? 6 : 3)))
    .height(isNow ? NOW_HEIGHT : PANEL_HEIGHT)
  for (const [index, { expr, legend }] of queries.entries()) {
    const refId = String.fromCodePoint('A'.charCodeAt(0) + index)
    builder.withTarget(new DataqueryBuilder().refId(refId).expr(expr).legendFormat(legend).range())
  }
  return builder
}

function nowBuilder(as: 'number' | 'words'): StatBuilder {
  const builder = new StatBuilder().reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
  return as === 'words' ? builder.textMode(BigValueTextMode.Name) : builder
}

function linesBuilder(as: 'lines' | 'stack'): TimeseriesBuilder {
  const builder = new TimeseriesBuilder().min(0).fillOpacity(as === 'stack' ? 60 : 8)
  return as === 'stack' ? builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A')) : builder
}

/** Grafana makes some up where there are none, and then nobody can link to a panel. */
const withIds = (dashboard: GrafanaDashboard): GrafanaDashboard => ({
  ...dashboard,
  panels: (dashboard.panels ?? []).map((panel, index) => ({ ...panel, id: index + 1 })),
})
