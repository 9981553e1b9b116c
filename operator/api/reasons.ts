// Every reason our kinds give, in one place: the same word goes into the condition, the event, the metric and the log.

/** Why an RTCNode is where it is; the reason of its Ready condition. */
export const nodeReasons = {
  // Pending
  Pending: 'Waiting for the operator.',
  ClassNotFound: 'The class it names does not exist.',
  ClassNotAccepted: 'The class it names cannot make a pod the API server accepts.',
  PodCreated: 'The pod exists and waits for the scheduler.',
  PodRefused: 'The API server refused the pod (quota, Pod Security or validation).',
  PodNameTaken: 'Another pod has the name of this node.',
  Unschedulable: 'No host can take the pod.',
  ImagePullFailed: 'An image of the pod cannot be pulled.',
  ContainerCrashing: 'A container of the pod starts and ends again and again.',
  PodStarting: 'The pod has a host; its containers are starting.',
  AddressUnknown: 'The host does not have the address that the class asks for.',
  AwaitingRegistration: 'The pod is ready; its agent has not registered yet.',
  // Running
  Serving: 'Registered and taking new rooms.',
  Cordoned: 'Registered; takes no new rooms because spec.cordoned is true.',
  TelemetryLost: 'The pod is ready but its heartbeat is missing; nothing is done to it.',
  PodNotReady: 'The heartbeat is fresh but the pod is not ready.',
  Unhealthy: 'Heartbeat and pod are both unwell; deleted when that lasts.',
  PodDeleted: 'Somebody deleted the pod; people may finish within its grace period.',
  // why an RTCNode was deleted
  Deleted: 'Somebody deleted the RTCNode.',
  StartupTimeout: 'It did not become Running in time.',
  HealthTimeout: 'Heartbeat and pod were unwell for too long.',
  PodLost: 'The pod is gone.',
  // Terminating
  ClosingAdmission: 'Waiting for the agent to stop taking new rooms.',
  WaitingForSessions: 'People are still in calls; they may stay until the deadline.',
  Evicting: 'The deadline has come; those who are left are told to reconnect elsewhere.',
  Deregistering: 'Empty; leaving the registry.',
  DeletingPod: 'Empty and out of the registry; the pod is being deleted.',
  CleaningUp: 'The pod is gone; removing what is left.',
} as const
export type NodeReason = keyof typeof nodeReasons

/** The reason of an RTCNodeClass's Accepted condition. */
export const classReasons = {
  Accepted: 'The API server accepts the pod this class makes.',
  PodInvalid: 'The API server refuses the pod this class makes.',
  NotChecked: 'The API server could not say whether it accepts the pod this class makes.',
} as const
export type ClassReason = keyof typeof classReasons
