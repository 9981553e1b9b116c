// RTCNodePool: N alike RTCNodes behind one object with the scale subresource. People and autoscalers write the spec, the
// pool controller writes the status.
import { z } from 'zod'
import type { Kind } from './kind.ts'
import { API_VERSION, conditionsSchema, type KubeObject, timestamp } from './meta.ts'
import { poolReasons } from './reasons.ts'
import { className, drainDeadlineSeconds, region } from './rtcnode.ts'

export const MAX_REPLICAS = 10_000
/** A node is named after its pool, with `-` and five characters more. */
const MAX_POOL_NAME = 57

/** `3` or `"25%"`. A share of replicas is rounded up to at least one, so that a small pool can roll out too. */
const countOrPercent = (fallback: number | string, description: string) =>
  z
    .union([z.int().min(0).max(MAX_REPLICAS), z.string().max(16)])
    .default(fallback)
    .describe(description)
    .meta({
      'x-kubernetes-int-or-string': true,
      'x-kubernetes-validations': [
        {
          // A pattern would say the same, and nothing that people can act on.
          rule: "type(self) != string || self.matches('^(100|[1-9]?[0-9])%$')",
          message: 'must be a number like 3, or a share of replicas like "25%", at most "100%"',
        },
      ],
    })
export type CountOrPercent = number | string

const labelMap = z
  .record(
    z.string(),
    z
      .string()
      .max(63)
      .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/),
  )
  .meta({ maxProperties: 16 })

export const rtcNodeTemplateSchema = z.object({
  metadata: z
    .object({
      labels: labelMap.optional().describe('Labels of the nodes; they must include those of spec.selector.'),
      annotations: z.record(z.string(), z.string().max(4_096)).optional().describe('Annotations of the nodes.'),
    })
    .optional()
    .describe('Labels and annotations of the nodes.'),
  spec: z
    .object({
      className: className.describe('Name of the RTCNodeClass that says how the SFUs are run. Changing it rolls out.'),
      region,
      drain: z
        .object({ deadlineSeconds: drainDeadlineSeconds.optional() })
        .optional()
        .describe('How a node is emptied when it is deleted. Default: what its class says.'),
    })
    .describe('As the spec of an RTCNode; spec.cordoned is the pool’s to set.'),
})

/** The API server judges the default `{}` before it fills in those below. */
const zero = (field: string): string =>
  `has(self.${field}) && (type(self.${field}) == int ? self.${field} == 0 : self.${field} == '0%')`

const strategySchema = z.object({
  type: z
    .enum(['RollingUpdate', 'OnDelete'])
    .default('RollingUpdate')
    .describe('RollingUpdate: replaces nodes of older revisions. OnDelete: only nodes made anew get the new revision.'),
  rollingUpdate: z
    .object({
      maxSurge: countOrPercent(
        '25%',
        'How many nodes more than replicas a roll-out may have open or starting, as a number or a share of replicas ("25%"), rounded up to at least one. Nodes that empty come on top.',
      ),
      maxUnavailable: countOrPercent(
        0,
        'How many nodes fewer than replicas a roll-out may leave open, as a number or a share of replicas. 0: a replacement takes rooms before an old node stops.',
      ),
    })
    .prefault({})
    .meta({
      'x-kubernetes-validations': [
        {
          rule: `!(${zero('maxSurge')} && ${zero('maxUnavailable')})`,
          message:
            'spec.strategy.rollingUpdate.maxSurge and maxUnavailable cannot both be 0, because nothing could ever be replaced; raise one, best maxSurge',
        },
      ],
    })
    .describe('How fast a roll-out goes.'),
  partition: z
    .int()
    .min(0)
    .max(MAX_REPLICAS)
    .default(0)
    .describe('So many nodes keep the revision they have: a roll-out that stops part-way, as a canary.'),
  paused: z.boolean().default(false).describe('true: no node is replaced by a newer revision. Scaling goes on.'),
  pinnedRevision: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Undo: while set, nodes are made from the template that this revision recorded, instead of spec.template. `kubectl get controllerrevisions` lists them. What the class says is undone in the class.',
    ),
})

const scaleInSchema = z.object({
  deadlineSeconds: drainDeadlineSeconds
    .optional()
    .describe(
      'How long people may stay on a node that the pool has closed, in seconds (0 to 604800, a week). Default: what the node or its class promises.',
    ),
  emptySeconds: z
    .int()
    .min(0)
    .max(3_600)
    .default(30)
    .describe('How long a closed node must have been empty before it is deleted. Until then a scale-out reopens it.'),
})

const headroomSchema = z.object({
  nodes: z
    .union([z.int().min(0).max(1_000), z.string().max(8)])
    .describe(
      'For how many nodes. "auto": for those that demand grows by while a host is made, as the autoscaler of the pool has learned.',
    )
    .meta({
      'x-kubernetes-int-or-string': true,
      'x-kubernetes-validations': [
        {
          rule: "type(self) == string ? self == 'auto' : self >= 0 && self <= 1000",
          message: 'must be a number from 0 to 1000, or "auto"',
        },
      ],
    }),
})

const rtcNodePoolSpecSchema = z
  .object({
    replicas: z
      .int()
      .min(0)
      .max(MAX_REPLICAS)
      .default(1)
      .describe(
        'How many nodes shall take rooms. Nodes that empty come on top. Set by people, an autoscaler or an HPA.',
      ),
    selector: z
      .object({
        matchLabels: labelMap
          .meta({ maxProperties: 16, minProperties: 1 })
          .describe(
            'Labels a node must have to belong to this pool; spec.template.metadata.labels must have them too.',
          ),
      })
      .meta({
        'x-kubernetes-validations': [
          {
            rule: 'self == oldSelf',
            message:
              'spec.selector cannot be changed; create another pool, it adopts the nodes of one deleted with --cascade=orphan',
          },
        ],
      })
      .describe('Which RTCNodes of the namespace are its own. Cannot be changed.'),
    template: rtcNodeTemplateSchema.describe('What its nodes are made from. Changing it rolls out.'),
    strategy: strategySchema.prefault({}).describe('How nodes of older revisions are replaced.'),
    minReadySeconds: z
      .int()
      .min(0)
      .max(3_600)
      .default(0)
      .describe('How long a new node must have been ready before it counts as open.'),
    progressDeadlineSeconds: z
      .int()
      .min(30)
      .max(86_400)
      .default(600)
      .describe(
        'A roll-out or scale-out that got no further for so long shows Progressing=False and stops; nodes that serve are left alone.',
      ),
    scaleIn: scaleInSchema.prefault({}).describe('How nodes that are one too many leave.'),
    headroom: headroomSchema
      .optional()
      .describe(
        'Room that is kept on hosts, so that a new node starts without waiting for a host to be made: by a CapacityBuffer where the cluster serves that kind, else by pods that any other pod may take the place of. Costs what the hosts cost. Default: none.',
      ),
    revisionHistoryLimit: z
      .int()
      .min(0)
      .max(100)
      .default(10)
      .describe('How many unused revisions are kept for an undo.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: 'has(self.template.metadata) && has(self.template.metadata.labels) && self.selector.matchLabels.all(k, k in self.template.metadata.labels && self.template.metadata.labels[k] == self.selector.matchLabels[k])',
        message:
          'spec.template.metadata.labels must have every label of spec.selector.matchLabels with the same value, else the pool would not own its nodes; add them',
      },
      {
        rule: 'self.progressDeadlineSeconds > self.minReadySeconds',
        message:
          'spec.progressDeadlineSeconds must be greater than minReadySeconds, else every roll-out fails; raise it',
      },
    ],
  })
  .describe('What is wanted of this pool.')
export type RTCNodePoolSpec = z.infer<typeof rtcNodePoolSpecSchema>
export type RTCNodeTemplate = z.infer<typeof rtcNodeTemplateSchema>

const count = (description: string) => z.int().min(0).describe(description)

const headroomStatusSchema = z.object({
  wanted: count('For how many nodes.'),
  ready: count('For how many of them there is room on hosts.'),
  by: z.enum(['CapacityBuffer', 'Balloons']).describe('What keeps it. Balloons: pods that do nothing.'),
  message: z.string().max(2_048).optional().describe('Why there is not all that is wanted, or why pods keep it.'),
  announced: count('How many of them are for a schedule that begins, see status.announced.').optional(),
  changedAt: timestamp.describe('When the number wanted last changed.'),
})
export type PoolHeadroom = z.infer<typeof headroomStatusSchema>

const announcedStatusSchema = z.object({
  schedule: z
    .string()
    .max(63)
    .optional()
    .describe('Its name; absent where one ends and spec.minReplicas of the autoscaler holds again.'),
  startsAt: timestamp.describe('When the nodes are asked for.'),
  nodes: count('How many the pool does not have yet.'),
  by: z
    .enum(['ProvisioningRequest', 'Headroom', 'Nothing'])
    .describe(
      'Who has their hosts made before: Cluster Autoscaler, asked by a ProvisioningRequest; or what spec.headroom keeps.',
    ),
  message: z.string().max(2_048).optional().describe('What Cluster Autoscaler says, or why it is not asked.'),
})
export type PoolAnnounced = z.infer<typeof announcedStatusSchema>
/** What is announced, whoever makes room for it. */
export type Announcement = Omit<PoolAnnounced, 'by' | 'message'>

const rtcNodePoolStatusSchema = z
  .object({
    observedGeneration: count('The metadata.generation this status was judged against.').optional(),
    replicas: count(
      'Nodes that count against spec.replicas: all but those that are closed or being deleted, and those that a roll-out has made in advance.',
    ),
    openReplicas: count('Nodes that take new rooms, and have for minReadySeconds; those that are full for now count.'),
    readyReplicas: count('Nodes that are ready, closed ones among them.'),
    drainingReplicas: count('Nodes that are closed or being deleted; people on them may finish.'),
    disruptedReplicas: count(
      'Nodes on hosts that are about to go, closed or not; absent while there are none.',
    ).optional(),
    updatedReplicas: count('Nodes of the update revision that count against spec.replicas.'),
    sessions: count('Participants on all nodes, coarse; absent while no node tells.').optional(),
    selector: z.string().max(2_048).optional().describe('Finds the pods of this pool, for an HPA.'),
    currentRevision: z.string().max(64).optional().describe('Revision of the last complete roll-out.'),
    updateRevision: z.string().max(64).optional().describe('Revision that nodes are moving to.'),
    progressAt: timestamp.optional().describe('When roll-out or scale-out last got further.'),
    failedStarts: z
      .object({
        revision: z.string().max(64).describe('Revision whose nodes do not start.'),
        count: count('How many were given up in a row.'),
        lastAt: timestamp.describe('When the last one was given up.'),
        soonLost: z
          .boolean()
          .optional()
          .describe('Some did start and were lost within ten minutes of being made; then one has to last so long.'),
      })
      .optional()
      .describe('Nodes that did not start; new ones are made later and later, one at a time, until one does.'),
    headroom: headroomStatusSchema
      .optional()
      .describe('Room that is kept on hosts; there only if spec.headroom is set.'),
    announced: announcedStatusSchema
      .optional()
      .describe('Nodes that a schedule of its autoscaler asks for soon; there from shortly before it begins.'),
    conditions: conditionsSchema.optional(),
  })
  .describe('How this pool is; written by the operator only.')
export type RTCNodePoolStatus = z.infer<typeof rtcNodePoolStatusSchema>

export interface RTCNodePool extends KubeObject {
  readonly spec: RTCNodePoolSpec
  readonly status?: RTCNodePoolStatus
}

const poolConditions = {
  Available: 'Enough nodes take rooms: replicas less maxUnavailable.',
  Progressing: 'Where scaling and roll-out are. Its reason is the column Reason. False: it got no further.',
  Degraded: 'Some node is unwell, or does not start.',
  ScalingInhibited: 'Nodes that are one too many are kept, because something that must be known is not.',
  Contested: 'More than one of RTCAutoscaler, HPA and ScaledObject scale it. There only if that was ever so.',
  Reconciling: 'Not there yet. With Stalled, how GitOps tools (kstatus) tell InProgress from Current.',
  Stalled: 'Needs somebody: it will not get there by itself.',
} as const
export type PoolConditionType = keyof typeof poolConditions

const progressing = (field: 'reason' | 'message'): string => `.status.conditions[?(@.type=="Progressing")].${field}`

export const RTCNodePoolKind: Kind<RTCNodePool> = {
  apiVersion: API_VERSION,
  kind: 'RTCNodePool',
  plural: 'rtcnodepools',
  singular: 'rtcnodepool',
  shortName: 'rtcp',
  namespaced: true,
  description:
    'RTCNodePool is a fleet of alike RTCNodes that grows, shrinks and rolls out without cutting a call: nodes that are one too many take no new rooms, and are reopened or leave when they are empty.',
  spec: rtcNodePoolSpecSchema,
  status: rtcNodePoolStatusSchema,
  initialStatus: { replicas: 0, openReplicas: 0, readyReplicas: 0, drainingReplicas: 0, updatedReplicas: 0 },
  scale: { spec: '.spec.replicas', status: '.status.replicas', selector: '.status.selector' },
  rules: [
    {
      rule: `self.metadata.name.size() <= ${MAX_POOL_NAME}`,
      message: `metadata.name must have at most ${MAX_POOL_NAME} characters, because its nodes are named after it and may have 63; choose a shorter name`,
    },
  ],
  columns: [
    { name: 'Desired', type: 'integer', jsonPath: '.spec.replicas', description: 'Nodes that shall take rooms' },
    { name: 'Open', type: 'integer', jsonPath: '.status.openReplicas', description: 'Nodes that take rooms' },
    { name: 'Draining', type: 'integer', jsonPath: '.status.drainingReplicas', description: 'Nodes that empty' },
    {
      name: 'Updated',
      type: 'integer',
      jsonPath: '.status.updatedReplicas',
      description: 'Nodes of the update revision',
    },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas', description: 'Nodes that are ready' },
    { name: 'Sessions', type: 'integer', jsonPath: '.status.sessions', description: 'Participants, coarse' },
    { name: 'Reason', type: 'string', jsonPath: progressing('reason'), description: 'What is going on' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists' },
    {
      name: 'Revision',
      type: 'string',
      jsonPath: '.status.updateRevision',
      description: 'Update revision',
      wide: true,
    },
    { name: 'Class', type: 'string', jsonPath: '.spec.template.spec.className', description: 'Its class', wide: true },
    {
      name: 'Message',
      type: 'string',
      jsonPath: progressing('message'),
      description: 'What is going on, as a sentence',
      wide: true,
    },
  ],
  conditions: poolConditions,
  reasons: poolReasons,
}
