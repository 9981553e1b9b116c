// Whether an RTCNodeClass can make a pod, found out before any node suffers from it: by what the operator knows of the
// template, and by the API server's own word on a dry run. Pure; class-controller.ts does the asking.
import type { Instant } from '../ambient/clock.ts'
import type { ClassReason } from '../api/reasons.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodeClass, RTCNodeClassStatus } from '../api/rtcnodeclass.ts'
import { conditionOf, withFindings } from '../kube/conditions.ts'
import { type PodManifest, podFor, templateProblem } from './pod.ts'
import type { AgentSettings } from './start-up-environment.ts'

/** What the API server said to a dry run of the class's pod. */
export type Trial =
  | { readonly outcome: 'accepted' }
  /** It would refuse such a pod anywhere. */
  | { readonly outcome: 'invalid'; readonly message: string }
  /** Something of the namespace or the moment was in the way (quota, Pod Security, an outage): says nothing of the class. */
  | { readonly outcome: 'not-checked'; readonly message: string }

export type ClassDecision =
  | { readonly do: 'try'; readonly pod: PodManifest }
  | { readonly do: 'tell'; readonly status: RTCNodeClassStatus }
  | { readonly do: 'nothing' }

/** One trial a generation; a trial that could not be held is repeated by the controller's back-off. */
export function decideClass(
  nodeClass: RTCNodeClass,
  trial: Trial | undefined,
  now: Instant,
  settings: AgentSettings,
  namespace: string,
): ClassDecision {
  const accepted = conditionOf(nodeClass.status?.conditions, 'Accepted')
  const judged = accepted?.observedGeneration === nodeClass.metadata.generation && accepted?.status !== 'Unknown'
  if (judged && trial === undefined) return { do: 'nothing' }
  const problem = templateProblem(nodeClass)
  if (problem === undefined && trial === undefined) {
    return { do: 'try', pod: podFor(specimen(nodeClass, namespace), nodeClass, settings) }
  }
  const { status, reason, message } = problem === undefined ? wordOf(trial) : refusedBy(problem)
  return {
    do: 'tell',
    status: {
      ...(nodeClass.metadata.generation === undefined ? {} : { observedGeneration: nodeClass.metadata.generation }),
      conditions: withFindings(
        nodeClass.status?.conditions,
        [{ type: 'Accepted', status, reason, message }],
        nodeClass.metadata.generation,
        now,
      ),
    },
  }
}

interface Word {
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: ClassReason
  readonly message: string
}

const refusedBy = (message: string): Word => ({ status: 'False', reason: 'PodInvalid', message })

function wordOf(trial: Trial | undefined): Word {
  switch (trial?.outcome) {
    case 'accepted':
      return { status: 'True', reason: 'Accepted', message: 'the API server accepts the pod of this class' }
    case 'invalid':
      return refusedBy(trial.message)
    case 'not-checked':
      return { status: 'Unknown', reason: 'NotChecked', message: trial.message }
    case undefined:
      return { status: 'Unknown', reason: 'NotChecked', message: 'not tried yet' }
  }
}

/** A node of this class that does not exist, for the dry run, and to know what one would ask of a host. */
export const specimen = (nodeClass: RTCNodeClass, namespace: string): RTCNode => ({
  apiVersion: nodeClass.apiVersion,
  kind: 'RTCNode',
  metadata: {
    name: `rtcnodeclass-${nodeClass.metadata.uid}`,
    namespace,
    uid: nodeClass.metadata.uid,
    resourceVersion: '0',
    creationTimestamp: nodeClass.metadata.creationTimestamp,
  },
  spec: { className: nodeClass.metadata.name, cordoned: false },
})
