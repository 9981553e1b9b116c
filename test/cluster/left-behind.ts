// Whatever a process's clusters have left on this machine: told by the owner's id that all their names carry. For tests
// and the demo, which promise to leave nothing.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownerOf } from './folder.ts'

/** Links, cgroups, folders, mounts and processes of the clusters that the process with this id has started. */
export function leftBehind(owner: number): string[] {
  const isTheirs = (name: string) => ownerOf(name) === owner
  const mark = `rtcnode-${owner}-`
  const links = namesIn('/sys/class/net').filter(link => isTheirs(textOf(`/sys/class/net/${link}/ifalias`)))
  const mounts = textOf('/proc/self/mountinfo')
    .split('\n')
    .filter(line => line.includes(mark))
  const processes = namesIn('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(pid => ({ pid, command: textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ') }))
    .filter(({ command }) => command.includes(mark))
  return [
    ...links.map(link => `link ${link}`),
    ...cgroupsIn('/sys/fs/cgroup')
      .filter(isTheirs)
      .map(name => `cgroup ${name}`),
    ...namesIn(tmpdir())
      .filter(isTheirs)
      .map(name => `folder ${name}`),
    ...mounts.map(line => `mount ${line}`),
    ...processes.map(({ pid, command }) => `process ${pid}: ${command}`),
  ]
}

/** Of cgroup v2, and of each controller of v1. */
const cgroupsIn = (root: string): string[] =>
  [root, ...namesIn(root).map(name => join(root, name))]
    .filter(path => existsSync(path) && statSync(path).isDirectory())
    .flatMap(namesIn)

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Empty for what is gone by now or may not be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
