// The marks of a pod by which those who remove hosts learn whether they have to wait: read from a pod, put on a new one, and
// turned into a patch. One file knows how others spell them.
import type { Pod } from '../../api/core.ts'
import { annotations, labels } from '../../api/marks.ts'

/** Read by Cluster Autoscaler. Without `"true"` it never takes the host of a pod that belongs to something it does not know. */
const SAFE_TO_EVICT = 'cluster-autoscaler.kubernetes.io/safe-to-evict'
/** Read by Karpenter. */
const DO_NOT_DISRUPT = 'karpenter.sh/do-not-disrupt'
/** Read by Karpenter, which takes the host with the smallest sum first: a cost of 2²⁷ is worth one pod. */
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'

/** Each as it stands on the pod; undefined where it does not. */
export interface Marks {
  readonly busy: string | undefined
  readonly safeToEvict: string | undefined
  readonly doNotDisrupt: string | undefined
  readonly deletionCost: string | undefined
  /** Since when somebody wants the host of this pod, RFC 3339. */
  readonly hostAskedForSince: string | undefined
}

type Mark = keyof Marks

const places = {
  busy: { in: 'labels', key: labels.busy },
  safeToEvict: { in: 'annotations', key: SAFE_TO_EVICT },
  doNotDisrupt: { in: 'annotations', key: DO_NOT_DISRUPT },
  deletionCost: { in: 'annotations', key: DELETION_COST },
  hostAskedForSince: { in: 'annotations', key: annotations.hostAskedForSince },
} as const satisfies Record<Mark, { in: 'labels' | 'annotations'; key: string }>

const all = Object.keys(places) as Mark[]

export const protectedBy = { busy: 'true', safeToEvict: 'false', doNotDisrupt: 'true' } as const
export const released = { busy: 'false', safeToEvict: 'true', doNotDisrupt: undefined } as const

/** All three say so; a pod that bears only some of them is neither protected nor released. */
export const isProtected = (marks: Marks): boolean => agrees(marks, protectedBy)
export const isReleased = (marks: Marks): boolean => agrees(marks, released)

const agrees = (
  marks: Marks,
  { busy, safeToEvict, doNotDisrupt }: Pick<Marks, 'busy' | 'safeToEvict' | 'doNotDisrupt'>,
) => marks.busy === busy && marks.safeToEvict === safeToEvict && marks.doNotDisrupt === doNotDisrupt

export const sameMarks = (a: Marks, b: Marks): boolean => all.every(mark => a[mark] === b[mark])

/** A Karpenter worth of an eighth of a pod, and of two: few people, many people. */
export const costs = { few: String(2 ** 24), many: String(2 ** 28) } as const

/** A pod is born protected: it costs no write, and people may come as soon as it serves. */
export const ofNewPod = inMetadata({ ...protectedBy, deletionCost: costs.few, hostAskedForSince: undefined })

export function marksOf({ metadata }: Pod): Marks {
  const read = (mark: Mark): string | undefined => metadata[places[mark].in]?.[places[mark].key]
  return Object.fromEntries(all.map(mark => [mark, read(mark)])) as Record<Mark, string | undefined>
}

type Values<V> = { readonly labels: Readonly<Record<string, V>>; readonly annotations: Readonly<Record<string, V>> }

/** A merge patch of the marks that differ and of nothing else: what others write on a pod is theirs. */
export function patchOf(now: Marks, wanted: Marks): Values<string | null> {
  const differing = all.filter(mark => now[mark] !== wanted[mark])
  return sorted(differing.map(mark => [mark, wanted[mark] ?? null] as const))
}

function inMetadata(marks: Marks): Values<string> {
  return sorted(
    all.flatMap(mark => {
      const value = marks[mark]
      return value === undefined ? [] : [[mark, value] as const]
    }),
  )
}

function sorted<V>(values: readonly (readonly [Mark, V])[]): Values<V> {
  const kept = (where: 'labels' | 'annotations') =>
    Object.fromEntries(
      values.filter(([mark]) => places[mark].in === where).map(([mark, value]) => [places[mark].key, value]),
    )
  return { labels: kept('labels'), annotations: kept('annotations') }
}
