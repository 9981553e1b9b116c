// Which RTCNodes are a pool's own, as a ReplicaSet judges its pods: by controller reference first, by selector where there is
// none. Pure; the controller reads the caches and carries out what is found here.
import { templateHash } from '../api/hash.ts'
import { labels } from '../api/marks.ts'
import { isOlder, type KubeObject } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodePool, RTCNodeTemplate } from '../api/rtcnodepool.ts'

export interface Claim {
  /** Nobody's, and the selector finds them. */
  readonly adopt: readonly RTCNode[]
  /** Ours, and somebody took off a label that the selector asks for. */
  readonly release: readonly RTCNode[]
}

/** `owned`: have the pool for controller. `orphans`: have no controller. */
export function claimOf(pool: RTCNodePool, owned: readonly RTCNode[], orphans: readonly RTCNode[]): Claim {
  const isLiving = ({ metadata }: RTCNode): boolean => metadata.deletionTimestamp === undefined
  return {
    adopt: orphans.filter(node => isLiving(node) && selects(pool, node)),
    release: owned.filter(node => isLiving(node) && !selects(pool, node)),
  }
}

export const selects = (pool: RTCNodePool, object: { readonly metadata: Pick<KubeObject['metadata'], 'labels'> }) =>
  hasAll(object.metadata.labels, pool.spec.selector.matchLabels)

const hasAll = (own: Labels | undefined, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => own?.[name] === value)
type Labels = Readonly<Record<string, string>>

/** A node that people made, without a revision on it, just as the pool would have: there is no reason to replace it. */
export function isMadeFrom({ metadata, spec }: RTCNode, template: RTCNodeTemplate): boolean {
  if (metadata.labels?.[labels.revision] !== undefined) return false
  const { labels: wantedLabels, annotations: wantedAnnotations } = template.metadata ?? {}
  const own = {
    ...(wantedLabels && { labels: sameKeys(metadata.labels, wantedLabels) }),
    ...(wantedAnnotations && { annotations: sameKeys(metadata.annotations, wantedAnnotations) }),
  }
  return templateHash({ metadata: own, spec }) === templateHash({ ...template, metadata: template.metadata ?? {} })
}

const sameKeys = (own: Labels = {}, wanted: Labels): Labels =>
  Object.fromEntries(Object.entries(own).filter(([name]) => name in wanted))

/**
 * Name of an older pool that would take the nodes this one makes, or the other way round. Two that fight over nodes would
 * make and delete them for ever, so the younger stands back; by name when they are of the same second.
 */
export function olderOverlapping(pool: RTCNodePool, ofNamespace: readonly RTCNodePool[]): string | undefined {
  return ofNamespace
    .filter(other => other.metadata.uid !== pool.metadata.uid && other.metadata.deletionTimestamp === undefined)
    .filter(other => overlap(pool, other) && isOlder(other, pool))
    .map(({ metadata }) => metadata.name)
    .sort()[0]
}

export const overlap = (a: RTCNodePool, b: RTCNodePool): boolean =>
  hasAll(b.spec.template.metadata?.labels, a.spec.selector.matchLabels) ||
  hasAll(a.spec.template.metadata?.labels, b.spec.selector.matchLabels)
