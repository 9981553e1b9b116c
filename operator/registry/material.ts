// What of a node could change a decision: as long as that is the same, nobody needs to look again. Keeps a fleet's heartbeats,
// thousands a second, from becoming reconciles. Used by the announcements of the fleet view.
import { isClosedAndEmpty } from '../api/heartbeat.ts'
import type { KnownIntent, Registration } from './registration.ts'

/** Nobody waits for more empty samples in a row than these. */
const EMPTY_SAMPLES_THAT_MATTER = 3

export type Material = readonly (string | number | boolean | undefined)[]

export const materialOf = (registration: Registration, intent: KnownIntent): Material => [
  intent.state,
  'revision' in intent ? intent.revision : undefined,
  registration.state,
  ...details(registration),
]

export const isSameMaterial = (a: Material, b: Material): boolean =>
  a.length === b.length && a.every((it, index) => it === b[index])

function details(registration: Registration): Material {
  switch (registration.state) {
    case 'fresh': {
      const { heartbeat } = registration
      const { podUID, bootId, state, sessions, ackIntent, address, region, version } = heartbeat
      const emptySamples = Math.min(registration.emptySamples, EMPTY_SAMPLES_THAT_MATTER)
      const isEmpty = isClosedAndEmpty(heartbeat)
      return [podUID, bootId, address, region, version, state, ackIntent, sessions === 0, isEmpty, emptySamples]
    }
    case 'stale':
      return [registration.podUID]
    case 'rejected':
    case 'unknown':
      return [registration.because]
    case 'plain':
    case 'absent':
      return []
  }
}
