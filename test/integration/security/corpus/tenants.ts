// What somebody tries who may run SFUs in a namespace: to get more than that through our kinds and the operator that serves them.
// `victim` is a node of his with people on it, `mine` a pool of his.
import { api, autoscaler, create, patch, pool, type Refused, refused, rtcNode } from './requests.ts'

const mayNotUse = [
  /tenant may not use the RTCNodeClass vip in the namespace rtc/,
  /ClusterRole rtcnode-system-rtcnode-class-user/,
]
const overrule = /ClusterRole rtcnode-system-rtcnode-overruler/
const forbidden = (what: RegExp): RegExp[] => [/403/, /cannot/, what]

const classes: Record<string, Refused> = {
  'a node of a class that is for others': refused(
    create('tenant', rtcNode({ spec: { className: 'vip' } })),
    /spec\.className: /,
    ...mayNotUse,
  ),
  'a pool of a class that is for others': refused(
    create('tenant', pool({ className: 'vip' })),
    /spec\.template\.spec\.className: /,
    ...mayNotUse,
  ),
  'a pool that gets such a class later': refused(
    patch('tenant', api, 'rtcnodepools/mine', { spec: { template: { spec: { className: 'vip' } } } }),
    /spec\.template\.spec\.className: /,
    ...mayNotUse,
  ),
  'a node of his own class, in a namespace that is not his': refused(
    create('tenant', rtcNode({ namespace: 'default' })),
    ...forbidden(/resource \\"rtcnodes\\".* in the namespace \\"default\\"/),
  ),
  'a class of his own': refused(
    create('tenant', { apiVersion: api, kind: 'RTCNodeClass', metadata: { name: 'evil' } }),
    ...forbidden(/resource \\"rtcnodeclasses\\"/),
  ),
}

const names: Record<string, Refused> = {
  'a class by a path': refused(
    create('tenant', rtcNode({ spec: { className: '../vip' } })),
    /spec\.className/,
    /should match/,
  ),
  'a class of another namespace': refused(
    create('tenant', rtcNode({ spec: { className: 'kube-system/vip' } })),
    /spec\.className/,
    /should match/,
  ),
  'a class with a name longer than a label': refused(
    create('tenant', rtcNode({ spec: { className: 'c'.repeat(64) } })),
    /spec\.className/,
    /63/,
  ),
  'a pool of another namespace for an autoscaler': refused(
    create('tenant', autoscaler({ spec: { poolName: 'default/eu' } })),
    /spec\.poolName/,
    /should match/,
  ),
  'a namespace field that there is none of': refused(
    create('tenant', autoscaler({ spec: { poolNamespace: 'default' } })),
    /unknown field/,
    /spec\.poolNamespace/,
  ),
  'a node whose name is a path in the registry': refused(
    create('tenant', rtcNode({ name: '../intents/rtc/victim' })),
    /metadata\.name/,
    /may not contain|must consist/,
  ),
  'a node whose name looks like another': refused(
    create('tenant', rtcNode({ name: 'vіctim' })),
    /metadata\.name/,
    /must consist of lower case alphanumeric/,
  ),
  'a node whose name no pod can have': refused(
    create('tenant', rtcNode({ name: 'n'.repeat(64) })),
    /metadata\.name must have at most 63/,
    /shorter name/,
  ),
  'a pool whose nodes could have no name': refused(
    create('tenant', pool({ name: 'p'.repeat(58) })),
    /metadata\.name must have at most 57/,
    /shorter name/,
  ),
}

const fields: Record<string, Refused> = {
  'a pod of his own making in a node': refused(
    create('tenant', rtcNode({ spec: { podTemplate: { spec: { hostPID: true } } } })),
    /unknown field/,
    /spec\.podTemplate/,
  ),
  'a pod of his own making in a pool': refused(
    create('tenant', pool({ spec: { podTemplate: { spec: { hostPID: true } } } })),
    /unknown field/,
    /spec\.podTemplate/,
  ),
  'a status of his own writing': refused(
    patch('tenant', api, 'rtcnodes/victim/status', { status: { phase: 'Terminating' } }),
    ...forbidden(/resource \\"rtcnodes\/status\\"/),
  ),
  'a deadline in the past': refused(
    create('tenant', rtcNode({ spec: { drain: { deadlineSeconds: -1 } } })),
    /spec\.drain\.deadlineSeconds/,
    /greater than or equal to 0/,
  ),
  'more nodes than there may be': refused(
    create('tenant', pool({ spec: { replicas: 10_001 } })),
    /spec\.replicas/,
    /10000/,
  ),
}

const huge: Record<string, Refused> = {
  'a node of 300 kB of annotations': refused(
    create('tenant', rtcNode({ metadata: { annotations: { big: 'x'.repeat(300_000) } } })),
    /metadata\.annotations: Too long/,
  ),
  'a pool whose nodes get an annotation of 5 kB': refused(
    create('tenant', pool({ template: { annotations: { big: 'x'.repeat(5_000) } } })),
    /spec\.template\.metadata\.annotations/,
    /4096/,
  ),
  'a pool whose nodes get 17 labels': refused(
    create(
      'tenant',
      pool({ template: { labels: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, 'x'])) } }),
    ),
    /spec\.template\.metadata\.labels/,
    /16/,
  ),
}

const marks: Record<string, Refused> = {
  'a node that says it is of a revision': refused(
    create('tenant', rtcNode({ metadata: { labels: { 'rtcnode.io/revision': 'x' } } })),
    /metadata\.labels: rtcnode\.io\/revision is the operator's/,
    overrule,
  ),
  'a node that says its pool closed it long ago': refused(
    patch('tenant', api, 'rtcnodes/victim', {
      metadata: {
        annotations: { 'rtcnode.io/closed-by-pool': 'ScaleIn', 'rtcnode.io/drain-deadline': '2000-01-01T00:00:00Z' },
      },
    }),
    /metadata\.annotations: rtcnode\.io\/closed-by-pool, rtcnode\.io\/drain-deadline is the operator's/,
    overrule,
  ),
  'a node without what holds it until its people have left': refused(
    patch('tenant', api, 'rtcnodes/victim', { metadata: { finalizers: null } }),
    /metadata\.finalizers: rtcnode\.io\/drain holds the node/,
    overrule,
  ),
  'a pool that has the operator write a deadline for him': refused(
    create('tenant', pool({ template: { annotations: { 'rtcnode.io/drain-deadline': '2000-01-01T00:00:00Z' } } })),
    /spec\.template\.metadata: rtcnode\.io\/drain-deadline is the operator's/,
    overrule,
  ),
  'a pool that has the operator write a revision for him': refused(
    create('tenant', pool({ template: { labels: { 'rtcnode.io/revision': 'x' } } })),
    /spec\.template\.metadata: rtcnode\.io\/revision is the operator's/,
    overrule,
  ),
  'a record that would bring another class in by an undo': refused(
    create('tenant', {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'mine-evil', namespace: 'rtc' },
    }),
    ...forbidden(/resource \\"controllerrevisions\\"/),
  ),
}

export const ofTenants: Readonly<Record<string, Refused>> = { ...classes, ...names, ...fields, ...huge, ...marks }
