// The folder of one cluster. Its name carries the process that owns it, so that the next run can remove what a killed
// run left behind.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The process id in a name that begins like a cluster's, be it of a folder, a bridge or a cgroup. */
export function ownerOf(name: string): number | undefined {
  const pid = /^rtcnode-(\d+)-/.exec(name)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

/** Makes `rtcnode-<pid>-<random>` under the temporary folder, and removes those of processes that are no more. */
export function createClusterFolder(): string {
  for (const name of readdirSync(tmpdir())) {
    const owner = ownerOf(name)
    if (owner !== undefined && !isAlive(owner)) removeFolder(join(tmpdir(), name))
  }
  return mkdtempSync(join(tmpdir(), `rtcnode-${process.pid}-`))
}

/** Removes a cluster's folder. Mounts below it go first: deleting through a bind mount would delete somebody else's files. */
export function removeFolder(folder: string): void {
  for (const mountPoint of mountsBelow(folder)) execFileSync('umount', ['--lazy', mountPoint], { stdio: 'ignore' })
  // Just-killed servers may still be writing their last bytes.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
}

/** Innermost first. Field 5 of a mountinfo line is the mount point (proc(5)), with blanks written as \040. */
function mountsBelow(folder: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4]?.replaceAll('\\040', ' ') ?? '')
    .filter(mountPoint => mountPoint.startsWith(`${folder}/`))
    .toReversed()
}

/** Whether a process with this id exists, of whatever user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
