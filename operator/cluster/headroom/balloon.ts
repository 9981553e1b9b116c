// A pod that keeps a place for a node: it asks for all that a node's pod asks for and does nothing, at a priority at which any other
// pod may take its place and Cluster Autoscaler still makes a host for it. Pure; asked by plan.ts.
import type { Container } from '../../api/core.ts'
import { hashOf } from '../../api/hash.ts'
import { annotations, labels } from '../../api/marks.ts'
import { containersOf, type Fields, HOST_LABEL, listOf, recordOf, restricted } from '../../api/pod-parts.ts'
import type { RTCNodePool } from '../../api/rtcnodepool.ts'

export interface PlaceSettings {
  /** Of a container that only waits. */
  readonly image: string
  /** Its value is −10: for pods below that Cluster Autoscaler makes no host. */
  readonly priorityClassName: string
}

export interface Place {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  }
  readonly spec: Fields
}

/** `podSpec`: of a node's pod as it would be made now. */
export function placeFor(pool: RTCNodePool, podSpec: Fields, settings: PlaceSettings): Place {
  const spec = placeSpec(podSpec, settings)
  return {
    metadata: {
      labels: { [labels.headroom]: pool.metadata.name },
      annotations: {
        [annotations.headroomHash]: hashOf(spec),
        // Whoever compacts hosts may move it; what it keeps is room, not this room.
        'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true',
      },
    },
    spec,
  }
}

/** What decides where the pod of a node fits. */
const kept = [
  'nodeSelector',
  'affinity',
  'topologySpreadConstraints',
  'schedulerName',
  'runtimeClassName',
  'hostNetwork',
]

function placeSpec(podSpec: Fields, { image, priorityClassName }: PlaceSettings): Fields {
  const waits = (container: Container): Fields => {
    const { name, resources, ports } = container
    return {
      name,
      image,
      securityContext: restricted,
      ...(resources !== undefined && { resources }),
      ...(ports !== undefined && { ports }),
    }
  }
  const besides = containersOf(podSpec['initContainers']).filter(({ restartPolicy }) => restartPolicy === 'Always')
  return {
    ...Object.fromEntries(kept.filter(field => podSpec[field] !== undefined).map(field => [field, podSpec[field]])),
    ...apart(recordOf(podSpec['affinity'])),
    tolerations: listOf(podSpec['tolerations']).filter(it => !outlivesItsHost(it)),
    priorityClassName,
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containers: [...besides, ...containersOf(podSpec['containers'])].map(waits),
  }
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'

/**
 * Where nodes share no host, they mostly keep off others by labels that they have and these pods have not, which would all find the
 * same place. Where they keep off somebody else, there comes to be more room than was asked for, never less.
 */
function apart(affinity: Fields): Fields {
  const podAntiAffinity = recordOf(affinity['podAntiAffinity'])
  const required = listOf(podAntiAffinity[REQUIRED])
  if (!required.some(({ topologyKey }) => topologyKey === HOST_LABEL)) return {}
  const others = { matchExpressions: [{ key: labels.headroom, operator: 'Exists' }] }
  const fromEachOther = { topologyKey: HOST_LABEL, labelSelector: others }
  return {
    affinity: { ...affinity, podAntiAffinity: { ...podAntiAffinity, [REQUIRED]: [...required, fromEachOther] } },
  }
}

/** A node goes on where its host does not reach the control plane; a place on such a host is none. */
const outlivesItsHost = ({ key, effect, tolerationSeconds }: Fields): boolean =>
  effect === 'NoExecute' &&
  tolerationSeconds === undefined &&
  (key === 'node.kubernetes.io/not-ready' || key === 'node.kubernetes.io/unreachable')
