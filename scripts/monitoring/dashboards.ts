// All dashboards, and the files that the chart brings them in. Called by generate.ts.
import { type Dashboard, grafanaDashboard } from './dashboard.ts'
import { fleet } from './fleet.ts'
import { oneNode } from './one-node.ts'
import { operator } from './operator.ts'
import { scaling } from './scaling.ts'

export const dashboards: readonly Dashboard[] = [fleet, oneNode, scaling, operator]

/** File name → content. */
export const dashboardFiles = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    dashboards.map(dashboard => [
      `${dashboard.uid}.json`,
      `${JSON.stringify(grafanaDashboard(dashboard), undefined, 2)}\n`,
    ]),
  )
