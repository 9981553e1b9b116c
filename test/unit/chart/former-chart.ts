// The version before this one, as it were, until there is one: the chart under another version, and its pools cannot be pinned
// to a revision yet. For the tests of upgrades.
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { chart } from './chart.ts'

export const FORMER_VERSION = '0.0.9'

/** Gives its path, in the folder. */
export function formerChart(folder: string): string {
  const path = join(folder, 'former-chart')
  cpSync(chart, path, { recursive: true })
  rewrite(join(path, 'Chart.yaml'), it => Object.assign(it, { version: FORMER_VERSION, appVersion: FORMER_VERSION }))
  rewrite(join(path, 'files/crds/rtcnode.io_rtcnodepools.yaml'), it => delete strategyIn(it)['pinnedRevision'])
  return path
}

// oxlint-disable-next-line typescript/no-explicit-any -- a CRD, of which one part is read
export const strategyIn = (poolCrd: any): Record<string, unknown> =>
  poolCrd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.strategy.properties

// oxlint-disable-next-line typescript/no-explicit-any -- whatever the file holds
function rewrite(file: string, change: (content: any) => unknown): void {
  const content = parse(readFileSync(file, 'utf8'))
  change(content)
  writeFileSync(file, stringify(content))
}
