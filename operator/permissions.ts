// What the operator may do in the API, row by row, and why; and what its chart offers to people. The chart's RBAC is generated
// from these tables (scripts/rbac-template.ts), and a test on a real API server compares the first one with what is used.
import { LEASE_NAME } from './api/marks.ts'
import { GROUP } from './api/meta.ts'
import { RTCAutoscalerKind } from './api/rtcautoscaler.ts'
import { RTCNodeKind } from './api/rtcnode.ts'
import { RTCNodeClassKind } from './api/rtcnodeclass.ts'
import { RTCNodePoolKind } from './api/rtcnodepool.ts'
import { BUDGET_NAME } from './cluster/protection/budget.ts'

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete'

export interface Permission<V extends string = Verb> {
  /** API group; empty for the core. */
  readonly group: string
  /** `plural` or `plural/subresource`. */
  readonly resources: readonly string[]
  readonly verbs: readonly V[]
  /** Only objects of these names. */
  readonly names?: readonly string[]
  readonly why: string
}

/** Where a row of the operator holds. */
export const places = {
  cluster: 'what has no namespace',
  watched: 'the namespaces it looks after: all of them, or those in watchNamespaces',
  sfu: 'the namespaces where SFU pods may run',
  own: 'the namespace it runs in itself',
  default: 'the namespace “default”, where events about what has no namespace are kept',
} as const
export type Place = keyof typeof places

export interface OperatorPermission extends Permission {
  readonly where: Place
  /**
   * No request of its own: asked for by the API server's admission plugin OwnerReferencesPermissionEnforcement (OpenShift has
   * it on), when the operator names an owner whose deletion waits.
   */
  readonly byAdmission?: true
}

const { plural: nodes } = RTCNodeKind
const { plural: pools } = RTCNodePoolKind
const { plural: autoscalers } = RTCAutoscalerKind
const { plural: classes } = RTCNodeClassKind

/** No wildcard, no secrets, nothing that could give itself more; pods are written only where SFUs run. */
export const operatorPermissions: readonly OperatorPermission[] = [
  {
    where: 'cluster',
    group: GROUP,
    resources: [classes],
    verbs: ['list', 'watch'],
    why: 'how nodes of a class are run',
  },
  {
    where: 'cluster',
    group: GROUP,
    resources: [`${classes}/status`],
    verbs: ['patch'],
    why: 'whether the API server accepts the pod of a class',
  },
  {
    where: 'cluster',
    group: '',
    resources: ['nodes'],
    verbs: ['list', 'watch'],
    why: 'address, region and zone of hosts, and which of them are about to go',
  },
  {
    where: 'cluster',
    group: 'karpenter.sh',
    resources: ['nodeclaims'],
    verbs: ['list', 'watch'],
    why: 'which hosts Karpenter takes down, and until when',
  },
  {
    where: 'watched',
    group: GROUP,
    resources: [nodes],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    why: 'pools make, close and delete nodes; the finalizer holds one until it is drained',
  },
  {
    where: 'watched',
    group: GROUP,
    resources: [pools],
    verbs: ['get', 'list', 'watch'],
    why: 'before nodes are adopted, or a number counts as set, the API server is asked itself',
  },
  {
    where: 'watched',
    group: GROUP,
    resources: [autoscalers],
    verbs: ['list', 'watch'],
    why: 'what people ask of an autoscaler',
  },
  {
    where: 'watched',
    group: GROUP,
    resources: [`${nodes}/status`, `${pools}/status`, `${autoscalers}/status`],
    verbs: ['patch'],
    why: 'what is so, and what was decided',
  },
  {
    where: 'watched',
    group: GROUP,
    resources: [`${pools}/scale`],
    verbs: ['patch'],
    why: 'autoscalers set replicas, and no other field of a pool',
  },
  {
    where: 'watched',
    group: GROUP,
    resources: [`${nodes}/finalizers`, `${pools}/finalizers`],
    verbs: ['update'],
    byAdmission: true,
    why: 'pods and nodes name an owner whose deletion in the foreground waits for them',
  },
  {
    where: 'watched',
    group: 'apps',
    resources: ['controllerrevisions'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    why: 'the history of a pool, for an undo',
  },
  {
    where: 'watched',
    group: '',
    resources: ['pods'],
    verbs: ['get', 'list', 'watch'],
    why: 'how the pods of nodes are; that one is gone is believed only to a live read',
  },
  {
    where: 'sfu',
    group: '',
    resources: ['pods'],
    verbs: ['create', 'patch', 'delete'],
    why: 'the pods of nodes, and the dry run that tells whether a class can make one',
  },
  {
    where: 'watched',
    group: 'policy',
    resources: ['poddisruptionbudgets'],
    verbs: ['list', 'watch'],
    why: 'a second budget that selects an SFU breaks its eviction; whose it is, is told',
  },
  {
    where: 'sfu',
    group: 'policy',
    resources: ['poddisruptionbudgets'],
    names: [BUDGET_NAME],
    verbs: ['patch', 'delete'],
    why: 'one for each namespace of SFUs, which keeps those with people from being evicted',
  },
  {
    where: 'sfu',
    group: 'policy',
    resources: ['poddisruptionbudgets'],
    verbs: ['create'],
    why: 'it comes with the first pod; the API server knows no name when it judges a create',
  },
  {
    where: 'watched',
    group: 'events.k8s.io',
    resources: ['events'],
    verbs: ['create', 'patch'],
    why: 'what happened to an object, and how often',
  },
  {
    where: 'default',
    group: 'events.k8s.io',
    resources: ['events'],
    verbs: ['create', 'patch'],
    why: 'what happened to a class',
  },
  {
    where: 'default',
    group: '',
    resources: ['events'],
    verbs: ['list', 'watch'],
    why: 'hosts that are taken back, where only an event tells of it',
  },
  {
    where: 'watched',
    group: '',
    resources: ['events'],
    verbs: ['list', 'watch'],
    why: 'whether a host is made for a pod that has none, in the words of Cluster Autoscaler and Karpenter',
  },
  {
    where: 'watched',
    group: 'autoscaling.x-k8s.io',
    resources: ['capacitybuffers'],
    verbs: ['list', 'watch'],
    why: 'the room that is kept on hosts for a pool, where the cluster serves that kind',
  },
  {
    where: 'sfu',
    group: 'autoscaling.x-k8s.io',
    resources: ['capacitybuffers'],
    verbs: ['create', 'patch', 'delete'],
    why: 'one for each pool with spec.headroom',
  },
  {
    where: 'watched',
    group: 'autoscaling.x-k8s.io',
    resources: ['provisioningrequests'],
    verbs: ['list', 'watch'],
    why: 'whether Cluster Autoscaler makes room for what a schedule announces, where the cluster serves that kind',
  },
  {
    where: 'sfu',
    group: 'autoscaling.x-k8s.io',
    resources: ['provisioningrequests'],
    verbs: ['create', 'delete'],
    why: 'one for each start that is announced; what it asks for cannot be changed',
  },
  {
    where: 'sfu',
    group: '',
    resources: ['podtemplates'],
    verbs: ['create'],
    why: 'what such a buffer or request makes room for',
  },
  {
    where: 'watched',
    group: 'autoscaling',
    resources: ['horizontalpodautoscalers'],
    verbs: ['list', 'watch'],
    why: 'an autoscaler stands back for an HPA of the same pool',
  },
  {
    where: 'watched',
    group: 'keda.sh',
    resources: ['scaledobjects'],
    verbs: ['list', 'watch'],
    why: 'and for a ScaledObject',
  },
  {
    where: 'own',
    group: 'coordination.k8s.io',
    resources: ['leases'],
    names: [LEASE_NAME],
    verbs: ['get', 'list', 'watch', 'patch'],
    why: 'who of the replicas leads',
  },
  {
    where: 'own',
    group: 'coordination.k8s.io',
    resources: ['leases'],
    verbs: ['create'],
    why: 'the first to lead makes the Lease; the API server knows no name when it judges a create',
  },
]

/** Verbs that no API request has: the admission policies of the chart ask for them. */
export const policyVerbs = {
  use: 'make nodes of a class, in a namespace',
  overrule: 'change by hand what the operator keeps calls safe with: its finalizer, its labels and annotations',
} as const
export type PolicyVerb = keyof typeof policyVerbs

export interface UserRole {
  /** Part of the name of its ClusterRole. */
  readonly name: string
  /** The role of Kubernetes that gets these rights too; without one people are bound to it by hand. */
  readonly joins?: 'view' | 'edit' | 'admin'
  readonly why: string
  readonly permissions: readonly Permission<Verb | 'deletecollection' | PolicyVerb>[]
}

const kindsOfPeople = [nodes, pools, autoscalers]

/**
 * Roles for people. Neither of the policies' verbs joins a role of Kubernetes: whoever administers a namespace must not give
 * himself a class that was not meant for it.
 */
export const userRoles: readonly UserRole[] = [
  {
    name: 'view',
    joins: 'view',
    why: 'may look at everything',
    permissions: [
      {
        group: GROUP,
        resources: [...kindsOfPeople, classes, `${pools}/scale`],
        verbs: ['get', 'list', 'watch'],
        why: 'all kinds',
      },
    ],
  },
  {
    name: 'edit',
    joins: 'edit',
    why: 'may run nodes, pools and autoscalers',
    permissions: [
      {
        group: GROUP,
        resources: kindsOfPeople,
        verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
        why: 'their spec; the status is the operator’s',
      },
      { group: GROUP, resources: [`${pools}/scale`], verbs: ['update', 'patch'], why: 'kubectl scale, an HPA, KEDA' },
    ],
  },
  {
    name: 'admin',
    joins: 'admin',
    why: 'may write classes, which have no namespace: only who has it in the whole cluster',
    permissions: [
      {
        group: GROUP,
        resources: [classes],
        verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
        why: 'a class says which pods the operator makes',
      },
    ],
  },
  {
    name: 'class-user',
    why: 'may make nodes of every class where it is bound; for single classes, write a role with resourceNames',
    permissions: [{ group: GROUP, resources: [classes], verbs: ['use'], why: policyVerbs.use }],
  },
  {
    name: 'overruler',
    why: 'may do by hand what can cut calls, when the operator cannot',
    permissions: [{ group: GROUP, resources: [nodes], verbs: ['overrule'], why: policyVerbs.overrule }],
  },
]
