// What a tier means for those who place rooms on a node. Pure. The keeper (loads.ts) asks with each beat; the lifecycle writes
// the answer into the node's intent, so it changes in steps, and gets laxer only when that has been enough for a while.
import type { Monotonic } from '../ambient/clock.ts'
import type { Intent } from '../api/intent.ts'
import type { Watermarks } from '../api/rtcautoscaler-spec.ts'
import type { KnownIntent } from '../registry/registration.ts'
import type { Tier } from './tier.ts'

/** The part of an intent that load decides. */
export type Admission = Pick<Intent, 'admission' | 'weight' | 'joinsPerSecond' | 'tier'>

export const fullyOpen: Admission = { admission: 'open', weight: 1 }

/** What a node was told before, by an earlier operator perhaps. A node that was closed for another reason may bear a tier too. */
export function standingOf(known: KnownIntent): Admission {
  if (known.state !== 'known' || known.intent.tier === undefined) return fullyOpen
  const { tier, weight, joinsPerSecond } = known.intent
  if (tier === 'prewarm') return { admission: 'open', weight: Math.max(WEIGHT_STEP, weight), tier }
  return { admission: 'closed', weight: 0, tier, ...(joinsPerSecond === undefined ? {} : { joinsPerSecond }) }
}

export interface AdmissionTerms {
  readonly watermarks: Watermarks
  /** By how much one more person raises the pressure; see new-joins.ts. */
  readonly pressurePerJoin: number
  /** Nothing can be taken back before the next beat. */
  readonly beatSeconds: number
}

/** A weight of 0 is what a closed node has. */
const WEIGHT_STEP = 0.25
/** So far above the watermark nobody else may join at all. */
const BEYOND_PROTECT = 0.03
/** The smallest rate that is worth allowing: one person in eight seconds. */
const LEAST_RATE = 1 / 8

/**
 * prewarm: the share of rooms falls to nothing at the shed watermark, as `(shed − ρ) / (shed − prewarm)`, in quarters.
 * protect: as many joins a second as still fit before the next beat, `(protect + 0.03 − ρ) / (pressure of a join × beat)`,
 * rounded down to a power of two; 0 from there on.
 */
export function admissionOf(tier: Tier, pressure: number, terms: AdmissionTerms): Admission {
  const { prewarm, shed, protect } = terms.watermarks
  switch (tier) {
    case 'open':
      return fullyOpen
    case 'prewarm': {
      const share = (shed.enter - pressure) / (shed.enter - prewarm.enter)
      const weight = Math.min(1, Math.max(WEIGHT_STEP, WEIGHT_STEP * Math.round(share / WEIGHT_STEP)))
      return { admission: 'open', weight, tier }
    }
    case 'shed':
      return { admission: 'closed', weight: 0, tier }
    case 'protect': {
      const room = protect.enter + BEYOND_PROTECT - pressure
      const rate = room / (terms.pressurePerJoin * terms.beatSeconds)
      const joinsPerSecond = rate < LEAST_RATE ? 0 : 2 ** Math.floor(Math.log2(rate))
      return { admission: 'closed', weight: 0, joinsPerSecond, tier }
    }
  }
}

export interface AdmissionState {
  readonly admission: Admission
  /** Since when every beat would have let in more. */
  readonly laxerSince: Monotonic | undefined
}

/** Load that swings around a step would write an intent with every beat. */
const LAXER_AFTER_MS = 15_000

/**
 * Stricter at once. Laxer when all beats of the last 15 s would have been; another tier waits no longer, because it has waited
 * for its own time already. The same object when nothing has changed.
 */
export function nextAdmission(state: AdmissionState, wanted: Admission, at: Monotonic): AdmissionState {
  const { admission, laxerSince } = state
  if (wanted.tier !== admission.tier || isStricter(wanted, admission))
    return { admission: wanted, laxerSince: undefined }
  if (!isStricter(admission, wanted)) return laxerSince === undefined ? state : { admission, laxerSince: undefined }
  if (laxerSince === undefined) return { admission, laxerSince: at }
  return at - laxerSince < LAXER_AFTER_MS ? state : { admission: wanted, laxerSince: undefined }
}

const isStricter = (a: Admission, b: Admission): boolean =>
  a.weight < b.weight || (a.joinsPerSecond ?? Number.POSITIVE_INFINITY) < (b.joinsPerSecond ?? Number.POSITIVE_INFINITY)
