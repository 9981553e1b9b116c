// Events as those who make hosts write them, for the tests of what they mean.
import { type Instant, instant, toTimestamp } from '../../../operator/ambient/clock.ts'
import type { Uid } from '../../../operator/api/meta.ts'
import type { MakerEvent } from '../../../operator/cluster/pending.ts'

export const T0: Instant = instant(Date.parse('2030-01-01T00:00:00Z'))
export const at = (seconds: number): Instant => instant(T0 + seconds * 1_000)

export const POD_UID = 'uid-pod'
let events = 0

/** As client-go's older recorder writes them, which Karpenter and Cluster Autoscaler use. */
export function said(
  reason: string,
  seconds: number,
  { message = reason, by = '', about = {}, over = {} }: Said = {},
): MakerEvent {
  events += 1
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: `eu-1.${events}`,
      namespace: 'media',
      uid: `uid-event-${events}` as Uid,
      resourceVersion: String(events),
      creationTimestamp: toTimestamp(at(seconds)),
    },
    involvedObject: { kind: 'Pod', namespace: 'media', name: 'eu-1', uid: POD_UID, ...about },
    reason,
    message,
    source: { component: by },
    reportingComponent: by,
    lastTimestamp: toTimestamp(at(seconds)),
    eventTime: null,
    ...over,
  }
}

interface Said {
  readonly message?: string
  readonly by?: string
  readonly about?: MakerEvent['involvedObject']
  readonly over?: Partial<MakerEvent>
}

const CA = 'cluster-autoscaler'

export const triggered = (seconds: number) =>
  said('TriggeredScaleUp', seconds, { by: CA, message: 'pod triggered scale-up: [{sfu 1->2 (max: 5)}]' })
export const notTriggered = (seconds: number, why = '1 max node group size reached') =>
  said('NotTriggerScaleUp', seconds, { by: CA, message: `pod didn't trigger scale-up: ${why}` })
export const nominated = (seconds: number, claim = 'sfu-abcde') =>
  said('Nominated', seconds, { by: 'karpenter', message: `Pod should schedule on: nodeclaim/${claim}` })
export const failedScheduling = (seconds: number, by = 'karpenter') =>
  said('FailedScheduling', seconds, {
    by,
    message: 'Failed to schedule pod, all available instance types exceed limits for nodepool "sfu"',
  })
export const refused = (seconds: number, claim = 'sfu-abcde') =>
  said('InsufficientCapacityError', seconds, {
    by: 'karpenter',
    message: `NodeClaim ${claim} event: creating instance, insufficient capacity, with fleet error(s), InsufficientInstanceCapacity`,
    about: { kind: 'NodeClaim', name: claim, uid: `uid-${claim}` },
  })
