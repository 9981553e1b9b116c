// `make manifests`: the chart with its default values as one file of plain YAML, for those without Helm:
// kubectl apply --server-side -f dist/rtcnode.yaml
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { ensureBinaries } from '../test/cluster/binaries.ts'
import { run } from '../test/cluster/command.ts'

const root = join(import.meta.dirname, '..')
const namespace = 'rtcnode-system'

/** Without hooks: those are Helm's, such as the question before `helm uninstall`. */
export async function plainManifests(): Promise<string> {
  const { helm } = await ensureBinaries(['helm'], { log: console.error })
  const chart = join(root, 'charts/rtcnode-operator')
  const rendered = await run(helm, ['template', 'rtcnode', chart, '--namespace', namespace, '--no-hooks'])
  const own = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  }
  return `${stringify(own)}${rendered}`
}

if (import.meta.main) {
  const path = 'dist/rtcnode.yaml'
  mkdirSync(join(root, 'dist'), { recursive: true })
  writeFileSync(join(root, path), await plainManifests())
  console.log(`wrote ${path}`)
}
