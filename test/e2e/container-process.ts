// The process of a container on a real host: for tests that kill it or look at its memory, and tell nobody.
import assert from 'node:assert/strict'
import type { ContainerStatus } from '../../operator/api/core.ts'
import type { Host } from '../cluster/hosts.ts'

/** On the machine, whose process numbers the hosts share. */
export async function processOf(host: Host, container: ContainerStatus): Promise<number> {
  const { containerID = '' } = container as { containerID?: string }
  const id = containerID.replace('containerd://', '')
  const tasks = await host.run('ctr', ['--namespace', 'k8s.io', 'task', 'ls'])
  const [, pid] = new RegExp(`^${id}\\s+(\\d+)\\s+RUNNING`, 'm').exec(tasks) ?? []
  return pid === undefined ? assert.fail(`${container.name} does not run:\n${tasks}`) : Number(pid)
}
