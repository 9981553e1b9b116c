// What somebody can do who has stolen the token of the operator's ServiceAccount.
import { create, pod, type Refused, type Request, refused, rtcNode } from './requests.ts'

const marked = {
  'app.kubernetes.io/managed-by': 'rtcnode-operator',
  'rtcnode.io/node': 'evil',
  'rtcnode.io/class': 'sim',
}
const ownerReferences = [
  {
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCNode',
    name: 'evil',
    uid: '00000000-0000-0000-0000-000000000000',
    controller: true,
  },
]
const agent = {
  name: 'rtcnode-agent',
  image: 'sim',
  args: ['agent'],
  restartPolicy: 'Always',
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    capabilities: { drop: ['ALL'] },
  },
}

/** Nothing is wrong with it but what is changed. */
const likeItsOwn = (change: { metadata?: object; spec?: object; container?: object; agent?: object }) =>
  pod({
    metadata: { labels: marked, ownerReferences, ...change.metadata },
    spec: {
      automountServiceAccountToken: false,
      initContainers: [{ ...agent, ...change.agent }],
      ...change.spec,
    },
    ...(change.container && { container: change.container }),
  })

const dryRun = (request: Request): Request => ({ ...request, path: `${request.path}&dryRun=All` })

/** What all of the below differ from in one thing. */
export const operatorsOwnPod: Request = dryRun(create('operator', likeItsOwn({})))

const forbidden = (what: RegExp): RegExp[] => [/403/, /cannot/, what]

export const ofOperators: Readonly<Record<string, Refused>> = {
  'a pod in a namespace without SFUs': refused(
    create('operator', pod({ namespace: 'kube-system' })),
    ...forbidden(/resource \\"pods\\".* in the namespace \\"kube-system\\"/),
  ),
  'a pod of nobody’s': refused(
    create('operator', likeItsOwn({ metadata: { ownerReferences: [] } })),
    /metadata\.ownerReferences: the operator makes pods only for the RTCNode of the same name/,
  ),
  'a pod without its marks': refused(
    create('operator', likeItsOwn({ metadata: { labels: {} } })),
    /metadata\.labels: the operator marks its pods/,
  ),
  'a pod with a token': refused(
    create('operator', likeItsOwn({ spec: { automountServiceAccountToken: true } })),
    /spec\.automountServiceAccountToken.*no business with the API server/,
  ),
  'a pod with a token, by a volume': refused(
    create(
      'operator',
      likeItsOwn({
        spec: { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }] },
      }),
    ),
    /serviceAccountToken.*no business with the API server/,
  ),
  'a pod on a host of his choice': refused(
    create('operator', likeItsOwn({ spec: { nodeName: 'kwok-0' } })),
    /spec\.nodeName: the scheduler chooses/,
  ),
  'a pod that goes before Kubernetes’ own': refused(
    create('operator', likeItsOwn({ spec: { priorityClassName: 'system-node-critical' } })),
    /spec\.priorityClassName: /,
  ),
  'a privileged pod': refused(
    create('operator', likeItsOwn({ container: { securityContext: { privileged: true } } })),
    /securityContext: privileged/,
  ),
  'a pod with a path of the host': refused(
    create('operator', likeItsOwn({ spec: { volumes: [{ name: 'v', hostPath: { path: '/var/run' } }] } })),
    /spec\.volumes: may be /,
  ),
  'a pod that takes the host’s port of SSH': refused(
    create('operator', likeItsOwn({ container: { ports: [{ containerPort: 22, hostPort: 22 }] } })),
    /hostPort: must be from 1024 to 65535/,
  ),
  'another agent': refused(
    create('operator', likeItsOwn({ agent: { image: 'sim.evil.example/agent' } })),
    /rtcnode-agent\]\.image: must be of sim,/,
  ),
  'an agent that runs something else': refused(
    create('operator', likeItsOwn({ agent: { command: ['sh', '-c', 'evil'] } })),
    /rtcnode-agent\]\.args: /,
  ),
  'an agent that is root': refused(
    create('operator', likeItsOwn({ agent: { securityContext: {} } })),
    /rtcnode-agent\]\.securityContext: /,
  ),
  'no agent': refused(
    create('operator', likeItsOwn({ spec: { initContainers: [] } })),
    /spec\.initContainers: there is one rtcnode-agent/,
  ),
  'the Secrets of a namespace': refused(
    { by: 'operator', method: 'GET', path: '/api/v1/namespaces/rtc/secrets' },
    ...forbidden(/resource \\"secrets\\"/),
  ),
  'more rights': refused(
    create('operator', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'evil' },
    }),
    ...forbidden(/resource \\"clusterrolebindings\\"/),
  ),
  'a host of another kind': refused(
    { by: 'operator', method: 'PATCH', path: '/api/v1/nodes/kwok-0', body: { metadata: { labels: { evil: 'true' } } } },
    ...forbidden(/resource \\"nodes\\"/),
  ),
  'the Lease of somebody else': refused(
    {
      by: 'operator',
      method: 'PATCH',
      path: '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler',
      body: {},
    },
    ...forbidden(/resource \\"leases\\"/),
  ),
  'a command in the pod of a node': refused(
    { by: 'operator', method: 'POST', path: '/api/v1/namespaces/rtc/pods/victim/exec?command=sh' },
    ...forbidden(/resource \\"pods\/exec\\"/),
  ),
  'somebody who is allowed more': refused(
    { by: 'tenant', method: 'POST', path: '/api/v1/namespaces/rtcnode-system/serviceaccounts/rtcnode/token', body: {} },
    ...forbidden(/resource \\"serviceaccounts\/token\\"/),
  ),
  'a class of another’s': refused(
    create('operator', { ...rtcNode({}), kind: 'RTCNodeClass', metadata: { name: 'evil' } }),
    ...forbidden(/resource \\"rtcnodeclasses\\"/),
  ),
}
