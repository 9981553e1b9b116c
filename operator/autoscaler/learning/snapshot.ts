// All that a decision knows of its pool at one moment. Made by the controller's observe.ts and by the simulator; read by
// everything else in this folder, which keeps no reference to it: the caller may reuse it.
import type { Instant } from '../../ambient/clock.ts'
import type { RTCAutoscalerSpec } from '../../api/rtcautoscaler-spec.ts'
import type { Reading } from '../../load/reading.ts'

export interface NodeSample {
  readonly name: string
  /** Nodes of one shape bear alike: revision, instance type, MIG slice. */
  readonly shape: string
  /**
   * open: takes rooms, or would if its load let it. starting: will; supply that is under way. closed: its pool or people let no
   * rooms in, those who are there may finish. going: its host goes, so it takes no rooms, and those who are there will need room
   * elsewhere. leaving: it is being deleted.
   */
  readonly supply: 'open' | 'starting' | 'closed' | 'going' | 'leaving'
  /** It starts, and its pod has or had no host: one has to be made first. */
  readonly waitedForHost: boolean
  /** There is a fresh heartbeat that can be believed. */
  readonly heard: boolean
  /** Another number with each heartbeat: the same number is the same reading, and is learned from once. */
  readonly beat: number
  /** The last one heard, however old. */
  readonly reading: Reading | undefined
}

export interface Snapshot {
  readonly now: Instant
  readonly spec: RTCAutoscalerSpec
  /** spec.replicas of the pool. */
  readonly replicas: number
  readonly nodes: readonly NodeSample[]
  /** frozen: many nodes vanished from it or fell silent in it at once, so it is not believed. */
  readonly registry: { readonly inSight: boolean; readonly frozen: boolean }
}
