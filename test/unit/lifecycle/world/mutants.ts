// Operators with one classic mistake each. The world must catch every one of them: that is what makes its silence about the
// real operator worth something.
import { instant, later, toTimestamp } from '../../../../operator/ambient/clock.ts'
import type { RTCNode } from '../../../../operator/api/rtcnode.ts'
import { decide } from '../../../../operator/lifecycle/decide.ts'
import type { Decision, Observed } from '../../../../operator/lifecycle/decision.ts'
import { podFor } from '../../../../operator/lifecycle/pod.ts'
import { ownPod } from '../../../../operator/lifecycle/seen.ts'
import { settings } from '../build.ts'
import type { Tampering } from './operator.ts'

type Decide = typeof decide
const isDeleting = ({ metadata }: RTCNode): boolean => metadata.deletionTimestamp !== undefined

/** Sees the world otherwise than it is. */
const seeing = (change: (seen: Observed, node: RTCNode) => Partial<Observed>): Tampering => ({
  decide: (node, seen, now) => decide(node, { ...seen, ...change(seen, node) }, now, settings),
})
/** Concludes otherwise from what it sees. */
const concluding = (change: (decision: Decision, ...args: Parameters<Decide>) => Decision): Tampering => ({
  decide: (...args) => change(decide(...args), ...args),
})

export const mutants: Readonly<Record<string, { readonly tampering: Tampering; readonly breaks: readonly string[] }>> =
  {
    'writes without UIDs and versions': {
      tampering: { ignoreUids: true, ignoreVersions: true },
      breaks: ['I10', 'I2', 'I7'],
    },
    'writes without versions': { tampering: { ignoreVersions: true }, breaks: ['I10', 'I2'] },
    'believes its cache where it should ask the API server': {
      tampering: { believeCaches: true },
      breaks: ['I3', 'I5', 'I6', 'I17'],
    },
    'takes any pod of that name for its own': {
      tampering: seeing(({ pod }, { metadata }) => ({
        pod: pod && {
          ...pod,
          metadata: {
            ...pod.metadata,
            ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: metadata.uid, controller: true }],
          },
        },
      })),
      breaks: ['I7'],
    },
    'takes a zero for empty without an acknowledgement': {
      tampering: seeing(({ registration }) =>
        registration.state !== 'fresh'
          ? {}
          : {
              registration: {
                ...registration,
                heartbeat: { ...registration.heartbeat, ackIntent: Number.MAX_SAFE_INTEGER },
                emptySamples: registration.heartbeat.sessions === 0 ? 99 : 0,
              },
            },
      ),
      breaks: ['I1', 'I4', 'no session cut'],
    },
    'takes silence for empty': {
      tampering: concluding((decision, node, seen, now) => {
        const pod = ownPod({ node, seen, now })
        const silent = seen.registration.state === 'stale' || seen.registration.state === 'absent'
        if (!isDeleting(node) || !silent || pod === undefined || node.status?.drain === undefined) return decision
        return { ...decision, act: { do: 'delete-pod', onlyIf: pod.metadata, gracePeriodSeconds: 30 } }
      }),
      breaks: ['I1', 'I3', 'I4', 'no session cut'],
    },
    'deletes the pod first': {
      tampering: concluding((decision, node, seen, now) => {
        const pod = ownPod({ node, seen, now })
        if (!isDeleting(node) || pod === undefined || pod.metadata.deletionTimestamp !== undefined) return decision
        return { ...decision, act: { do: 'delete-pod', onlyIf: pod.metadata, gracePeriodSeconds: 30 } }
      }),
      breaks: ['I1', 'I2', 'I4'],
    },
    'deletes the pod while it is in the registry': {
      tampering: seeing(({ registration }, node) =>
        isDeleting(node) && registration.state === 'fresh' && registration.emptySamples >= 2
          ? { registration: { state: 'absent', forMs: 3_600_000 } }
          : {},
      ),
      breaks: ['I3'],
    },
    'drains before the deadline is on record': {
      tampering: {
        decide(node, seen, now) {
          const drain = { reason: 'Deleted', startedAt: toTimestamp(now), deadline: toTimestamp(later(now, 20_000)) }
          const pretended = { ...node, status: { ...node.status, phase: 'Terminating' as const, drain } }
          return decide(isDeleting(node) && node.status?.drain === undefined ? pretended : node, seen, now, settings)
        },
      },
      breaks: ['I2'],
    },
    'moves the deadline': {
      tampering: concluding((decision, _node, _seen, now) => {
        const { drain } = decision.status
        if (drain === undefined) return decision
        return {
          ...decision,
          status: { ...decision.status, drain: { ...drain, deadline: toTimestamp(later(now, 20_000)) } },
        }
      }),
      breaks: ['I2'],
    },
    'forgets what the pool told': {
      tampering: {
        decide: (node, seen, now) =>
          decide({ ...node, metadata: { ...node.metadata, annotations: {} } }, seen, now, settings),
      },
      breaks: ['I2'],
    },
    'moves people off as soon as a host is announced': {
      tampering: seeing(({ disruption }) => ({ disruption: disruption && { ...disruption, kind: 'Imminent' } })),
      breaks: ['I18', 'I1', 'no session cut'],
    },
    'does not take it back when the host stays': {
      tampering: concluding((decision, node, { intent }) => {
        const { act } = decision
        const wasLeaving = intent.state === 'known' && intent.intent.drain?.reason === 'Disrupted'
        const takesBack = act?.do === 'write-intent' && act.intent.drain === undefined
        if (isDeleting(node) || !wasLeaving || !takesBack) return decision
        return { status: decision.status, because: decision.because }
      }),
      breaks: ['L6'],
    },
    'evicts at once': {
      tampering: concluding(decision => {
        const { act } = decision
        if (act?.do !== 'write-intent' || act.intent.drain?.stage !== 'wait') return decision
        return {
          ...decision,
          act: { ...act, intent: { ...act.intent, drain: { ...act.intent.drain, stage: 'evict' } } },
        }
      }),
      breaks: ['I1', 'no session cut'],
    },
    'opens a node that drains': {
      tampering: concluding((decision, node, { intent }) => {
        if (isDeleting(node) || intent.state !== 'known' || intent.intent.drain === undefined) return decision
        const open = { podUID: intent.intent.podUID, admission: 'open', weight: 1 } as const
        return { ...decision, act: { do: 'write-intent', intent: open } }
      }),
      breaks: ['I5'],
    },
    'kills on a missing key alone': {
      tampering: concluding((decision, node) =>
        node.status?.phase === 'Running' && decision.because === 'TelemetryLost'
          ? { ...decision, act: { do: 'delete-node', because: 'StartupTimeout' } }
          : decision,
      ),
      breaks: ['I17'],
    },
    'makes a new pod for a node that lost its own': {
      tampering: concluding((decision, node, { nodeClass }) =>
        decision.because === 'PodLost' && nodeClass !== undefined
          ? { ...decision, act: { do: 'create-pod', pod: podFor(node, nodeClass, settings) } }
          : decision,
      ),
      breaks: ['I6'],
    },
    'calls a node that is unwell Pending again': {
      tampering: concluding(decision =>
        decision.because === 'PodNotReady'
          ? { ...decision, status: { ...decision.status, phase: 'Pending' } }
          : decision,
      ),
      breaks: ['I10'],
    },
    'waits for an agent for ever': {
      tampering: {
        decide(node, seen, now) {
          const deadline = Date.parse(node.status?.drain?.deadline ?? '')
          return decide(node, seen, Number.isNaN(deadline) ? now : instant(Math.min(now, deadline - 1)), settings)
        },
      },
      breaks: ['L2'],
    },
    'never looks again by itself': {
      tampering: concluding(decision => {
        const { lookAgainMs: _forgotten, ...rest } = decision
        return rest
      }),
      breaks: ['L2'],
    },
    'forgets the finalizer': {
      tampering: concluding(decision => {
        const { act, ...rest } = decision
        return act?.do === 'release-finalizer' ? rest : decision
      }),
      breaks: ['L2'],
    },
    'forgets to delete the pod': {
      tampering: concluding(decision =>
        decision.act?.do === 'delete-pod' ? { ...decision, act: { do: 'release-finalizer' } } : decision,
      ),
      breaks: ['L2'],
    },
  }
