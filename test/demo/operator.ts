// The operator as users run it: the bundled program, a process of its own beside the cluster. Needs `make build`.
import { join } from 'node:path'
import { isHealthy } from '../cluster/api-client.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { createPorts } from '../cluster/ports.ts'
import { type Server, startServer } from '../cluster/process.ts'

const program = join(import.meta.dirname, '../../dist/rtcnode.js')

/** Creates the operator's namespace if need be and resolves when the operator is ready. Its log is in the cluster's folder. */
export async function startOperator(cluster: Cluster, flags: readonly string[] = []): Promise<Server> {
  const namespace = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'rtcnode-system' } })
  await cluster.kubectl(['apply', '-f-'], { input: namespace })
  const ports = createPorts()
  const port = await ports.take()
  try {
    return await startServer({
      name: 'operator',
      command: process.execPath,
      args: [
        program,
        'run',
        `--kubeconfig=${cluster.kubeconfigPath}`,
        `--registry-endpoints=${cluster.registry.endpoints.join(',')}`,
        '--metrics-address=127.0.0.1',
        `--metrics-port=${port}`,
        ...flags,
      ],
      logPath: join(cluster.dir, 'operator.log'),
      ready: signal => isHealthy(`http://127.0.0.1:${port}/readyz`, signal),
    })
  } finally {
    await ports.release()
  }
}
