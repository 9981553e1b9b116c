// What `rtcnode run` is told: flags first, then the environment (RTCNODE_…), then defaults; checked once, here. Whatever
// is wrong names itself, its value and the remedy.
import { z } from 'zod'
import { ownRules } from './cluster/rules.ts'

const seconds = (min: number, max: number) => z.coerce.number().min(min).max(max)
const port = z.coerce.number().int().min(0).max(65_535)
export const list = z
  .string()
  .transform(text =>
    text
      .split(',')
      .map(part => part.trim())
      .filter(part => part !== ''),
  )
  .refine(parts => parts.length > 0, 'name at least one')
export const endpoints = list.refine(
  parts => parts.every(part => /^https?:\/\/[^/\s]+:\d+$/.test(part)),
  'use http://host:port or https://host:port, separated by commas',
)
const filePath = z.string().min(1)
export const registryPrefix = z
  .string()
  .regex(/^\/[^\s]*[^/\s]$/, 'begin with / and do not end with it')
  .default('/sfu')
export const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, 'use a name as Kubernetes has them')
const isNamespace = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)
export const kubeconfig = {
  schema: filePath.optional(),
  help: 'kubeconfig file; default: in-cluster, else ~/.kube/config',
}
export const logLevel = {
  schema: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  help: 'debug, info, warn or error',
}

/** A command's settings: how each is spelled as flag and variable, what it means, what it may be. The help text is made of it. */
export type SettingsTable = Readonly<Record<string, { readonly schema: z.ZodType; readonly help: string }>>
export type ConfigOf<T extends SettingsTable> = { readonly [Name in keyof T]: z.output<T[Name]['schema']> }

export const runSettings = {
  kubeconfig,
  namespace: {
    schema: z.string().min(1).max(63).default('rtcnode-system'),
    help: "the operator's own namespace: its Lease lives there",
  },
  trialNamespace: {
    schema: z.string().min(1).max(63).optional(),
    help: 'where the pod of a class is tried without being made; default: as namespace',
  },
  watchNamespaces: {
    schema: list
      .refine(parts => parts.every(isNamespace), 'use names of namespaces, separated by commas')
      .transform(parts => [...new Set(parts)])
      .optional(),
    help: 'the namespaces it looks after, separated by commas; default: all',
  },
  registryEndpoints: { schema: endpoints, help: 'etcd that holds the registry, for the operator' },
  agentRegistryEndpoints: {
    schema: endpoints.optional(),
    help: 'the same etcd as pods reach it; default: as registry-endpoints',
  },
  registryPrefix: { schema: registryPrefix, help: 'prefix of all registry keys' },
  registryCaFile: { schema: filePath.optional(), help: 'CA of the registry (TLS)' },
  registryCertFile: { schema: filePath.optional(), help: 'client certificate for the registry (mTLS)' },
  registryKeyFile: { schema: filePath.optional(), help: 'key of the client certificate' },
  agentRegistrySecret: {
    schema: objectName.optional(),
    help: 'Secret with ca.crt, tls.crt and tls.key that agents show to the registry; in the namespace of each node',
  },
  identity: {
    schema: z.string().min(1).max(253).optional(),
    help: 'name of this replica in the leader Lease; default: host name and a random part',
  },
  leaseDurationSeconds: { schema: seconds(2, 300).default(15), help: 'how long a silent leader is waited for' },
  renewDeadlineSeconds: {
    schema: seconds(1, 300).default(10),
    help: 'how long the leader tries to renew before it stops',
  },
  retryPeriodSeconds: { schema: seconds(0.2, 60).default(2), help: 'how often leader and standby look at the Lease' },
  workers: { schema: z.coerce.number().int().min(1).max(1_000).default(64), help: 'RTCNodes worked on at once' },
  headroomImage: {
    schema: z.string().min(1).max(512).default('registry.k8s.io/pause:3.10'),
    help: 'image of the pods that keep room on hosts for pools with spec.headroom; its container only has to wait',
  },
  headroomPriorityClass: {
    schema: objectName.default('rtcnode-headroom'),
    help: 'PriorityClass of those pods: -10, so that any pod takes their place, and hosts are made for them all the same',
  },
  metricsPort: { schema: port.default(8_080), help: 'port of /metrics, /healthz and /readyz; 0: any free one' },
  metricsAddress: { schema: z.string().min(1).default('0.0.0.0'), help: 'address they listen on' },
  hostSignals: {
    schema: ownRules,
    help: 'how hosts announce that they go, besides the ways that are built in: a list of rules as JSON (docs/hosts.md)',
  },
  tracesEndpoint: {
    schema: z.url({ protocol: /^https?$/, error: 'use http://host:port/v1/traces, or https' }).optional(),
    help: 'where OpenTelemetry traces are sent (OTLP over HTTP); default: nowhere',
  },
  logLevel,
} as const satisfies SettingsTable

export type RunConfig = ConfigOf<typeof runSettings>

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`configuration: ${problems.join('; ')}`)
    this.problems = problems
  }
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
export const flagName = (name: string): string => `--${kebab(name)}`
export const variableName = (name: string): string => `RTCNODE_${kebab(name).replaceAll('-', '_').toUpperCase()}`

type Given = Readonly<Record<string, string | undefined>>

/** Throws ConfigError with every problem at once. */
export const runConfig = (flags: Given, environment: Given): RunConfig =>
  configOf(runSettings, flags, environment, runInconsistencies)

/** Throws ConfigError with every problem at once; `inconsistencies` looks for those of settings that are right each by itself. */
export function configOf<T extends SettingsTable>(
  settings: T,
  flags: Given,
  environment: Given,
  inconsistencies: (config: ConfigOf<T>) => readonly string[] = () => [],
): ConfigOf<T> {
  const problems: string[] = []
  const entries = Object.entries(settings).map(([name, { schema }]) => {
    const value = flags[name] ?? environment[variableName(name)]
    const parsed = schema.safeParse(value)
    if (!parsed.success) {
      const said = value === undefined ? 'is missing' : `is “${value}”`
      const why = parsed.error.issues[0]?.message ?? 'not usable'
      problems.push(`${flagName(name)} (or ${variableName(name)}) ${said}: ${why}`)
    }
    return [name, parsed.data]
  })
  const config = Object.fromEntries(entries) as ConfigOf<T>
  if (problems.length === 0) problems.push(...inconsistencies(config))
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

function runInconsistencies(config: RunConfig): string[] {
  const problems: string[] = []
  if (config.renewDeadlineSeconds >= config.leaseDurationSeconds) {
    problems.push(
      `--renew-deadline-seconds is ${config.renewDeadlineSeconds}: make it less than --lease-duration-seconds (${config.leaseDurationSeconds})`,
    )
  }
  if (config.retryPeriodSeconds >= config.renewDeadlineSeconds) {
    problems.push(
      `--retry-period-seconds is ${config.retryPeriodSeconds}: make it less than --renew-deadline-seconds (${config.renewDeadlineSeconds})`,
    )
  }
  if ((config.registryCertFile === undefined) !== (config.registryKeyFile === undefined)) {
    problems.push('--registry-cert-file and --registry-key-file go together: set both or neither')
  }
  const forAgents = config.agentRegistryEndpoints ?? config.registryEndpoints
  if (config.agentRegistrySecret !== undefined && forAgents.some(endpoint => endpoint.startsWith('http:'))) {
    problems.push('--agent-registry-secret goes with https:// endpoints: agents would show it to nobody')
  }
  return problems
}
