// The pod that a class makes of a node.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '../../../operator/api/core.ts'
import { classHash } from '../../../operator/api/hash.ts'
import { graceSecondsOf, type PodManifest, podFor, templateProblem } from '../../../operator/lifecycle/pod.ts'
import { aClass, aNode, type ClassTraits, NODE_UID, type NodeTraits, settings } from './build.ts'

const make = (traits: ClassTraits = {}, node: NodeTraits = {}): PodManifest =>
  podFor(aNode(node), aClass(traits), settings)
const containersOf = ({ spec }: PodManifest): readonly Container[] => spec['containers'] as Container[]
const sfuOf = (pod: PodManifest): Container => containersOf(pod).find(({ name }) => name === 'sfu')!
const agentOf = ({ spec }: PodManifest): Container => (spec['initContainers'] as Container[])[0]!

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } }
}
const variablesOf = (container: Container): readonly Variable[] => container['env'] as Variable[]
const variable = (container: Container, name: string): string | undefined => {
  const found = variablesOf(container).filter(it => it.name === name)
  assert.ok(found.length <= 1, `${name} is there twice`)
  return found[0]?.value ?? found[0]?.valueFrom?.fieldRef?.fieldPath
}

test('the pod has the name of its node, and one controlling owner', () => {
  const { metadata } = make()
  assert.deepEqual([metadata.name, metadata.namespace], ['sfu-1', 'media'])
  assert.deepEqual(metadata.ownerReferences, [
    {
      apiVersion: 'rtcnode.io/v1alpha1',
      kind: 'RTCNode',
      name: 'sfu-1',
      uid: NODE_UID,
      controller: true,
      blockOwnerDeletion: true,
    },
  ])
})

test('labels and annotations of the class are kept; ours win', () => {
  const labels = { team: 'voice', 'rtcnode.io/node': 'forged', 'app.kubernetes.io/managed-by': 'forged' }
  const annotations = { note: 'x', 'rtcnode.io/drain-deadline-seconds': '0', 'rtcnode.io/class-hash': 'forged' }
  const { metadata } = make({ podMetadata: { labels, annotations } })
  assert.deepEqual(metadata.labels, {
    team: 'voice',
    'rtcnode.io/busy': 'true',
    'rtcnode.io/node': 'sfu-1',
    'rtcnode.io/class': 'livekit',
    'app.kubernetes.io/managed-by': 'rtcnode-operator',
  })
  assert.deepEqual(metadata.annotations, {
    note: 'x',
    'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
    'karpenter.sh/do-not-disrupt': 'true',
    'controller.kubernetes.io/pod-deletion-cost': '16777216',
    'rtcnode.io/drain-deadline-seconds': '60',
    'rtcnode.io/class-hash': classHash(aClass({ podMetadata: { labels, annotations } })),
  })
})

test('the pod of a pool is found by the label of its pool', () => {
  const { metadata } = make({}, { labels: { 'rtcnode.io/pool': 'eu', app: 'sfu' } })
  assert.equal(metadata.labels['rtcnode.io/pool'], 'eu')
  assert.equal(metadata.labels['app'], undefined, 'labels of the node are not labels of its pod')
  assert.equal('rtcnode.io/pool' in make().metadata.labels, false)
})

test('a node that promises another time than its class has that in its pod', () => {
  const own = { spec: { drain: { deadlineSeconds: 5 } } }
  assert.equal(make({}, own).metadata.annotations['rtcnode.io/drain-deadline-seconds'], '5')
  assert.equal(make({}, own).spec['terminationGracePeriodSeconds'], 5 + 10 + 30)
})

test('the kubelet waits as long as people may stay, and for eviction and the end after that', () => {
  const longest = aClass({ drain: { deadlineSeconds: 604_800, evictGraceSeconds: 600 } })
  assert.equal(graceSecondsOf(aNode(), longest), 604_800 + 600 + 30)
  assert.equal(make().spec['terminationGracePeriodSeconds'], 60 + 10 + 30)
  assert.equal(
    make({ podSpec: { containers: [{ name: 'sfu' }], terminationGracePeriodSeconds: 1 } }).spec[
      'terminationGracePeriodSeconds'
    ],
    100,
  )
})

test('what the template says stays, apart from what a node needs', () => {
  const podSpec = {
    containers: [{ name: 'sfu', image: 'sfu:1', lifecycle: { postStart: {} } }, { name: 'side' }],
    initContainers: [{ name: 'first' }],
    tolerations: [{ key: 'mine' }],
    serviceAccountName: 'sfu',
    automountServiceAccountToken: true,
    nodeSelector: { pool: 'media' },
  }
  const pod = make({ podSpec })
  const { spec } = pod
  assert.equal(spec['serviceAccountName'], 'sfu')
  assert.equal(spec['automountServiceAccountToken'], true)
  assert.deepEqual(spec['nodeSelector'], { pool: 'media' })
  assert.deepEqual(
    (spec['initContainers'] as Container[]).map(({ name }) => name),
    ['rtcnode-agent', 'first'],
  )
  assert.deepEqual(
    containersOf(pod).map(({ name }) => name),
    ['sfu', 'side'],
  )
  assert.deepEqual((sfuOf(pod)['lifecycle'] as { postStart?: object }).postStart, {})
  const keys = (spec['tolerations'] as { key: string }[]).map(({ key }) => key)
  assert.deepEqual(keys, ['mine', 'node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'])
})

test('no service account token unless the admin asks for it', () => {
  assert.equal(make().spec['automountServiceAccountToken'], false)
})

test('preStop asks the agent, by a path that only this node has', () => {
  const { preStop } = sfuOf(make({ agent: { port: 9_999 } }))['lifecycle'] as { preStop: { httpGet: object } }
  assert.deepEqual(preStop.httpGet, { path: `/pre-stop/${NODE_UID}`, port: 9_999 })
})

test("on the host's network ports are the host's, names resolve in the cluster, and the agent is met on the loopback", () => {
  const ports = [{ name: 'rtc-udp', port: 7_882, protocol: 'UDP' }]
  const pod = make({ network: { mode: 'HostNetwork', ports } })
  assert.equal(pod.spec['hostNetwork'], true)
  assert.equal(pod.spec['dnsPolicy'], 'ClusterFirstWithHostNet')
  assert.deepEqual(sfuOf(pod)['ports'], [{ name: 'rtc-udp', containerPort: 7_882, protocol: 'UDP', hostPort: 7_882 }])
  const { preStop } = sfuOf(pod)['lifecycle'] as { preStop: { httpGet: { host?: string } } }
  assert.equal(preStop.httpGet.host, '127.0.0.1')
  assert.equal(variable(agentOf(pod), 'RTCNODE_AGENT_ADDRESS'), '127.0.0.1')
})

test("ports that the template's container declares itself are left as they are", () => {
  const podSpec = { containers: [{ name: 'sfu', ports: [{ containerPort: 1 }] }] }
  assert.deepEqual(sfuOf(make({ podSpec, network: { ports: [{ name: 'x', port: 2 }] } }))['ports'], [
    { containerPort: 1 },
  ])
})

const addresses = [
  [{}, 'status.podIP'],
  [{ mode: 'HostNetwork' }, 'status.hostIP'],
  [{ addressSource: 'HostIP' }, 'status.hostIP'],
  [{ addressSource: 'Fixed', fixedAddress: 'sfu.example.com' }, 'sfu.example.com'],
  [{ addressSource: 'ExternalIP' }, "metadata.annotations['rtcnode.io/address']"],
] as const
for (const [network, address] of addresses) {
  test(`the address with network ${JSON.stringify(network)} is ${address}`, () => {
    const pod = make({ network })
    for (const container of [sfuOf(pod), agentOf(pod)]) assert.equal(variable(container, 'RTCNODE_ADDRESS'), address)
  })
}

test('an external address comes later, through a volume that only the agent mounts', () => {
  const pod = make({ network: { addressSource: 'ExternalIP' } })
  assert.equal((pod.spec['volumes'] as object[]).length, 1)
  assert.equal((agentOf(pod)['volumeMounts'] as object[]).length, 1)
  assert.equal(sfuOf(pod)['volumeMounts'], undefined)
  assert.equal(make().spec['volumes'], undefined)
})

test('the agent alone is shown who it is to the registry', () => {
  const pod = podFor(
    aNode(),
    aClass({
      network: { addressSource: 'ExternalIP' },
      podSpec: { volumes: [{ name: 'theirs' }], containers: [{ name: 'sfu' }, { name: 'exporter' }] },
    }),
    { ...settings, registrySecret: 'rtcnode-registry' },
  )
  const volumes = pod.spec['volumes'] as { name: string; secret?: { secretName: string; items: { key: string }[] } }[]
  assert.deepEqual(
    volumes.map(({ name }) => name),
    ['theirs', 'rtcnode-podinfo', 'rtcnode-registry'],
  )
  assert.equal(volumes[2]?.secret?.secretName, 'rtcnode-registry')
  assert.deepEqual(
    volumes[2]?.secret?.items.map(({ key }) => key),
    ['ca.crt', 'tls.crt', 'tls.key'],
    'a Secret that is not complete yet keeps the pod waiting',
  )
  const mounts = agentOf(pod)['volumeMounts'] as { mountPath: string; readOnly: boolean }[]
  assert.deepEqual(
    mounts.map(({ mountPath }) => mountPath),
    ['/etc/rtcnode/pod', '/etc/rtcnode/registry'],
    'neither lies within the other',
  )
  assert.ok(mounts.every(({ readOnly }) => readOnly))
  assert.equal(variable(agentOf(pod), 'RTCNODE_REGISTRY_CA_FILE'), '/etc/rtcnode/registry/ca.crt')
  assert.equal(variable(agentOf(pod), 'RTCNODE_REGISTRY_CERT_FILE'), '/etc/rtcnode/registry/tls.crt')
  assert.equal(variable(agentOf(pod), 'RTCNODE_REGISTRY_KEY_FILE'), '/etc/rtcnode/registry/tls.key')
  for (const container of containersOf(pod)) {
    assert.equal(container['volumeMounts'], undefined)
    assert.equal(variable(container, 'RTCNODE_REGISTRY_KEY_FILE'), undefined)
  }
})

test('a class that brings a registry identity of its own keeps it', () => {
  const env = [{ name: 'RTCNODE_REGISTRY_CERT_FILE', value: '/mine/tls.crt' }]
  const pod = podFor(aNode(), aClass({ agent: { env } }), { ...settings, registrySecret: 'rtcnode-registry' })
  assert.equal(variable(agentOf(pod), 'RTCNODE_REGISTRY_CERT_FILE'), '/mine/tls.crt')
})

test('every container knows who it is and where the registry is', () => {
  const podSpec = { containers: [{ name: 'sfu' }, { name: 'side' }], initContainers: [{ name: 'first' }] }
  const pod = make({ podSpec }, { spec: { region: 'eu' } })
  for (const container of [...containersOf(pod), ...(pod.spec['initContainers'] as Container[])]) {
    assert.equal(variable(container, 'RTCNODE_NAME'), 'sfu-1')
    assert.equal(variable(container, 'RTCNODE_NAMESPACE'), 'media')
    assert.equal(variable(container, 'RTCNODE_UID'), NODE_UID)
    assert.equal(variable(container, 'POD_UID'), 'metadata.uid')
    assert.equal(variable(container, 'RTCNODE_REGION'), 'eu')
    assert.equal(variable(container, 'RTCNODE_REGISTRY_ENDPOINTS'), 'https://etcd:2379')
  }
  assert.equal(variable(sfuOf(make()), 'RTCNODE_REGION'), "metadata.labels['topology.kubernetes.io/region']")
})

test('the template can refer to our variables, because they come first, and can replace them', () => {
  const env = [
    { name: 'NODE_IP', value: '$(RTCNODE_ADDRESS)' },
    { name: 'RTCNODE_REGION', value: 'mine' },
  ]
  const sfu = sfuOf(make({ podSpec: { containers: [{ name: 'sfu', env }] } }))
  const names = variablesOf(sfu).map(({ name }) => name)
  assert.ok(names.indexOf('RTCNODE_ADDRESS') < names.indexOf('NODE_IP'))
  assert.equal(variable(sfu, 'RTCNODE_REGION'), 'mine')
})

test('the agent gets its keys from the class, and its class may set what is not its identity', () => {
  const keys = { name: 'LIVEKIT_KEYS', valueFrom: { secretKeyRef: { name: 'livekit-keys', key: 'keys' } } }
  const agent = agentOf(
    make({ agent: { env: [keys, { name: 'RTCNODE_REGISTRY_ENDPOINTS', value: 'https://near:2379' }] } }),
  )
  assert.deepEqual(
    variablesOf(agent).find(({ name }) => name === 'LIVEKIT_KEYS'),
    keys,
  )
  assert.equal(variable(agent, 'RTCNODE_REGISTRY_ENDPOINTS'), 'https://near:2379')
  assert.equal(variable(agent, 'RTCNODE_GRACE_SECONDS'), '100')
})

test('the agent runs with the least it needs, and the SFU waits for it', () => {
  const agent = agentOf(make())
  assert.equal(agent['restartPolicy'], 'Always')
  assert.ok(agent['startupProbe'] !== undefined)
  const security = agent['securityContext'] as Record<string, unknown>
  assert.equal(security['runAsNonRoot'], true)
  assert.equal(security['allowPrivilegeEscalation'], false)
  assert.deepEqual(security['capabilities'], { drop: ['ALL'] })
})

const problems: readonly (readonly [string, ClassTraits, RegExp])[] = [
  ['no container at all', { podSpec: {} }, /no container named “sfu” \(it has: none\)/],
  ['containers that are no list', { podSpec: { containers: 'sfu' } }, /it has: none/],
  [
    'another name',
    { podSpec: { containers: [{ name: 'livekit' }] } },
    /it has: livekit\); name the SFU's container so/,
  ],
  [
    'a preStop of its own',
    { podSpec: { containers: [{ name: 'sfu', lifecycle: { preStop: {} } }] } },
    /containers\[sfu\]\.lifecycle\.preStop is set; remove it/,
  ],
  ...['RTCNODE_NAME', 'RTCNODE_NAMESPACE', 'RTCNODE_UID', 'POD_UID'].map(
    name =>
      [
        `an agent told another ${name}`,
        { agent: { env: [{ name, value: 'x' }] } },
        new RegExp(`spec.agent.env sets ${name}; remove it`),
      ] as const,
  ),
]
for (const [what, traits, says] of problems) {
  test(`a template with ${what} is told so, with the remedy`, () => {
    assert.match(templateProblem(aClass(traits)) ?? '', says)
  })
}

test('nothing is wrong with a plain template', () => {
  assert.equal(templateProblem(aClass()), undefined)
})
