// Where nodes of a class go, as their class asks: apart, so that a host takes few of them along, or together, so that hosts become
// free. Preferences only: a node that could run somewhere is never kept waiting for a better place. Pure; asked by the lifecycle
// for the pod of a node, and by the head-room for the pods that keep its place.
import type { RTCNodeClassSpec } from '../api/rtcnodeclass.ts'

export type Placement = NonNullable<RTCNodeClassSpec['placement']>

const HOST = 'kubernetes.io/hostname'
const ZONE = 'topology.kubernetes.io/zone'

type Fields = Readonly<Record<string, unknown>>

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
  const added = [ZONE, HOST]
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
  const podAffinityTerm = { topologyKey: HOST, labelSelector: { matchLabels: alike } }
  return {
    affinity: {
      ...affinity,
      podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] },
    },
  }
}

const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? (value as Fields[]) : [])
const recordOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})
