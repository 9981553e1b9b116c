// What real hosts need from the machine, and getting it where that is a Debian we are root on.
// Called by hosts.ts before it starts any, by the tests to know whether they may, and by the demo.
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { CommandFailed, run } from './command.ts'

/** Each package, and the file whose presence means it is there, wherever it came from. */
const needs = [
  { package: 'containerd', file: 'containerd' },
  { package: 'runc', file: 'runc' },
  { package: 'containernetworking-plugins', file: '/usr/lib/cni/bridge' },
  { package: 'iproute2', file: 'ip' },
  { package: 'iptables', file: 'iptables' },
  { package: 'nftables', file: 'nft' },
  { package: 'conntrack', file: 'conntrack' },
  { package: 'util-linux', file: 'nsenter' },
] as const

/** For the tests of metrics. */
const prometheusNeeds: readonly Need[] = [
  { package: 'prometheus', file: 'prometheus' },
  { package: 'prometheus', file: 'promtool' },
]

interface Need {
  readonly package: string
  readonly file: string
}

export type Possible = { possible: true } | { possible: false; because: string }

/** Whether real hosts can be started right now, without installing anything. */
export function realHostsPossible(): Possible {
  if (process.platform !== 'linux')
    return { possible: false, because: `real hosts need Linux, this is ${process.platform}` }
  if (process.getuid?.() !== 0)
    return { possible: false, because: 'real hosts need root: they make network namespaces' }
  const missing = missingPackages()
  if (missing.length > 0) return { possible: false, because: `missing packages; run \`${installCommand(missing)}\`` }
  return { possible: true }
}

/** Installs what is missing if it can, says so through `log`, and tells what is still in the way. Never throws. */
export async function ensureHostPackages({ log }: { log: (line: string) => void }): Promise<Possible> {
  const missing = missingPackages()
  if (missing.length === 0 || process.getuid?.() !== 0 || !isExecutable('apt-get')) return realHostsPossible()
  log(`installing for the real hosts: ${installCommand(missing)}`)
  try {
    await install(missing)
    // Debian starts what it installs. Every host runs a containerd of its own, so the machine's is not wanted.
    const systemd = existsSync('/run/systemd/system')
    if (systemd && missing.includes('containerd')) await run('systemctl', ['disable', '--now', 'containerd'])
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    return { possible: false, because: `${error.message}; run \`${installCommand(missing)}\` by hand` }
  }
  return realHostsPossible()
}

/** Prometheus and promtool on the PATH; installed if they are missing and that can be done. Never throws. */
export async function ensurePrometheus({ log }: { log: (line: string) => void }): Promise<Possible> {
  const missing = missingPackages(prometheusNeeds)
  if (missing.length === 0) return { possible: true }
  if (process.getuid?.() !== 0 || !isExecutable('apt-get'))
    return { possible: false, because: `missing packages; run \`${installCommand(missing)}\`` }
  log(`installing for the tests of metrics: ${installCommand(missing)}`)
  using _ = withoutStarting()
  try {
    await install(missing)
    return { possible: true }
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    return { possible: false, because: `${error.message}; run \`${installCommand(missing)}\` by hand` }
  }
}

/** Throws CommandFailed. One at a time: test files side by side on a new machine install the same at the same moment. */
async function install(packages: readonly string[]): Promise<void> {
  const options = { timeoutSeconds: 300, env: { DEBIAN_FRONTEND: 'noninteractive' } }
  // apt itself waits for nobody who reads the lists of packages.
  const alone = ['/var/lib/apt', 'apt-get', '-q']
  await run('flock', [...alone, 'update'], options)
  await run('flock', [...alone, 'install', '-y', '--no-install-recommends', ...packages], options)
}

/** Debian starts what it installs, unless this says no (https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt). */
function withoutStarting(): Disposable {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return { [Symbol.dispose]: () => undefined }
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return { [Symbol.dispose]: () => rmSync(policy, { force: true }) }
}

const missingPackages = (of: readonly Need[] = needs): string[] => [
  ...new Set(of.filter(need => !isExecutable(need.file)).map(need => need.package)),
]

const installCommand = (packages: string[]): string =>
  `apt-get install -y --no-install-recommends ${packages.join(' ')}`

function isExecutable(file: string): boolean {
  // An ordinary user's PATH often lacks sbin, where ip and nft live.
  const folders = file.startsWith('/') ? [''] : [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some(folder => {
    try {
      accessSync(join(folder, file), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
