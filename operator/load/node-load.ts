// What is known of the load of one node, folded from its beats: the reading, the tier, and what that means for admission.
// Without a clock of its own. The keeper (loads.ts) feeds it what the registry shows, the simulator what its nodes would say.
import type { Monotonic } from '../ambient/clock.ts'
import type { Heartbeat, PlainLoad } from '../api/heartbeat.ts'
import type { RTCAutoscalerSpec, Targets, Watermarks } from '../api/rtcautoscaler-spec.ts'
import { inPlace } from '../registry/in-place.ts'
import { type Admission, type AdmissionState, admissionOf, fullyOpen, nextAdmission } from './admission.ts'
import { pressurePerJoinAfter, type Shown, shownAfter, withNewJoins } from './new-joins.ts'
import { type Doubt, doubtOf, type EarlierBeat } from './plausible.ts'
import { type Fullness, fullnessOf } from './pressure.ts'
import { type Reading, readingOf } from './reading.ts'
import { afterSilence, nextTier, standingIn, type TierState } from './tier.ts'

/** Changed in place by `hear` and `miss`, because thousands of beats a second are heard. */
export interface NodeLoad {
  /** Of the last beat that could be believed, however old. */
  reading: Reading | undefined
  /** The last beat is fresh and can be believed. */
  heard: boolean
  /** Another number with each beat that could be believed. */
  beat: number
  tier: TierState
  admission: AdmissionState
  earlier: EarlierBeat | undefined
  shown: Shown | undefined
}

/** What the beats of a pool are judged by; `pressurePerJoin` is learned from them. */
export interface LoadTerms {
  readonly targets: Targets
  readonly full: Fullness
  readonly watermarks: Watermarks
  pressurePerJoin: number | undefined
}

export const loadTerms = ({ targets, watermarks }: RTCAutoscalerSpec): LoadTerms => ({
  targets,
  full: fullnessOf(targets),
  watermarks,
  pressurePerJoin: undefined,
})

/** A node that was not heard yet; `standing` is what it was told before, by an earlier operator perhaps. */
export const unheard = (standing: Admission = fullyOpen): NodeLoad => ({
  reading: undefined,
  heard: false,
  beat: 0,
  tier: standingIn(standing.tier ?? 'open'),
  admission: { admission: standing, laxerSince: undefined },
  earlier: undefined,
  shown: undefined,
})

/** Why a beat was heard and tells nothing: it is doubted, or it tells of no dimension that counts. */
export const silences = ['impossible', 'jump', 'no-load'] as const satisfies readonly (Doubt | 'no-load')[]
export type Silence = (typeof silences)[number]

/** Until it is learned: a hundred people fill a node. */
const PRESSURE_PER_JOIN = 0.01
/** The agents' default. A beat that came later than that shows how late the next may come. */
const BEAT_SECONDS = 3

/** Takes one new beat in. Gives why it counts as none; undefined when it counts. */
export function hear(
  node: NodeLoad,
  beat: Heartbeat | PlainLoad,
  terms: LoadTerms,
  at: Monotonic,
): Silence | undefined {
  const doubt = doubtOf(beat, node.earlier, at)
  const sinceEarlierSeconds = node.earlier === undefined ? 0 : (at - node.earlier.at) / 1_000
  node.earlier = inPlace(node.earlier, { beat: inPlace(node.earlier?.beat, beat), at })
  const told = doubt === undefined ? readingOf(beat, terms.targets, terms.full) : undefined
  if (told === undefined) {
    miss(node)
    return doubt ?? 'no-load'
  }
  if (told.sessions !== undefined) node.shown = shownAfter(node.shown, told.sessions, at)
  terms.pressurePerJoin = pressurePerJoinAfter(terms.pressurePerJoin, told, node.shown)
  const reading = withNewJoins(told, node.shown, terms.pressurePerJoin)
  node.reading = reading
  node.heard = true
  node.beat += 1
  node.tier = nextTier(node.tier, reading.pressure, terms.watermarks, at)
  const wanted = admissionOf(node.tier.tier, reading.pressure, {
    watermarks: terms.watermarks,
    pressurePerJoin: terms.pressurePerJoin ?? PRESSURE_PER_JOIN,
    beatSeconds: Math.max(BEAT_SECONDS, sinceEarlierSeconds),
  })
  node.admission = nextAdmission(node.admission, wanted, at)
  return undefined
}

/** Nothing is heard of it any more. Its last reading stays, and its tier. */
export function miss(node: NodeLoad): void {
  node.heard = false
  node.tier = afterSilence(node.tier)
}
