// `make crds`: writes what is generated from the zod schemas and from the table of the operator's rights. A unit test fails when
// the files are stale.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { kinds } from '../operator/api/kinds.ts'
import { GROUP } from '../operator/api/meta.ts'
import { crdYaml } from '../operator/crds.ts'
import { apiReference } from './api-reference.ts'
import { withSignals } from './hosts-reference.ts'
import { metricsReference } from './metrics-reference.ts'
import { dashboardFiles } from './monitoring/dashboards.ts'
import { rulesYaml, runbookList } from './monitoring/rules.ts'
import { rbacTemplate } from './rbac-template.ts'

/** A chart reads only what is in its own folder. */
const crdFolders = ['crds', 'charts/rtcnode-operator/files/crds']

/** Path from the root of the repository → content. */
export const generatedFiles = (): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(
    crdFolders.flatMap(folder => kinds.map(kind => [`${folder}/${GROUP}_${kind.plural}.yaml`, crdYaml(kind)])),
  ),
  'docs/api.md': `${apiReference(kinds)}\n`,
  'docs/metrics.md': `${metricsReference()}\n`,
  'docs/hosts.md': withSignals(readFileSync(join(import.meta.dirname, '../docs/hosts.md'), 'utf8')),
  'docs/runbooks/README.md': `${runbookList()}\n`,
  'charts/rtcnode-operator/files/rules.yaml': rulesYaml(),
  ...Object.fromEntries(
    Object.entries(dashboardFiles()).map(([file, content]) => [
      `charts/rtcnode-operator/files/dashboards/${file}`,
      content,
    ]),
  ),
  'charts/rtcnode-operator/templates/rbac.yaml': rbacTemplate(),
})

if (import.meta.main) {
  for (const [path, content] of Object.entries(generatedFiles())) {
    const file = join(import.meta.dirname, '..', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    console.log(`wrote ${path}`)
  }
}
