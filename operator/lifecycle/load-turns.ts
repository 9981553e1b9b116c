// Whose turn it is to have its load told in the status. The live load is in the registry; the status has a coarse picture for
// people, and each write of it costs the API server as much as one that matters: when a whole pool fills up, the node that helps
// must not wait behind a thousand of them. So all nodes take turns, evenly spread, and who has no news costs nothing. One of the
// controller's watches.
import type { Clock } from '../ambient/clock.ts'
import { keyOf, type ObjectKey } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { Cache } from '../kube/cache.ts'
import type { Watch } from '../kube/controller.ts'
import type { FleetView } from '../registry/fleet.ts'
import { isNews } from './status.ts'

/** In so long everybody has had a turn. */
const ROUND_MS = 30_000
/** A thousand nodes are four at a time. */
const TURNS = 300
/** The next ones wait until these are told of, but not for ever: it may be refused. 3 s. */
const PATIENCE_TURNS = 30

export interface LoadTurns extends Watch {
  /** Whether it is this node's turn, and it has news. */
  isDue(key: ObjectKey): boolean
}

export interface LoadTurnsDeps {
  readonly nodeCache: Pick<Cache<RTCNode>, 'get' | 'list'>
  readonly fleet: Pick<FleetView, 'registration'>
  readonly clock: Clock
}

export function loadTurns({ nodeCache, fleet, clock }: LoadTurnsDeps): LoadTurns {
  let left: ObjectKey[] = []
  let turnsLeft = 0
  let due: readonly ObjectKey[] = []
  let waited = 0

  /** Gives whose turn it has become. */
  function nextTurn(): readonly ObjectKey[] {
    due = due.filter(hasNews)
    waited += 1
    if (due.length > 0 && waited < PATIENCE_TURNS) return []
    waited = 0
    if (turnsLeft === 0) {
      left = [...nodeCache.list()].map(keyOf)
      turnsLeft = TURNS
    }
    due = left.splice(0, Math.ceil(left.length / turnsLeft)).filter(hasNews)
    turnsLeft -= 1
    return due
  }

  function hasNews(key: ObjectKey): boolean {
    const status = nodeCache.get(key)?.status
    const registration = fleet.registration(key)
    if (registration.state !== 'fresh' || registration.heartbeat.podUID !== status?.podUID) return false
    return isNews(status?.load, registration.heartbeat)
  }

  return {
    isDue: key => due.includes(key),
    subscribe(enqueue) {
      let cancel = (): void => undefined
      const turn = (): void => {
        cancel = clock.after(ROUND_MS / TURNS, turn)
        for (const key of nextTurn()) enqueue(key)
      }
      turn()
      return () => cancel()
    },
  }
}
