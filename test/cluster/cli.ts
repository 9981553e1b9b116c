// The test cluster by hand: `node test/cluster/cli.ts up --kwok 5` keeps one in the foreground, `binaries` builds ahead.
import { parseArgs } from 'node:util'
import { type BinaryName, binaryNames, ensureBinaries, usualBinaries } from './binaries.ts'
import { startCluster } from './cluster.ts'

const usage = `usage: node test/cluster/cli.ts up [--hosts N [--services]] [--kwok N] [--registry-tls] [--audit-log]
       node test/cluster/cli.ts binaries [${binaryNames.join('|')} …]`

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    hosts: { type: 'string', default: '0' },
    services: { type: 'boolean', default: false },
    kwok: { type: 'string', default: '0' },
    'registry-tls': { type: 'boolean', default: false },
    'audit-log': { type: 'boolean', default: false },
  },
})
const [command, ...names] = positionals

if (command === 'up') await up()
else if (command === 'binaries' && names.every(isBinaryName)) await build(names)
else {
  console.error(usage)
  process.exitCode = 2
}

async function up(): Promise<void> {
  const cluster = await startCluster({
    hosts: Number(values.hosts),
    services: values.services,
    kwokNodes: Number(values.kwok),
    registryTls: values['registry-tls'],
    auditLog: values['audit-log'],
  })
  console.log(`export KUBECONFIG=${cluster.kubeconfigPath}`)
  console.log(`registry: ${cluster.registry.endpoints.join(',')}${cluster.registry.tls ? ' (mutual TLS)' : ''}`)
  console.log(`logs: ${cluster.dir}/*.log\nCtrl-C takes it all down`)
  // The servers' pipes do not keep this process alive by themselves for ever; the signal handlers of at-exit.ts end it.
  setInterval(() => undefined, 2 ** 30)
}

async function build(wanted: BinaryName[]): Promise<void> {
  const paths = await ensureBinaries(wanted.length > 0 ? wanted : usualBinaries, { log: console.error })
  for (const [name, path] of Object.entries(paths)) console.log(`${name}\t${path}`)
}

function isBinaryName(name: string): name is BinaryName {
  return binaryNames.some(known => known === name)
}
