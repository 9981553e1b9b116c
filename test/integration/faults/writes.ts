// What an operator writes, as the proxies in front of API server and registry see it, and what becomes of it: passed on, or
// lost in one of the two ways in which a write can be lost. Every write has a name that is the same in every run.
import { FINALIZER, labels } from '../../../operator/api/marks.ts'

export interface Write {
  /** Of the object or intent; empty for what concerns no node. */
  readonly namespace: string
  /** Such as `create pod`, `status Running Serving`, `intent closed wait`. */
  readonly what: string
  /** Wall clock, milliseconds. */
  readonly at: number
  /** Set once the server took it. */
  accepted?: boolean
}

/** `lose request`: the server never hears of it. `lose answer`: it is done, and the operator never hears of that. */
export type Fate = 'pass' | 'lose request' | 'lose answer'

/** Sees every write of one operator, in order; shared by its proxies. */
export interface WriteGate {
  readonly writes: readonly Write[]
  /** Notes the write and decides. A promise holds the write back for as long. */
  meet(write: Write): Fate | Promise<Fate>
  /** From now on; by default everything passes. */
  decideBy(decide: (write: Write) => Fate | Promise<Fate>): void
}

export function writeGate(): WriteGate {
  const writes: Write[] = []
  let decide: (write: Write) => Fate | Promise<Fate> = () => 'pass'
  return {
    writes,
    meet(write) {
      writes.push(write)
      return decide(write)
    },
    decideBy(next) {
      decide = next
    },
  }
}

/** Undefined for reads, dry runs, the leader's Lease, budgets, and the release of pods. */
export function writeToApiServer(method: string, url: string, body: string): Write | undefined {
  const { pathname, searchParams } = new URL(url, 'https://api')
  if (method === 'GET' || searchParams.has('dryRun')) return undefined
  const [, namespace = '', plural = '', , subresource] =
    /^\/apis?\/(?:[^/]+\/)??v[^/]+(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(pathname) ?? []
  // The budget is of the namespace: it comes and goes beside the life of any one node.
  if (plural === 'leases' || plural === 'poddisruptionbudgets') return undefined
  const what = nameOf(method, plural, subresource, body)
  // When an idle pod is released is a matter of time, and of nothing else.
  return what === 'release pod' ? undefined : { namespace, what, at: Date.now() }
}

interface Sent {
  metadata?: { finalizers?: string[]; labels?: Record<string, string> }
  spec?: { cordoned?: boolean }
  status?: { phase?: string; conditions?: { type: string; reason: string }[]; drain?: { skipped?: string[] } }
}

function nameOf(method: string, plural: string, subresource: string | undefined, body: string): string {
  // Written late and one after the other for all nodes: which of them it is, is chance.
  if (plural === 'events') return 'event'
  const { metadata, spec, status } = JSON.parse(body === '' ? '{}' : body) as Sent
  if (subresource === 'status') {
    const ready = status?.conditions?.find(({ type }) =>
      ['Ready', 'Accepted', 'Progressing', 'ScalingActive'].includes(type),
    )
    return ['status', status?.phase, ready?.reason, ...(status?.drain?.skipped ?? [])].filter(Boolean).join(' ')
  }
  if (subresource === 'scale') return 'set replicas'
  if (method === 'PATCH' && spec?.cordoned !== undefined) return spec.cordoned ? 'close node' : 'reopen node'
  const busy = metadata?.labels?.[labels.busy]
  if (method === 'PATCH' && busy !== undefined) return busy === 'true' ? 'protect pod' : 'release pod'
  if (method === 'PATCH' && metadata?.finalizers)
    return metadata.finalizers.includes(FINALIZER) ? 'take finalizer' : 'release finalizer'
  const verb = { POST: 'create', DELETE: 'delete' }[method] ?? 'patch'
  return `${verb} ${plural.replace(/s$/, '')}`
}

/** `message` is a gRPC request to etcd's KV service: names and JSON stand in it as they are. */
export function writeToRegistry(method: string, message: Buffer): Write | undefined {
  if (method !== 'Put' && method !== 'Txn') return undefined
  const text = message.toString('latin1')
  const namespace = /\/intents\/([a-z0-9-]+)\//.exec(text)?.[1] ?? ''
  const [admission, stage] = ['admission', 'stage'].map(field => new RegExp(`"${field}":"(\\w+)"`).exec(text)?.[1])
  const intent = ['intent', admission ?? 'removed', stage].filter(Boolean).join(' ')
  return { namespace, what: namespace === '' ? 'claim the registry' : intent, at: Date.now() }
}
