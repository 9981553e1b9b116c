// The cgroup that holds all of one real host: its containerd and kubelet in `<name>/system`, its pods in `<name>/kubepods`.
// To end the host for sure is to kill what is in there. What differs between cgroup v1 and v2 stays in this file.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, ownerOf } from './folder.ts'

export interface HostCgroup {
  /** As kubelet's `cgroupRoot` wants it. */
  root: string
  /** Prefix of a command line: what follows runs in `<name>/system`. */
  enter: string[]
}

/**
 * Where the mounted hierarchies are: one for each controller in version 1 (and often an empty one of version 2 beside
 * them, which runc uses too), a single one in version 2. A mountinfo line has its mount point in the 5th field, proc(5).
 */
function trees(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => / - cgroup2? /.test(line))
    .map(line => line.split(' ')[4] ?? '')
    .filter(mountPoint => mountPoint.startsWith('/sys/fs/cgroup'))
}

export function createHostCgroup(name: string): HostCgroup {
  const folders = trees().map(tree => join(tree, name))
  for (const folder of folders) {
    prepare(join(folder, '..'), folder)
    prepare(folder, join(folder, 'system'))
  }
  // A process cannot be born into a cgroup by spawn, so a shell moves itself and then becomes the program.
  const script = 'while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift; exec "$@"'
  const procs = folders.map(folder => join(folder, 'system/cgroup.procs'))
  return { root: `/${name}`, enter: ['sh', '-c', script, 'enter-cgroup', ...procs, '--'] }
}

/** A v1 cpuset takes no process before it has CPUs and memory; a v2 cgroup has only the controllers its parent hands down. */
function prepare(parent: string, folder: string): void {
  const handDown = join(parent, 'cgroup.subtree_control')
  if (existsSync(handDown)) {
    const controllers = readFileSync(join(parent, 'cgroup.controllers'), 'utf8').split(/\s+/).filter(Boolean)
    writeFileSync(handDown, controllers.map(controller => `+${controller}`).join(' '))
  }
  mkdirSync(folder, { recursive: true })
  for (const setting of ['cpuset.cpus', 'cpuset.mems']) {
    const [inherited, own] = [join(parent, setting), join(folder, setting)]
    if (!existsSync(handDown) && existsSync(inherited)) writeFileSync(own, readFileSync(inherited))
  }
}

/** Ten times the share of CPU that others get when there is too little of it: for measuring beside other work. */
export function favourHostCgroup(name: string): void {
  const weights: Readonly<Record<string, string>> = { 'cpu.shares': '10240', 'cpu.weight': '1000' }
  for (const tree of trees()) {
    for (const [file, weight] of Object.entries(weights)) {
      const path = join(tree, name, file)
      if (existsSync(path)) writeFileSync(path, weight)
    }
  }
}

/**
 * Kills all processes in the cgroup and removes it. Synchronous (some 100 ms), because it must also work while this
 * process is exiting. Throws when something does not die within 5 s.
 */
export function removeHostCgroup(name: string): void {
  const folders = trees().map(tree => join(tree, name))
  const giveUpAt = Date.now() + 5_000
  for (let left = folders; left.length > 0; left = left.filter(folder => !isRemoved(folder))) {
    const pids = new Set(left.flatMap(processesBelow))
    if (Date.now() > giveUpAt) throw new Error(`cgroup ${name} still holds the processes ${[...pids].join(', ')}`)
    for (const pid of pids) kill(pid)
    sleep(10)
  }
}

/** Removes the cgroups of hosts whose owner was killed before it could do so. */
export function removeAbandonedCgroups(): void {
  const names = new Set(trees().flatMap(tree => readdirSync(tree)))
  for (const name of names) {
    const owner = ownerOf(name)
    if (owner !== undefined && !isAlive(owner)) removeHostCgroup(name)
  }
}

function processesBelow(folder: string): number[] {
  return cgroupsBelow(folder).flatMap(cgroup => {
    try {
      return readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
    } catch {
      return [] // removed since it was listed
    }
  })
}

/** Innermost first, with `folder` itself as the last; none if it does not exist. */
function cgroupsBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  const children = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory())
  return [...children.flatMap(child => cgroupsBelow(join(folder, child.name))), folder]
}

function isRemoved(folder: string): boolean {
  try {
    for (const cgroup of cgroupsBelow(folder)) rmdirSync(cgroup)
  } catch {
    // EBUSY: a killed process has not ended yet.
  }
  return !existsSync(folder)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}

const sleep = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
