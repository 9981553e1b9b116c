// Tells a fault of etcd from the death of nodes: when many keys vanish at once, it is etcd. While frozen, nothing may be
// killed or scaled in because a key is missing. Pure; the fleet view keeps the count.
import type { Monotonic } from '../ambient/clock.ts'

/** A larger share of the expected keys, and at least MASS_AT_LEAST of them, missing at once is no fleet event. */
const MASS_SHARE = 0.3
const MASS_AT_LEAST = 2

export interface Census {
  /** Whether the registry is seen at all. */
  readonly inSight: boolean
  readonly present: number
  /** Gone though not told to leave, and their RTCNode still there. */
  readonly missing: number
  /** Those of the missing that went within the last lease time. */
  readonly vanishedLately: number
}

export type FreezeState =
  | { readonly state: 'thawed' }
  | {
      readonly state: 'frozen'
      readonly because: string
      readonly since: Monotonic
      /** Since when enough keys are there without a break; it thaws one lease time later. */
      readonly calmSince?: Monotonic
    }

export const OUT_OF_SIGHT = 'the registry is out of sight, or came into sight less than one lease time ago'

export const freezeCauses = ['out-of-sight', 'vanished'] as const
export const freezeCause = ({ because }: { because: string }): (typeof freezeCauses)[number] =>
  because === OUT_OF_SIGHT ? 'out-of-sight' : 'vanished'

/** Before anything was seen. */
export const frozenAtStart = (now: Monotonic): FreezeState => ({ state: 'frozen', because: OUT_OF_SIGHT, since: now })

export function nextFreeze(before: FreezeState, census: Census, ttlMs: number, now: Monotonic): FreezeState {
  const { inSight, present, missing, vanishedLately } = census
  const expected = present + missing
  const isMass = (count: number): boolean => count >= MASS_AT_LEAST && count > expected * MASS_SHARE
  const since = before.state === 'frozen' ? before.since : now
  if (!inSight) return { state: 'frozen', because: OUT_OF_SIGHT, since }
  if (isMass(vanishedLately)) {
    const because = `${missing} of ${expected} keys vanished, ${vanishedLately} of them within one lease time`
    return { state: 'frozen', because, since }
  }
  if (before.state === 'thawed') return before
  if (isMass(missing)) return { state: 'frozen', because: before.because, since }
  const calmSince = before.calmSince ?? now
  return now - calmSince >= ttlMs ? { state: 'thawed' } : { ...before, calmSince }
}
