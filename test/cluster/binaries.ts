// The programs a test cluster runs, built from Go modules on first use and kept in the user's cache folder. A test that
// needs only etcd does not wait for a kubelet. Adding a program is one row of `recipes`.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type CommandFailed, run } from './command.ts'
import { tryLock } from './lock.ts'
import { until } from './until.ts'

interface Recipe {
  /** Folder with the go.mod, relative to this one. */
  module: string
  package: string
  /** Linker variables (`-X name=value`). */
  variables?: Record<string, string>
  /** On 2 cores with a cold build cache, as told to who waits. */
  takes: string
  /** No test needs it: it is not built ahead. */
  isExtra?: true
}

/** Unset, these are not semantic versions, and kubectl's skew check, kubelet's version and Helm's kubeVersion break. */
const kubernetesVersion = (minor: number, patch: number): Record<string, string> =>
  Object.fromEntries(
    ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap(variablesOf => [
      [`${variablesOf}.gitVersion`, `v1.${minor}.${patch}`],
      [`${variablesOf}.gitMajor`, '1'],
      [`${variablesOf}.gitMinor`, `${minor}`],
    ]),
  )

const kubernetes = (command: string, takes: string): Recipe => ({
  module: 'modules/controlplane',
  package: `k8s.io/kubernetes/cmd/${command}`,
  variables: kubernetesVersion(36, 3),
  takes,
})

const recipes = {
  etcd: { module: 'modules/etcd', package: 'go.etcd.io/etcd/server/v3', takes: '1 min' },
  'kube-apiserver': kubernetes('kube-apiserver', '3 min'),
  /** The oldest that the chart says it supports. */
  'kube-apiserver-oldest': {
    module: 'modules/kube-apiserver-oldest',
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    variables: kubernetesVersion(32, 0),
    takes: '6 min',
  },
  'kube-controller-manager': kubernetes('kube-controller-manager', '2 min'),
  'kube-scheduler': kubernetes('kube-scheduler', '20 s'),
  kubectl: kubernetes('kubectl', '30 s'),
  kubelet: kubernetes('kubelet', '20 s'),
  'kube-proxy': kubernetes('kube-proxy', '20 s'),
  kwok: { module: 'modules/kwok', package: 'sigs.k8s.io/kwok/cmd/kwok', takes: '1 min' },
  helm: {
    module: 'modules/helm',
    package: 'helm.sh/helm/v4/cmd/helm',
    variables: { 'helm.sh/helm/v4/internal/version.version': 'v4.2.4' },
    takes: '1 min',
  },
  'kube-score': {
    module: 'modules/kube-score',
    package: 'github.com/zegl/kube-score/cmd/kube-score',
    takes: '1 min',
    isExtra: true,
  },
  coredns: { module: 'modules/coredns', package: '.', takes: '1 min' },
  'livekit-server': {
    module: 'modules/livekit',
    package: 'github.com/livekit/livekit-server/cmd/server',
    takes: '90 s',
  },
  'keda-operator': { module: 'modules/keda', package: 'github.com/kedacore/keda/v2/cmd/operator', takes: '7 min' },
  'keda-adapter': { module: 'modules/keda', package: 'github.com/kedacore/keda/v2/cmd/adapter', takes: '2 min' },
  karpenter: { module: 'modules/karpenter', package: 'sigs.k8s.io/karpenter/kwok', takes: '3 min' },
  pause: { module: 'modules/pause', package: '.', takes: '2 s' },
  loader: { module: '../load', package: '.', takes: '40 s' },
} satisfies Record<string, Recipe>

export type BinaryName = keyof typeof recipes
export const binaryNames = Object.keys(recipes) as BinaryName[]
/** Those that tests and demo use. */
export const usualBinaries = binaryNames.filter(name => !('isExtra' in recipes[name]))

/** Thrown when the go command fails or is not there. */
export class BuildFailed extends Error {
  readonly package: string

  constructor(goPackage: string, problem: string) {
    super(`building ${goPackage}: ${problem}`)
    this.name = 'BuildFailed'
    this.package = goPackage
  }
}

const buildWithinSeconds = 20 * 60
const buildFlags = ['-trimpath', '-pgo=off', '-buildvcs=false']
const buildEnvironment = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '', GOWORK: 'off' }

/** Paths of the named programs; builds those that are not in the cache. `log` is told before each build. */
export async function ensureBinaries<Name extends BinaryName>(
  names: readonly Name[],
  { log }: { log: (line: string) => void },
): Promise<Record<Name, string>> {
  const paths: Partial<Record<Name, string>> = {}
  // One after the other: `go build` uses all cores by itself, and each build feeds the next one's cache.
  for (const name of names) paths[name] = givenBinary(name) ?? (await cachedBinary(name, log))
  return paths as Record<Name, string>
}

/** Folder with the sources of a Go module that the program is built from: for what it brings along, such as CRDs. */
export async function sourcesOf(name: BinaryName, goModule: string): Promise<string> {
  const told = await go(['mod', 'download', '-json', goModule], recipes[name])
  return (JSON.parse(told) as { Dir: string }).Dir
}

/** KUBEBUILDER_ASSETS is the folder where envtest users keep etcd, kube-apiserver and kubectl. */
function givenBinary(name: BinaryName): string | undefined {
  const assets = process.env['KUBEBUILDER_ASSETS']
  if (!assets || !['etcd', 'kube-apiserver', 'kubectl'].includes(name)) return undefined
  const path = join(assets, name)
  return existsSync(path) ? path : undefined
}

async function cachedBinary(name: BinaryName, log: (line: string) => void): Promise<string> {
  const recipe: Recipe = recipes[name]
  const key = await cacheKey(recipe)
  const folder = join(cacheFolder(), 'bin', key)
  const path = join(folder, name)
  if (existsSync(path)) return path

  // Whoever else wants the same binary waits here for the one build, then finds it in the cache.
  const lock = await until(`the build of ${name}`, () => tryLock(`build-${key}-${name}`), {
    withinMs: buildWithinSeconds * 1_000,
    everyMs: 500,
  })
  try {
    if (existsSync(path)) return path
    log(`building ${name} (first time only, about ${recipe.takes} on 2 cores) …`)
    await mkdir(folder, { recursive: true })
    const unfinished = `${path}.${process.pid}`
    try {
      await go(['build', ...flagsOf(recipe), '-o', unfinished, recipe.package], recipe)
      await rename(unfinished, path)
    } finally {
      await rm(unfinished, { force: true })
    }
    return path
  } finally {
    await lock.release()
  }
}

/** Where built programs and packed images are kept between runs. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'rtcnode-operator')
}

function flagsOf({ variables = {} }: Recipe): string[] {
  const assignments = Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`)
  return [...buildFlags, '-ldflags', ['-s', '-w', ...assignments].join(' ')]
}

async function cacheKey(recipe: Recipe): Promise<string> {
  const hash = createHash('sha256')
  const folder = moduleFolder(recipe)
  const sources = (await readdir(folder)).filter(file => file === 'go.mod' || file === 'go.sum' || file.endsWith('.go'))
  for (const file of sources.sort()) hash.update(`${file}\0`).update(await readFile(join(folder, file)))
  hash.update(JSON.stringify([recipe.package, flagsOf(recipe), buildEnvironment]))
  hash.update(await go(['version'], recipe))
  return hash.digest('hex').slice(0, 16)
}

const moduleFolder = (recipe: Recipe): string => join(import.meta.dirname, recipe.module)

/** Runs the go command in the recipe's module and gives its output. It dies with this process. */
function go(args: string[], recipe: Recipe): Promise<string> {
  return run('setpriv', ['--pdeathsig', 'TERM', '--', 'go', ...args], {
    cwd: moduleFolder(recipe),
    env: buildEnvironment,
    timeoutSeconds: buildWithinSeconds,
  }).catch((error: CommandFailed) => {
    const problem = error.exitCode === 127 ? 'Go 1.26 or newer is needed: https://go.dev/dl' : error.message
    throw new BuildFailed(recipe.package, problem)
  })
}
