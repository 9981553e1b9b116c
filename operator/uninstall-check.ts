// `rtcnode uninstall-check`: what `helm uninstall` asks first, as a hook. Without the operator nobody drains an SFU or takes the
// finalizer off its node, so nothing of ours may be there any more. Called by main.
import { systemClock } from './ambient/clock.ts'
import { systemRandom } from './ambient/random.ts'
import type { Kind } from './api/kind.ts'
import { type KubeObject, keyOf, type ObjectKey, splitKey } from './api/meta.ts'
import { RTCAutoscalerKind } from './api/rtcautoscaler.ts'
import { RTCNodeKind } from './api/rtcnode.ts'
import { RTCNodePoolKind } from './api/rtcnodepool.ts'
import { isNotFound } from './kube/errors.ts'
import { kubeMetrics } from './kube/metrics.ts'
import { type Page, resourceClient } from './kube/resource.ts'
import { type KubeTransport, kubeTransport } from './kube/transport.ts'
import { silentLogger } from './telemetry/log.ts'
import { metricRegistry } from './telemetry/metrics.ts'

/** What one deletes first stands first: an autoscaler would fill its pool again, a pool its nodes. */
const kinds: readonly Kind[] = [RTCAutoscalerKind, RTCNodePoolKind, RTCNodeKind]

export interface UninstallCheckOptions {
  /** Default: in-cluster, else as kubectl finds it. */
  readonly kubeconfigPath?: string
  /** Where to look; none for everywhere. */
  readonly namespaces: readonly string[]
  readonly version: string
}

export interface Remaining {
  readonly kind: Kind
  readonly keys: readonly ObjectKey[]
}

/** Why it must not be uninstalled yet, and what to do; undefined when it may. Rejects when that cannot be found out. */
export async function uninstallCheck(options: UninstallCheckOptions): Promise<string | undefined> {
  const transport = await kubeTransport({
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    metrics: kubeMetrics(metricRegistry()),
    userAgent: `rtcnode-uninstall-check/${options.version}`,
    ...(options.kubeconfigPath === undefined ? {} : { kubeconfigPath: options.kubeconfigPath }),
  })
  try {
    const namespaces = options.namespaces.length > 0 ? options.namespaces : [undefined]
    const remaining: Remaining[] = []
    for (const kind of kinds) {
      const keys = await Promise.all(namespaces.map(namespace => keysOf(transport, kind, namespace)))
      remaining.push({ kind, keys: keys.flat() })
    }
    return refusalFor(remaining)
  } finally {
    await transport.close()
  }
}

const PAGE = 500

async function keysOf(transport: KubeTransport, kind: Kind, namespace: string | undefined): Promise<ObjectKey[]> {
  const client = resourceClient(transport, kind)
  const keys: ObjectKey[] = []
  let next: string | undefined
  do {
    const page: Page<KubeObject> = await client
      .list({ limit: PAGE, ...(namespace && { namespace }), ...(next && { continue: next }) })
      .catch(emptyWhenNoSuchKind)
    keys.push(...page.items.map(keyOf))
    next = page.continue
  } while (next !== undefined)
  return keys
}

/** CRDs that are gone took their objects along. */
function emptyWhenNoSuchKind(error: unknown): Page<KubeObject> {
  if (isNotFound(error)) return { items: [], resourceVersion: '' }
  throw error
}

const NAMED = 3

/** The words of a refusal; undefined when nothing remains. Pure. */
export function refusalFor(remaining: readonly Remaining[]): string | undefined {
  const found = remaining.filter(({ keys }) => keys.length > 0)
  if (found.length === 0) return undefined
  const namespaces = new Set(found.flatMap(({ keys }) => keys.map(key => splitKey(key).namespace)))
  const shortNames = kinds.map(({ shortName }) => shortName).join()
  return [
    `not uninstalled. Still there: ${found.map(named).join(', ')}.`,
    'Without the operator nobody drains their SFUs, and their finalizers hold them for ever.',
    '',
    'Delete them first. This waits until people have finished their calls, or the deadline has passed:',
    ...[...namespaces].sort().map(namespace => `  kubectl delete ${shortNames} --all -n ${namespace}`),
    '',
    'Then uninstall again. To uninstall all the same and leave the SFUs to themselves: helm uninstall --no-hooks',
  ].join('\n')
}

function named({ kind: { kind }, keys }: Remaining): string {
  const names = keys.slice(0, NAMED).join(', ') + (keys.length > NAMED ? ', …' : '')
  return `${keys.length} ${kind}${keys.length === 1 ? '' : 's'} (${names})`
}
