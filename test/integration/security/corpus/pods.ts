// Pods beside SFUs: Pod Security is lax there, so each field that gives a container its host is tried; and what can be done to
// the pod of a node (`victim`) around the operator.
import { create, patch, pod, type Refused, refused } from './requests.ts'

const privileged = { securityContext: { privileged: true } }
const elsewhere = /another namespace/

const hosts: Record<string, Refused> = {
  'a privileged container': refused(
    create('tenant', pod({ container: privileged })),
    /spec\.containers\[\]\.securityContext: privileged/,
    elsewhere,
  ),
  'a privileged container, by an administrator': refused(
    create('admin', pod({ container: privileged })),
    /securityContext: privileged/,
    elsewhere,
  ),
  'a privileged init container': refused(
    create('tenant', pod({ spec: { initContainers: [{ name: 'i', image: 'evil', ...privileged }] } })),
    /securityContext: privileged/,
  ),
  'a privileged container in a pod that runs': refused(
    patch('admin', 'v1', 'pods/victim/ephemeralcontainers', {
      spec: { ephemeralContainers: [{ name: 'e', image: 'evil', ...privileged }] },
    }),
    /securityContext: privileged/,
  ),
  'a path of the host': refused(
    create('tenant', pod({ spec: { volumes: [{ name: 'v', hostPath: { path: '/' } }] } })),
    /spec\.volumes: may be .*; hostPath gives a container its host/,
  ),
  'a volume from the network': refused(
    create('tenant', pod({ spec: { volumes: [{ name: 'v', nfs: { server: 'evil', path: '/' } }] } })),
    /spec\.volumes: may be /,
  ),
  'the processes of the host': refused(
    create('tenant', pod({ spec: { hostPID: true } })),
    /spec\.hostPID, spec\.hostIPC: /,
    elsewhere,
  ),
  'the memory of the host': refused(
    create('tenant', pod({ spec: { hostIPC: true } })),
    /spec\.hostPID, spec\.hostIPC: /,
    elsewhere,
  ),
  'the network of the host': refused(
    create('tenant', pod({ spec: { hostNetwork: true } })),
    /spec\.hostNetwork.*make an RTCNode of a class/,
  ),
  'a port of the host': refused(
    create('tenant', pod({ container: { ports: [{ containerPort: 80, hostPort: 8_080 }] } })),
    /ports\[\]\.hostPort: only SFUs have ports of the host/,
  ),
  'a capability': refused(
    create('tenant', pod({ container: { securityContext: { capabilities: { add: ['SYS_ADMIN'] } } } })),
    /capabilities\.add: may name NET_BIND_SERVICE; .*admission\.capabilities/,
  ),
  'an unmasked /proc': refused(
    create('tenant', pod({ spec: { hostUsers: false }, container: { securityContext: { procMount: 'Unmasked' } } })),
    /procMount/,
  ),
  'no seccomp for one container': refused(
    create('tenant', pod({ container: { securityContext: { seccompProfile: { type: 'Unconfined' } } } })),
    /Unconfined takes the host's last guard away/,
  ),
  'no seccomp for a pod': refused(
    create('tenant', pod({ spec: { securityContext: { seccompProfile: { type: 'Unconfined' } } } })),
    /Unconfined takes the host's last guard away/,
  ),
}

const owner = {
  apiVersion: 'rtcnode.io/v1alpha1',
  kind: 'RTCNode',
  name: 'other',
  uid: '00000000-0000-0000-0000-000000000000',
}
const overrule = /ClusterRole rtcnode-system-rtcnode-overruler/

const marks: Record<string, Refused> = {
  'a pod that says it is a node’s': refused(
    create('tenant', pod({ name: 'other', metadata: { ownerReferences: [{ ...owner, controller: true }] } })),
    /metadata\.ownerReferences: only the operator gives things to an RTCNode/,
    overrule,
  ),
  'a pod that is labelled as the operator’s': refused(
    create('tenant', pod({ metadata: { labels: { 'app.kubernetes.io/managed-by': 'rtcnode-operator' } } })),
    /metadata\.labels: app\.kubernetes\.io\/managed-by: rtcnode-operator marks/,
    overrule,
  ),
  'a pod that is labelled as of a pool': refused(
    create('tenant', pod({ metadata: { labels: { 'rtcnode.io/pool': 'mine' } } })),
    /metadata\.labels: rtcnode\.io\/pool is the operator's/,
  ),
  'a node’s pod that the operator should lose sight of': refused(
    patch('tenant', 'v1', 'pods/victim', { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } }),
    /metadata\.labels: app\.kubernetes\.io\/managed-by/,
    overrule,
  ),
  'a node’s pod with another promise': refused(
    patch('tenant', 'v1', 'pods/victim', { metadata: { annotations: { 'rtcnode.io/drain-deadline-seconds': '0' } } }),
    /metadata\.annotations: rtcnode\.io\/drain-deadline-seconds is the operator's/,
  ),
  'a node’s pod with another address for its people': refused(
    patch('tenant', 'v1', 'pods/victim', { metadata: { annotations: { 'rtcnode.io/address': '203.0.113.66' } } }),
    /metadata\.annotations: rtcnode\.io\/address is the operator's/,
  ),
  'a node’s pod that anybody may evict from under its people': refused(
    patch('tenant', 'v1', 'pods/victim', {
      metadata: { annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'sometimes' } },
    }),
    /metadata\.annotations: cluster-autoscaler\.kubernetes\.io\/safe-to-evict is the operator's/,
    overrule,
  ),
  'a node’s pod that keeps its host for ever': refused(
    patch('tenant', 'v1', 'pods/victim', { metadata: { labels: { 'rtcnode.io/busy': 'always' } } }),
    /metadata\.labels: rtcnode\.io\/busy is the operator's/,
    overrule,
  ),
  'a node’s pod with no owner': refused(
    patch('tenant', 'v1', 'pods/victim', { metadata: { ownerReferences: null } }),
    /metadata\.ownerReferences: /,
  ),
}

export const ofPods: Readonly<Record<string, Refused>> = { ...hosts, ...marks }
