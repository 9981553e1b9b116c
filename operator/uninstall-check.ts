// `rtcnode uninstall-check`: what `helm uninstall` asks first, as a hook. Without the operator nobody drains an SFU or takes the
// finalizer off its node, so nothing of ours may be there any more. Called by main.
import type { Kind } from './api/kind.ts'
import { type KubeObject, keyOf, type ObjectKey, splitKey } from './api/meta.ts'
import { RTCAutoscalerKind } from './api/rtcautoscaler.ts'
import { RTCNodeKind } from './api/rtcnode.ts'
import { RTCNodePoolKind } from './api/rtcnodepool.ts'
import { isNotFound } from './kube/errors.ts'
import { type Page, resourceClient } from './kube/resource.ts'
import type { KubeTransport } from './kube/transport.ts'

/** What one deletes first stands first: an autoscaler would fill its pool again, a pool its nodes. */
const kinds: readonly Kind[] = [RTCAutoscalerKind, RTCNodePoolKind, RTCNodeKind]

export interface Remaining {
  readonly kind: Kind
  readonly keys: readonly ObjectKey[]
}

export interface Release {
  readonly name: string
  readonly namespace: string
}

/**
 * Why it must not be uninstalled yet, and what to do; undefined when it may. Looks into these namespaces, or everywhere when
 * none is named. Rejects when it cannot be found out.
 */
export async function uninstallCheck(
  transport: KubeTransport,
  release: Release,
  namespaces: readonly string[],
): Promise<string | undefined> {
  const places = namespaces.length > 0 ? namespaces : [undefined]
  const remaining: Remaining[] = []
  for (const kind of kinds) {
    const keys = await Promise.all(places.map(namespace => keysOf(transport, kind, namespace)))
    remaining.push({ kind, keys: keys.flat() })
  }
  return refusalFor(release, remaining)
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
export function refusalFor({ name, namespace }: Release, remaining: readonly Remaining[]): string | undefined {
  const found = remaining.filter(({ keys }) => keys.length > 0)
  if (found.length === 0) return undefined
  const places = new Set(found.flatMap(({ keys }) => keys.map(key => splitKey(key).namespace ?? '')))
  const shortNames = kinds.map(({ shortName }) => shortName).join()
  return [
    `not uninstalled. Still there: ${found.map(named).join(', ')}.`,
    'Without the operator nobody drains their SFUs, and their finalizers hold them for ever.',
    '',
    'Delete them first. This waits until people have finished their calls, or the deadline has passed:',
    ...[...places].sort().map(place => `  kubectl delete ${shortNames} --all -n ${place}`),
    'then uninstall again. Helm takes the release for half uninstalled now; to keep it instead:',
    `  helm rollback ${name} -n ${namespace}`,
    'To uninstall all the same, and leave the SFUs to themselves:',
    `  helm uninstall ${name} -n ${namespace} --no-hooks`,
  ].join('\n')
}

function named({ kind: { kind }, keys }: Remaining): string {
  const names = keys.slice(0, NAMED).join(', ') + (keys.length > NAMED ? ', …' : '')
  return `${keys.length} ${kind}${keys.length === 1 ? '' : 's'} (${names})`
}
