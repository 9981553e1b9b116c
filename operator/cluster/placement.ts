// Where nodes of a class go, as their class asks: apart, so that a host takes few of them along, or together, so that hosts become
// free. Preferences only: a node that could run somewhere is never kept waiting for a better place. Pure; asked by the lifecycle
// for the pod of a node, and by the head-room for the pods that keep its place.
import { type Fields, HOST_LABEL, listOf, recordOf, ZONE_LABEL } from '../api/pod-parts.ts'
import type { RTCNodeClassSpec } from '../api/rtcnodeclass.ts'

export type Placement = NonNullable<RTCNodeClassSpec['placement']>

const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution'

/** More would make a pod large, and where so many go, they are tainted. */
const MOST_AVOIDED = 32

/**
 * Rather on other hosts than these, which are about to go: not all of them bear a taint (some are only announced), and a template may
 * tolerate any. Added to the spec of a pod as it is; `hosts`: by their label kubernetes.io/hostname, those that matter most
 * first.
 */
export function awayFrom(hosts: readonly string[], spec: Fields): Fields {
  if (hosts.length === 0) return spec
  const affinity = recordOf(spec['affinity'])
  const nodeAffinity = recordOf(affinity['nodeAffinity'])
  const values = hosts.slice(0, MOST_AVOIDED).toSorted()
  const preferred = [
    ...listOf(nodeAffinity[PREFERRED]),
    { weight: 100, preference: { matchExpressions: [{ key: HOST_LABEL, operator: 'NotIn', values }] } },
  ]
  return { ...spec, affinity: { ...affinity, nodeAffinity: { ...nodeAffinity, [PREFERRED]: preferred } } }
}

/**
 * What is added to a pod's spec. `template`: what the admin wrote; where it speaks of the same matter it alone counts, and nothing is
 * added. `alike`: labels that the nodes have which are to be apart or together.
 */
export function placed(
  placement: Placement | undefined,
  template: Fields,
  alike: Readonly<Record<string, string>>,
): Fields {
  if (placement === undefined) return {}
  return placement === 'Spread' ? apart(template, alike) : together(template, alike)
}

function apart(template: Fields, alike: Readonly<Record<string, string>>): Fields {
  const asked = listOf(template['topologySpreadConstraints'])
  const isAsked = (key: string): boolean => asked.some(({ topologyKey }) => topologyKey === key)
  const added = [ZONE_LABEL, HOST_LABEL]
    .filter(key => !isAsked(key))
    .map(topologyKey => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: alike },
    }))
  return added.length === 0 ? {} : { topologySpreadConstraints: [...asked, ...added] }
}

function together(template: Fields, alike: Readonly<Record<string, string>>): Fields {
  const affinity = recordOf(template['affinity'])
  if (affinity['podAffinity'] !== undefined || affinity['podAntiAffinity'] !== undefined) return {}
  const podAffinityTerm = { topologyKey: HOST_LABEL, labelSelector: { matchLabels: alike } }
  return {
    affinity: {
      ...affinity,
      podAffinity: { [PREFERRED]: [{ weight: 100, podAffinityTerm }] },
    },
  }
}
