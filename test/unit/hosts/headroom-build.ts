// Pools that want head-room, what keeps it for them, and what is seen of both: for the tests of size, places, plan and buffer.
import { toTimestamp } from '../../../operator/ambient/clock.ts'
import type { Pod } from '../../../operator/api/core.ts'
import { annotations } from '../../../operator/api/marks.ts'
import type { Uid } from '../../../operator/api/meta.ts'
import type { PoolHeadroom, RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { type Place, placeFor } from '../../../operator/cluster/headroom/balloon.ts'
import type { CapacityBuffer } from '../../../operator/cluster/headroom/buffer.ts'
import { type Act, type HeadroomView, planHeadroom } from '../../../operator/cluster/headroom/plan.ts'
import { podFor } from '../../../operator/lifecycle/pod.ts'
import { aClass, aNode, settings } from '../lifecycle/build.ts'
import { aPool } from '../pool/objects.ts'
import { at } from './said.ts'

type Nodes = NonNullable<RTCNodePool['spec']['headroom']>['nodes']

export function poolWith(nodes: Nodes | undefined, replicas = 10, before?: PoolHeadroom): RTCNodePool {
  const pool = aPool()
  return {
    ...pool,
    spec: { ...pool.spec, replicas, ...(nodes !== undefined && { headroom: { nodes } }) },
    status: { ...pool.status!, ...(before !== undefined && { headroom: before }) },
  }
}

export const pause1 = { image: 'pause:1', priorityClassName: 'rtcnode-headroom' }
export const podSpec = (traits: Parameters<typeof aClass>[0] = {}) => podFor(aNode(), aClass(traits), settings).spec
export const place = placeFor(aPool(), podSpec(), pause1)
export const newer = placeFor(aPool(), podSpec(), { ...pause1, image: 'pause:2' })

interface BalloonTraits {
  readonly host?: string
  readonly of?: Place
  readonly phase?: 'Running' | 'Failed' | 'Pending'
  readonly leaving?: boolean
}

export const balloon = (number: number, { host, of = place, phase, leaving }: BalloonTraits = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `eu-headroom-${number}`,
    namespace: 'default',
    uid: `uid-${number}` as Uid,
    resourceVersion: '1',
    creationTimestamp: toTimestamp(at(0)),
    labels: of.metadata.labels,
    annotations: of.metadata.annotations,
    ...(leaving && { deletionTimestamp: toTimestamp(at(1)) }),
  },
  spec: { containers: [], ...(host !== undefined && { nodeName: host }) },
  status: { phase: phase ?? (host === undefined ? 'Pending' : 'Running') },
})

export const view = (what: Partial<HeadroomView> = {}): HeadroomView => ({
  pool: poolWith(2),
  autoscaler: undefined,
  place,
  balloons: [],
  buffer: undefined,
  buffersServed: false,
  waitsFor: ({ spec }) => (spec.nodeName === undefined ? 'HostRequested: a host is made' : undefined),
  isOnGoingHost: () => false,
  refusal: undefined,
  now: at(100),
  ...what,
})

export const nameIn = (act: Act): string =>
  'object' in act ? act.object.metadata.name : (act.manifest as { metadata: { name: string } }).metadata.name
export const actsOf = (what: Partial<HeadroomView>): string[] =>
  planHeadroom(view(what)).acts.map(act => `${act.do} ${nameIn(act)}`)

export const hash = place.metadata.annotations[annotations.headroomHash]

export const aBuffer = (
  replicas = 2,
  template = `eu-headroom-${hash}`,
  status?: CapacityBuffer['status'],
): CapacityBuffer => ({
  apiVersion: 'autoscaling.x-k8s.io/v1beta1',
  kind: 'CapacityBuffer',
  metadata: {
    name: 'eu-headroom',
    namespace: 'default',
    uid: 'uid-buffer' as Uid,
    resourceVersion: '1',
    creationTimestamp: toTimestamp(at(0)),
  },
  spec: { replicas, podTemplateRef: { name: template } },
  ...(status !== undefined && { status }),
})
