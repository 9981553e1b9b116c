// A cluster without hosts runs no pod. Here those of Helm's hooks are run all the same: their command as a process of this
// machine, with the rights of their service account, and its exit code as the kubelet would tell it.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Cluster } from '../../cluster/cluster.ts'
import { writeKubeconfig } from '../../cluster/kubeconfig.ts'

export interface HookPods {
  /** What each has printed, in the order in which they ended. */
  readonly output: readonly string[]
  /** Rejects with what went wrong meanwhile. */
  stop(): Promise<void>
}

interface HookPod {
  metadata: { name: string; uid: string }
  spec: { serviceAccountName: string; containers: { name: string; image: string; args: string[] }[] }
}

const program = join(import.meta.dirname, '../../../operator/main.ts')

export function runHookPods({ api, apiserverUrl, authority }: Cluster, namespace: string, folder: string): HookPods {
  const output: string[] = []
  const stopping = new AbortController()
  const done = new Set<string>()
  const pods = `/api/v1/namespaces/${namespace}/pods`

  async function play({ metadata, spec }: HookPod): Promise<void> {
    const [container] = spec.containers
    if (container === undefined) throw new Error(`${metadata.name} has no container`)
    const kubeconfig = await kubeconfigOf(spec.serviceAccountName)
    const exitCode = await rtcnode([...container.args, '--kubeconfig', kubeconfig])
    const { name, image } = container
    const ended = { name, image, imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode } } }
    const phase = exitCode === 0 ? 'Succeeded' : 'Failed'
    await api.call('PATCH', `${pods}/${metadata.name}/status`, { status: { phase, containerStatuses: [ended] } })
  }

  async function kubeconfigOf(account: string): Promise<string> {
    const identity = await authority.issue({ commonName: `system:serviceaccount:${namespace}:${account}` })
    const access = { server: apiserverUrl, authorityPem: authority.certificatePem, identity }
    return writeKubeconfig(join(folder, `${account}.kubeconfig`), access)
  }

  function rtcnode(args: string[]): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const child = spawn(process.execPath, [program, ...args], { timeout: 60_000, killSignal: 'SIGKILL' })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += String(chunk)))
    child.once('error', reject)
    child.once('close', code => {
      output.push(said)
      resolve(code ?? 137)
    })
    return promise
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const { items } = (await api.call('GET', `${pods}?labelSelector=app.kubernetes.io%2Fcomponent%3Dhook`)) as {
        items: HookPod[]
      }
      for (const pod of items.filter(({ metadata }) => !done.has(metadata.uid))) {
        done.add(pod.metadata.uid)
        await play(pod)
      }
      await setTimeout(200)
    }
  }

  const running = run()
  running.catch(() => {}) // told by stop()
  return {
    output,
    stop: () => {
      stopping.abort()
      return running
    },
  }
}
