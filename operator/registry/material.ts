// What of a node could change a decision, as one text: two equal texts, and nobody needs to look again. Keeps a fleet's
// heartbeats, thousands a second, from becoming reconciles. Used by the announcements of the fleet view.
import { isClosedAndEmpty } from '../api/heartbeat.ts'
import type { KnownIntent, Registration } from './registration.ts'

/** Nobody waits for more empty samples in a row than these. */
const EMPTY_SAMPLES_THAT_MATTER = 3

export function materialOf(registration: Registration, intent: KnownIntent): string {
  const revision = 'revision' in intent ? intent.revision : ''
  return JSON.stringify([registration.state, ...details(registration), intent.state, revision])
}

function details(registration: Registration): unknown[] {
  switch (registration.state) {
    case 'fresh': {
      const { heartbeat } = registration
      const { podUID, bootId, state, sessions, ackIntent, address, region, version } = heartbeat
      const emptySamples = Math.min(registration.emptySamples, EMPTY_SAMPLES_THAT_MATTER)
      const who = [podUID, bootId, address, region, version]
      return [...who, state, ackIntent, sessions === 0, isClosedAndEmpty(heartbeat), emptySamples]
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
