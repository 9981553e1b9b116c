// Tells a fault of etcd from the death of nodes: when many keys vanish at once, or many nodes fall silent under keys that stay
// (an etcd that is full takes no heartbeat), it is etcd. While frozen, nothing may be killed or scaled in because a key or a
// beat is missing. Pure; the fleet view keeps the count.
import type { Monotonic } from '../ambient/clock.ts'

/** A larger share of the expected keys, and at least MASS_AT_LEAST of them, missing or silent at once is no fleet event. */
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
  /** There, but without a beat for longer than one may be late. */
  readonly silent: number
  /** Those of the silent that fell silent within the last lease time. */
  readonly silencedLately: number
}

export const freezeCauses = ['out-of-sight', 'vanished', 'silent'] as const
export type FreezeCause = (typeof freezeCauses)[number]

export type FreezeState =
  | { readonly state: 'thawed' }
  | {
      readonly state: 'frozen'
      readonly cause: FreezeCause
      readonly because: string
      readonly since: Monotonic
      /** Since when enough keys are there without a break; it thaws one lease time later. */
      readonly calmSince?: Monotonic
    }

export const OUT_OF_SIGHT = 'the registry is out of sight, or came into sight less than one lease time ago'

/** Before anything was seen. */
export const frozenAtStart = (now: Monotonic): FreezeState => ({
  state: 'frozen',
  cause: 'out-of-sight',
  because: OUT_OF_SIGHT,
  since: now,
})

export function nextFreeze(before: FreezeState, census: Census, ttlMs: number, now: Monotonic): FreezeState {
  const { inSight, present, missing, vanishedLately, silent, silencedLately } = census
  const expected = present + missing
  const isMass = (count: number): boolean => count >= MASS_AT_LEAST && count > expected * MASS_SHARE
  const frozen = (cause: FreezeCause, because: string): FreezeState => ({
    state: 'frozen',
    cause,
    because,
    since: before.state === 'frozen' ? before.since : now,
  })
  if (!inSight) return frozen('out-of-sight', OUT_OF_SIGHT)
  if (isMass(vanishedLately))
    return frozen(
      'vanished',
      `${missing} of ${expected} keys vanished, ${vanishedLately} of them within one lease time`,
    )
  if (isMass(silencedLately))
    return frozen(
      'silent',
      `${silent} of ${expected} nodes are silent, ${silencedLately} fell so within one lease time`,
    )
  if (before.state === 'thawed') return before
  if (isMass(missing + silent)) return frozen(before.cause, before.because)
  const calmSince = before.calmSince ?? now
  return now - calmSince >= ttlMs ? { state: 'thawed' } : { ...before, calmSince }
}
