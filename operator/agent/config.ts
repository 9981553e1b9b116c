// What the agent is told by its environment, which the operator writes into the pod. Called by main for `rtcnode agent`.
import { z } from 'zod'
import { type ObjectKey, objectKey } from '../api/meta.ts'
import type { RegistryOptions } from '../registry/connection.ts'
import type { LogLevel } from '../telemetry/log.ts'
import type { SfuAccess } from './adapter.ts'
import { type AdapterName, adapters } from './adapters.ts'

export interface AgentConfig {
  readonly node: ObjectKey
  /** metadata.uid of the RTCNode; also the token that preStop must show. */
  readonly nodeUID: string
  readonly podUID: string
  /** Where kubelet reaches us. */
  readonly listen: { readonly address: string; readonly port: number }
  readonly address?: string
  readonly region?: string
  /** A downward API volume that may tell address and region later. */
  readonly podInfoDir?: string
  readonly adapter: AdapterName
  readonly sfu: SfuAccess
  readonly registry: RegistryOptions
  readonly heartbeatSeconds: number
  readonly leaseTtlSeconds: number
  /** The pod's terminationGracePeriodSeconds. */
  readonly graceSeconds: number
  readonly logLevel: LogLevel
  /** OTLP over HTTP. */
  readonly tracesEndpoint?: string
}

/** Thrown with one line for each variable that is missing or wrong: its value, and what is expected instead. */
export class AgentConfigError extends Error {
  readonly variables: readonly string[]

  constructor(problems: ReadonlyMap<string, string>) {
    super([...problems.values()].join('\n'))
    this.name = 'AgentConfigError'
    this.variables = [...problems.keys()]
  }
}

const text = z.string().min(1)
const seconds = (min: number, max: number) => z.coerce.number().int().min(min).max(max)
const httpUrl = z.url({ protocol: /^https?$/ })

// Each description completes the sentence "expected …".
const variables = {
  RTCNODE_NAME: text.describe('the name of the RTCNode'),
  RTCNODE_NAMESPACE: text.describe('the namespace of the RTCNode'),
  RTCNODE_UID: text.describe('metadata.uid of the RTCNode'),
  POD_UID: text.describe('metadata.uid of this pod, from the downward API'),
  POD_IP: z.union([z.ipv4(), z.ipv6()]).default('0.0.0.0').describe('the address of the pod'),
  RTCNODE_AGENT_ADDRESS: z
    .union([z.ipv4(), z.ipv6()])
    .optional()
    .describe('the address to listen on, by default that of the pod, else all'),
  RTCNODE_ADDRESS: text.max(253).optional().describe('the address clients use, at most 253 characters'),
  RTCNODE_REGION: text.max(63).optional().describe('the region it serves, at most 63 characters'),
  RTCNODE_PODINFO_DIR: text.optional().describe('the folder of a downward API volume with a file "annotations"'),
  RTCNODE_ADAPTER: z
    .enum(Object.keys(adapters) as [AdapterName, ...AdapterName[]])
    .describe(`one of: ${Object.keys(adapters).join(', ')}`),
  RTCNODE_SFU_URL: httpUrl.default('http://127.0.0.1:7880').describe('an http:// or https:// URL of the SFU'),
  RTCNODE_SFU_METRICS_URL: httpUrl
    .default('http://127.0.0.1:6789/metrics')
    .describe("an http:// or https:// URL of the SFU's metrics"),
  RTCNODE_SFU_CPU_MILLICORES: z.coerce
    .number()
    .positive()
    .optional()
    .describe('thousandths of a CPU core, such as 1500'),
  LIVEKIT_KEYS: z
    .string()
    .regex(/^\s*[^\s:]+:\s*\S+\s*$/m)
    .optional()
    .describe('"key: secret", as livekit-server itself takes it'),
  RTCNODE_REGISTRY_ENDPOINTS: z
    .string()
    .transform(value => value.split(',').map(endpoint => endpoint.trim()))
    .pipe(z.array(httpUrl).min(1))
    .describe('URLs of etcd separated by commas, such as http://etcd:2379'),
  RTCNODE_REGISTRY_PREFIX: z
    .string()
    .regex(/^\/.*[^/]$/)
    .default('/sfu')
    .describe('a path that begins but does not end with a slash, such as /sfu'),
  RTCNODE_REGISTRY_CA_FILE: text.optional().describe('the PEM file of the authority that signed the registry'),
  RTCNODE_REGISTRY_CERT_FILE: text.optional().describe('the PEM file of our certificate'),
  RTCNODE_REGISTRY_KEY_FILE: text.optional().describe("the PEM file of our certificate's key"),
  RTCNODE_HEARTBEAT_SECONDS: seconds(1, 60).default(3).describe('whole seconds from 1 to 60'),
  RTCNODE_LEASE_TTL_SECONDS: seconds(5, 300).default(10).describe('whole seconds from 5 to 300'),
  RTCNODE_AGENT_PORT: z.coerce.number().int().min(0).max(65_535).default(9_870).describe('a port number'),
  RTCNODE_GRACE_SECONDS: seconds(0, 31_536_000)
    .default(30)
    .describe('whole seconds: terminationGracePeriodSeconds of the pod'),
  RTCNODE_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('one of: debug, info, warn, error'),
  RTCNODE_TRACES_ENDPOINT: httpUrl.optional().describe('an http:// or https:// URL that takes OpenTelemetry traces'),
}
type VariableName = keyof typeof variables

const secret: ReadonlySet<string> = new Set<VariableName>(['LIVEKIT_KEYS'])

/** Throws {@link AgentConfigError} that names all that is wrong at once. A variable that is set but empty is not set. */
export function parseAgentConfig(environment: Readonly<Record<string, string | undefined>>): AgentConfig {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = z.object(variables).safeParse(given)
  if (!parsed.success) throw new AgentConfigError(problemsOf(parsed.error, given))
  const value = parsed.data
  const contradictions = contradictionsOf(value)
  if (contradictions.size > 0) throw new AgentConfigError(contradictions)
  return {
    node: objectKey(value.RTCNODE_NAME, value.RTCNODE_NAMESPACE),
    nodeUID: value.RTCNODE_UID,
    podUID: value.POD_UID,
    listen: { address: value.RTCNODE_AGENT_ADDRESS ?? value.POD_IP, port: value.RTCNODE_AGENT_PORT },
    ...(value.RTCNODE_ADDRESS !== undefined && { address: value.RTCNODE_ADDRESS }),
    ...(value.RTCNODE_REGION !== undefined && { region: value.RTCNODE_REGION }),
    ...(value.RTCNODE_PODINFO_DIR !== undefined && { podInfoDir: value.RTCNODE_PODINFO_DIR }),
    adapter: value.RTCNODE_ADAPTER,
    sfu: {
      url: value.RTCNODE_SFU_URL,
      metricsUrl: value.RTCNODE_SFU_METRICS_URL,
      ...(value.RTCNODE_SFU_CPU_MILLICORES !== undefined && { cpuCores: value.RTCNODE_SFU_CPU_MILLICORES / 1_000 }),
      ...(value.LIVEKIT_KEYS !== undefined && { livekitKey: firstKey(value.LIVEKIT_KEYS) }),
    },
    registry: registryOf(value),
    heartbeatSeconds: value.RTCNODE_HEARTBEAT_SECONDS,
    leaseTtlSeconds: value.RTCNODE_LEASE_TTL_SECONDS,
    graceSeconds: value.RTCNODE_GRACE_SECONDS,
    logLevel: value.RTCNODE_LOG_LEVEL,
    ...(value.RTCNODE_TRACES_ENDPOINT !== undefined && { tracesEndpoint: value.RTCNODE_TRACES_ENDPOINT }),
  }
}

type Values = z.infer<z.ZodObject<typeof variables>>

function registryOf(value: Values): RegistryOptions {
  const caFile = value.RTCNODE_REGISTRY_CA_FILE
  const certFile = value.RTCNODE_REGISTRY_CERT_FILE
  const keyFile = value.RTCNODE_REGISTRY_KEY_FILE
  return {
    endpoints: value.RTCNODE_REGISTRY_ENDPOINTS,
    prefix: value.RTCNODE_REGISTRY_PREFIX,
    ...(caFile !== undefined && {
      tls: { caFile, ...(certFile !== undefined && { certFile }), ...(keyFile !== undefined && { keyFile }) },
    }),
  }
}

function problemsOf(error: z.ZodError, given: Readonly<Record<string, unknown>>): Map<string, string> {
  const names = new Set(error.issues.map(issue => String(issue.path[0])))
  return new Map([...names].map(name => [name, problemWith(name as VariableName, given[name])]))
}

function problemWith(name: VariableName, value: unknown): string {
  const found = value === undefined ? 'not set' : secret.has(name) ? 'malformed' : JSON.stringify(value)
  return `${name} is ${found}: expected ${variables[name].description}`
}

function contradictionsOf(value: Values): Map<string, string> {
  const problems = new Map<VariableName, string>()
  if (value.RTCNODE_ADAPTER === 'livekit' && value.LIVEKIT_KEYS === undefined)
    problems.set('LIVEKIT_KEYS', problemWith('LIVEKIT_KEYS', undefined))
  if ((value.RTCNODE_REGISTRY_CERT_FILE === undefined) !== (value.RTCNODE_REGISTRY_KEY_FILE === undefined))
    problems.set(
      'RTCNODE_REGISTRY_CERT_FILE',
      'RTCNODE_REGISTRY_CERT_FILE goes with RTCNODE_REGISTRY_KEY_FILE: set both or neither',
    )
  if (value.RTCNODE_LEASE_TTL_SECONDS < 2 * value.RTCNODE_HEARTBEAT_SECONDS)
    problems.set(
      'RTCNODE_LEASE_TTL_SECONDS',
      `RTCNODE_LEASE_TTL_SECONDS is ${value.RTCNODE_LEASE_TTL_SECONDS}: expected at least twice RTCNODE_HEARTBEAT_SECONDS, which is ${value.RTCNODE_HEARTBEAT_SECONDS}`,
    )
  return problems
}

/** LiveKit takes several, a line each; any of them signs for us. */
function firstKey(keys: string): { id: string; secret: string } {
  const [, id = '', secretPart = ''] = /^\s*([^\s:]+):\s*(\S+)\s*$/m.exec(keys) ?? []
  return { id, secret: secretPart }
}
