// A pool of four nodes for which a schedule announces eight more in five minutes, and what is seen of it: for the tests of plan and shell.
import { toTimestamp } from '../../../operator/ambient/clock.ts'
import { annotations } from '../../../operator/api/marks.ts'
import type { Uid } from '../../../operator/api/meta.ts'
import type { Announcement, PoolAnnounced, RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { type AnnouncedView, planAnnounced } from '../../../operator/cluster/announced/plan.ts'
import type { ProvisioningRequest } from '../../../operator/cluster/announced/request.ts'
import { ownerReferenceTo } from '../../../operator/kube/owner.ts'
import { place, poolWith } from './headroom-build.ts'
import { at } from './said.ts'

export const STARTS_IN = 300
export const eight: Announcement = { schedule: 'all-hands', startsAt: toTimestamp(at(STARTS_IN)), nodes: 8 }
export const NAME = 'eu-announced-203001010005'

export const poolThatTold = (announced?: PoolAnnounced, nodes?: number | 'auto'): RTCNodePool => {
  const pool = poolWith(nodes, 4)
  return { ...pool, status: { ...pool.status!, ...(announced && { announced }) } }
}

export const view = (what: Partial<AnnouncedView> = {}): AnnouncedView => ({
  pool: poolThatTold(),
  announced: eight,
  place,
  requests: [],
  areServed: true,
  refusal: undefined,
  now: at(0),
  ...what,
})

interface RequestTraits {
  readonly count?: number
  readonly name?: string
  readonly of?: typeof place
  readonly madeAt?: number
  readonly leaving?: boolean
  readonly conditions?: unknown
}

export function request(traits: RequestTraits = {}): ProvisioningRequest {
  const { count = 8, name = `${NAME}-1`, of = place, madeAt = 0, leaving = false, conditions } = traits
  return {
    apiVersion: 'autoscaling.x-k8s.io/v1',
    kind: 'ProvisioningRequest',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}` as Uid,
      resourceVersion: '1',
      creationTimestamp: toTimestamp(at(madeAt)),
      labels: { 'rtcnode.io/headroom': 'eu' },
      ownerReferences: [ownerReferenceTo(poolWith(undefined), false)],
      ...(leaving && { deletionTimestamp: toTimestamp(at(madeAt)) }),
    },
    spec: {
      provisioningClassName: 'best-effort-atomic-scale-up.autoscaling.x-k8s.io',
      podSets: [{ podTemplateRef: { name: `${name}-${of.metadata.annotations[annotations.headroomHash]}` }, count }],
    },
    ...(conditions !== undefined && { status: { conditions } }),
  }
}

export const condition = (type: string, status = 'True', reason = type, message = 'as it is said') => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: toTimestamp(at(0)),
})

export const actsOf = (what: Partial<AnnouncedView>): string[] =>
  planAnnounced(view(what)).acts.map(act => {
    const { metadata } = ('object' in act ? act.object : act.manifest) as { metadata: { name: string } }
    return `${act.do} ${metadata.name}`
  })
