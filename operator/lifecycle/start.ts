// A start reads as the list of its steps; the first that is not done speaks. A node is Running when all are done.
import { fromTimestamp, type Instant, instant } from '../ambient/clock.ts'
import { annotations, FINALIZER } from '../api/marks.ts'
import { awayFrom } from '../cluster/placement.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Situation, Step, Waiting } from './decision.ts'
import { type PodManifest, podFor, templateProblem } from './pod.ts'
import { hostAddress, isReady, startingState, startsSince } from './pod-view.ts'
import { isRegistered, missingHeartbeat, ownPod } from './seen.ts'
import { type AgentSettings, addressSourceOf } from './start-up-environment.ts'

export const startSteps = (settings: AgentSettings): readonly Step[] => [
  giveUpInTime,
  requireClass,
  takeFinalizer,
  createPod(settings),
  tellAddress,
  awaitReady,
  awaitRegistered,
]

/** Safe even if the pod serves by now: deleting an RTCNode drains it. */
function giveUpInTime(at: Situation): 'done' | Waiting {
  const { node, seen, now } = at
  const endsAt = givesUpAt(at)
  if (endsAt === undefined || now < endsAt) return 'done'
  // Its agent may have registered and nobody can tell; a registry that is down must not cost the nodes that start.
  if (seen.registration.state === 'unknown') return 'done'
  const last = conditionOf(node.status?.conditions, 'Ready')
  const why = last === undefined || last.reason === 'StartupTimeout' ? last?.message : `${last.reason}: ${last.message}`
  return {
    because: 'StartupTimeout',
    message:
      last?.reason === 'StartupTimeout'
        ? last.message
        : `not Running after ${seen.nodeClass?.spec.health.startupTimeoutSeconds} s; ${why ?? 'never started'}`,
    act: { do: 'delete-node', because: 'StartupTimeout' },
  }
}

/** When a start that goes no further is given up; undefined while nothing counts against it. */
export function givesUpAt(at: Situation): Instant | undefined {
  const timeoutSeconds = at.seen.nodeClass?.spec.health.startupTimeoutSeconds
  const since = tryingSince(at)
  return timeoutSeconds === undefined || since === undefined ? undefined : instant(since + timeoutSeconds * 1_000)
}

/**
 * A node that nobody has tried to start yet is not late: it was waiting for its class, or for the operator. So without a
 * pod the time counts only while the API server refuses one; with one, while it has a host.
 */
function tryingSince(at: Situation): Instant | undefined {
  const { node, seen } = at
  const pod = ownPod(at)
  if (pod !== undefined) return startsSince(pod)
  const refused = seen.refusal !== undefined || seen.pod !== undefined
  return refused ? fromTimestamp(node.metadata.creationTimestamp) : undefined
}

function requireClass(at: Situation): 'done' | Waiting {
  const { node, seen } = at
  // A node that has its pod needs the class no more to become Running.
  if (ownPod(at) !== undefined) return 'done'
  if (seen.nodeClass === undefined) {
    return {
      because: 'ClassNotFound',
      message: `spec.className names “${node.spec.className}”, and no RTCNodeClass has that name; create it, or create this node with another class`,
    }
  }
  const accepted = conditionOf(seen.nodeClass.status?.conditions, 'Accepted')
  const problem = templateProblem(seen.nodeClass) ?? (accepted?.status === 'False' ? accepted.message : undefined)
  if (problem === undefined) return 'done'
  return { because: 'ClassNotAccepted', message: `RTCNodeClass ${node.spec.className} is not accepted: ${problem}` }
}

/** Before anything exists that would have to be drained. */
export function takeFinalizer({ node }: Situation): 'done' | Waiting {
  if (node.metadata.finalizers?.includes(FINALIZER)) return 'done'
  return { because: 'Pending', message: 'not started yet', act: { do: 'add-finalizer' } }
}

const createPod =
  (settings: AgentSettings): Step =>
  at => {
    const { node, seen } = at
    if (ownPod(at) !== undefined) return 'done'
    if (seen.refusal !== undefined) {
      return { because: seen.refusal.reason, message: seen.refusal.message, lookAgainMs: seen.refusal.retryInMs }
    }
    if (seen.pod !== undefined) {
      return {
        because: 'PodNameTaken',
        message: `pod ${node.metadata.name} exists and belongs to somebody else; it is left alone, delete it or choose another name`,
      }
    }
    if (seen.nodeClass === undefined) return 'done'
    return {
      because: 'Pending',
      message: 'the pod is being created',
      act: { do: 'create-pod', pod: podAwayFrom(seen.hostsGoing, podFor(node, seen.nodeClass, settings)) },
    }
  }

const podAwayFrom = (hosts: readonly string[], pod: PodManifest): PodManifest => ({
  ...pod,
  spec: awayFrom(hosts, pod.spec),
})

/** Only the host knows its external address, and only once the pod is bound; the agent holds the SFU back until it is told. */
function tellAddress(at: Situation): 'done' | Waiting {
  const { nodeClass, host } = at.seen
  const pod = ownPod(at)
  if (nodeClass === undefined || pod?.spec.nodeName === undefined) return 'done'
  if (addressSourceOf(nodeClass) !== 'ExternalIP' || pod.metadata.annotations?.[annotations.address] !== undefined)
    return 'done'
  const address = hostAddress(host, 'ExternalIP')
  if (address === undefined) {
    return {
      because: 'AddressUnknown',
      message: `host ${pod.spec.nodeName} has no ExternalIP in its status.addresses; use another spec.network.addressSource in the class, or give the host one`,
    }
  }
  return {
    because: 'PodStarting',
    message: 'telling the SFU its address',
    act: { do: 'annotate-pod', uid: pod.metadata.uid, annotations: { [annotations.address]: address } },
  }
}

function awaitReady(at: Situation): 'done' | Waiting {
  const pod = ownPod(at)
  if (pod !== undefined && isReady(pod)) return 'done'
  if (pod === undefined) return { because: 'Pending', message: 'there is no pod' }
  return startingState(pod, at.seen.makersSay, at.now)
}

function awaitRegistered(at: Situation): 'done' | Waiting {
  return isRegistered(at)
    ? 'done'
    : { because: 'AwaitingRegistration', message: `the pod is ready, but ${missingHeartbeat(at)}` }
}
