// When the load of a whole pool rises with one beat, the share of new rooms of each node changes, and all of them warm alike: to
// tell them brings nobody anything yet, while the node that would help them waits behind a thousand intents. So those who come
// together are told one after the other; a node that is to take no rooms at all is told at once. One of the controller's watches.
import type { Clock } from '../ambient/clock.ts'
import { gathered, type Watch } from '../kube/controller.ts'
import type { Loads } from '../load/loads.ts'

/** One of them costs the operator and the registry 2 ms of a core together. */
const EVERY_MS = 5
/** So many need not wait. */
const AT_ONCE = 10

export interface SharesDeps {
  readonly loads: Pick<Loads, 'admission' | 'onAdmission' | 'ready'>
  readonly clock: Clock
}

export function sharesOfRooms({ loads, clock }: SharesDeps): Watch {
  let next = Number.NEGATIVE_INFINITY
  function itsTurnInMs(): number {
    const now = clock.monotonic()
    next = Math.max(next, now - AT_ONCE * EVERY_MS) + EVERY_MS
    return Math.max(0, next - now)
  }
  return gathered({ subscribe: enqueue => loads.onAdmission(enqueue), ready: loads.ready }, key =>
    loads.admission(key).admission === 'closed' ? 0 : itsTurnInMs(),
  )
}
