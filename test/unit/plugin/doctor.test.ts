// Each check of the doctor on a healthy installation, on one fault at a time, and where it may not look.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../../operator/api/core.ts'
import { type CustomResourceDefinition, crdOf } from '../../../operator/api/crd.ts'
import { kinds } from '../../../operator/api/kinds.ts'
import type { KubeObject, Uid } from '../../../operator/api/meta.ts'
import type { Lease } from '../../../operator/kube/leader.ts'
import { operatorPermissions } from '../../../operator/permissions.ts'
import { rightsOfOperator } from '../../../operator/plugin/doctor/ask-rights.ts'
import type { Finding } from '../../../operator/plugin/doctor/check.ts'
import { checks, examine, examinedText } from '../../../operator/plugin/doctor/checks.ts'
import { schemaDifferences } from '../../../operator/plugin/doctor/crds.ts'
import type { Evidence, HostRead, InstalledCrd, Known } from '../../../operator/plugin/doctor/evidence.ts'
import { figureIn } from '../../../operator/plugin/doctor/gather.ts'
import { callerNeeds } from '../../../operator/plugin/doctor/rights.ts'
import { versionOfImage } from '../../../operator/plugin/doctor/versions.ts'
import { aClass } from '../pool/objects.ts'
import { autoscaler, complete, condition, NOW, node, now, pool, timeAt } from './build.ts'

const known = <T>(value: T): Known<T> => ({ known: true, value })
const secret = { known: false, because: 'forbidden' } as const

const metadata = (name: string, namespace?: string): KubeObject['metadata'] => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  uid: `uid-${name}` as Uid,
  resourceVersion: '1',
  creationTimestamp: timeAt(0),
})
const ready = { conditions: [{ type: 'Ready', status: 'True' as const }] }
const operatorPod = (name: string, image = 'rtcnode/rtcnode-operator:0.1.0'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata(name, 'rtcnode-system'),
  spec: { containers: [{ name: 'operator', image }] },
  status: ready,
})
const lease = (name: string, renewedAt: number, holderIdentity = 'rtcnode-1_x'): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: metadata(name),
  spec: { holderIdentity, leaseDurationSeconds: 15, renewTime: timeAt(renewedAt) },
})
const host = (name: string, kubeletVersion = 'v1.34.1', kernelVersion = '6.1.0'): HostRead => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: metadata(name),
  spec: {},
  status: { ...ready, nodeInfo: { kubeletVersion, kernelVersion } },
})
const crds = kinds.map(crdOf)
const established = { conditions: [{ type: 'Established', status: 'True' }] }
const installed = (crd: CustomResourceDefinition): InstalledCrd => ({ ...crd, status: established })
const installing = (change: (crd: InstalledCrd) => InstalledCrd | undefined): Evidence['installedCrds'] =>
  Object.fromEntries(
    crds.map((crd, index) => [crd.metadata.name, known(index === 0 ? change(installed(crd)) : installed(crd))]),
  )

const operator = {
  pod: 'rtcnode-1',
  ready: known(['[+]caches ok', '[+]registry ok']),
  registryFrozen: known(false),
  registryAgeSeconds: known(1.2),
  certificateEndsAtSeconds: known((now + 30 * 86_400_000) / 1_000),
}
const anAgentOf = (image: string) => aClass('sim', { agent: { ...aClass('sim').spec.agent, image } })

const healthy: Evidence = {
  version: '0.1.0',
  crds,
  namespace: 'media',
  operatorNamespace: 'rtcnode-system',
  now,
  aheadMs: known(400),
  serverVersion: known('v1.34.1'),
  installedCrds: installing(it => it),
  callerRights: known(callerNeeds.map(({ right }) => ({ right, allowed: true }))),
  lease: known({
    lease: lease('rtcnode-operator', NOW - 1),
    watchedMs: 1_500,
    renewed: { lease: lease('rtcnode-operator', NOW), seenAt: now },
  }),
  operatorPods: known([operatorPod('rtcnode-1'), operatorPod('rtcnode-2')]),
  operatorRights: known({
    account: 'system:serviceaccount:rtcnode-system:rtcnode',
    asked: rightsOfOperator('rtcnode-system', ['media']).map(right => ({ right, allowed: true })),
  }),
  operators: [operator],
  pools: known([pool(1, complete)]),
  nodes: known([node('n1', { host: 'worker-1' })]),
  autoscalers: known([autoscaler()]),
  classes: known([anAgentOf('rtcnode/rtcnode-operator:0.1.0')]),
  hosts: known([host('worker-1')]),
  hostLeases: known([lease('worker-1', NOW - 8)]),
  sfuLogs: [{ host: 'worker-1', pod: 'media/n1', lines: known(['starting LiveKit server']) }],
}

const findingsOf = (check: string, change: Partial<Evidence> = {}): readonly Finding[] =>
  checks.find(({ name }) => name === check)?.judge({ ...healthy, ...change }) ?? []

function finds(check: string, level: Finding['level'], says: RegExp, change: Partial<Evidence>): void {
  const findings = findingsOf(check, change)
  const found = findings.find(it => it.level === level && says.test(it.says))
  assert.ok(found, `${check}: no ${level} like ${says} in ${JSON.stringify(findings)}`)
  if (level === 'problem' || level === 'warning') assert.ok((found.remedy ?? '') !== '', `${check}: ${found.says}`)
}

test('of a healthy installation nothing is found, and each check says so', () => {
  for (const { check, findings } of examine(healthy)) {
    assert.deepEqual(
      findings.filter(({ level }) => level === 'problem' || level === 'warning'),
      [],
      check,
    )
    assert.equal(
      findings.some(({ level }) => level === 'ok'),
      true,
      check,
    )
  }
})

test('where it may not look at anything it says so, check by check, and finds nothing', () => {
  const blind: Evidence = {
    ...healthy,
    aheadMs: secret,
    serverVersion: secret,
    callerRights: secret,
    lease: secret,
    operatorPods: secret,
    operatorRights: secret,
    pools: secret,
    nodes: secret,
    autoscalers: secret,
    classes: secret,
    hosts: secret,
    hostLeases: secret,
    installedCrds: Object.fromEntries(crds.map(({ metadata: { name } }) => [name, secret])),
    operators: [],
    sfuLogs: [],
  }
  for (const { check, findings } of examine(blind)) {
    assert.ok(
      findings.some(({ level }) => level === 'unchecked'),
      check,
    )
    assert.deepEqual(
      findings.filter(({ level }) => level === 'problem' || level === 'warning'),
      [],
      check,
    )
  }
})

test('kinds that are missing, not established, not served or of another version are found', () => {
  finds('crds', 'problem', /rtcnodepools\.rtcnode\.io is not there/, { installedCrds: installing(() => undefined) })
  finds('crds', 'problem', /Established is False/, {
    installedCrds: installing(it => ({ ...it, status: { conditions: [{ type: 'Established', status: 'False' }] } })),
  })
  const unserved = (it: InstalledCrd): InstalledCrd => ({
    ...it,
    spec: { ...it.spec, versions: it.spec.versions.map(version => ({ ...version, served: false })) },
  })
  finds('crds', 'problem', /does not serve v1alpha1/, { installedCrds: installing(unserved) })
  const [other] = crds.slice(1)
  assert.ok(other)
  finds('crds', 'problem', /of another version than this program: .*is not in it/, {
    installedCrds: installing(it => ({ ...it, spec: other.spec })),
  })
})

test('schemas are compared field by field; descriptions and what is empty do not count', () => {
  const ours = {
    type: 'object',
    required: ['a', 'b'],
    properties: {
      a: { type: 'string', description: 'x' },
      gone: { type: 'string' },
      n: { type: 'integer', minimum: 1 },
    },
  } as const
  const theirs = {
    type: 'object',
    required: ['b', 'a'],
    properties: {
      a: { type: 'string', description: 'y', enum: [] },
      new: { type: 'string' },
      n: { type: 'integer', minimum: 2 },
    },
  } as const
  assert.deepEqual(schemaDifferences(ours, theirs), { missing: ['gone'], foreign: ['new'], other: ['n'] })
  assert.deepEqual(schemaDifferences(ours, ours), { missing: [], foreign: [], other: [] })
})

test('rights that the caller lacks are told with the commands that need them; only for reading as a warning', () => {
  const without = (verb: string) => known(callerNeeds.map(({ right }) => ({ right, allowed: right.verb !== verb })))
  finds('caller', 'warning', /may not watch rtcnodes\.rtcnode\.io in namespace media: top, explain/, {
    callerRights: without('watch'),
  })
  finds('caller', 'note', /may not delete rtcnodes\.rtcnode\.io .*: drain will be refused/, {
    callerRights: without('delete'),
  })
})

test('rights that the operator lacks are told by namespace', () => {
  const asked = rightsOfOperator('rtcnode-system', ['media']).map(right => ({
    right,
    allowed: !(right.resource === 'pods' && right.verb === 'create'),
  }))
  finds('operator-rights', 'problem', /may not, in namespace media: create pods/, {
    operatorRights: known({ account: 'x', asked }),
  })
})

test('the operator is asked for each cell of its table, in the namespaces where something is', () => {
  const rights = rightsOfOperator('own', ['a', 'b'])
  const cells = (place: string) =>
    operatorPermissions
      .filter(({ where, byAdmission }) => where === place && byAdmission !== true)
      .reduce((sum, { resources, verbs, names = [''] }) => sum + resources.length * verbs.length * names.length, 0)
  const expected = cells('cluster') + cells('own') + 2 * cells('watched') + 2 * cells('sfu')
  assert.equal(rights.length, expected)
  assert.equal(
    rightsOfOperator('own', []).every(({ namespace }) => namespace === undefined || namespace === 'own'),
    true,
  )
})

test('a Lease proves a leader only when it is renewed while it is watched', () => {
  const dead = { lease: lease('rtcnode-operator', NOW - 2), watchedMs: 16_000 }
  finds('leader', 'problem', /nobody leads: rtcnode-1_x has not renewed/, { lease: known(dead) })
  finds('leader', 'unchecked', /not watched for long enough/, { lease: known({ ...dead, watchedMs: 1_000 }) })
  finds('leader', 'problem', /none has ever led here/, { lease: known(undefined) })
  const released = { lease: lease('rtcnode-operator', NOW, ''), watchedMs: 16_000 }
  finds('leader', 'problem', /gave its Lease back/, { lease: known(released) })
  finds('leader', 'note', /no second operator/, { operatorPods: known([operatorPod('rtcnode-1')]) })
})

test('versions that do not fit together are found', () => {
  finds('versions', 'problem', /API server is v1\.29\.3/, { serverVersion: known('v1.29.3') })
  finds('versions', 'problem', /kubelets of worker-1 are older than 1\.30/, {
    hosts: known([host('worker-1', 'v1.28.0')]),
  })
  finds('versions', 'warning', /plugin is 0\.1\.0, the operator 0\.2\.0/, {
    operatorPods: known([operatorPod('o', 'r:5000/x/rtcnode-operator:0.2.0')]),
  })
  finds('versions', 'warning', /several versions/, {
    operatorPods: known([operatorPod('o', 'x:0.1.0'), operatorPod('p', 'x:0.2.0')]),
  })
  finds('versions', 'unchecked', /does not tell its version/, { operatorPods: known([operatorPod('o', 'x:latest')]) })
  finds('versions', 'warning', /RTCNodeClass sim runs the agent x:0\.0\.9/, { classes: known([anAgentOf('x:0.0.9')]) })
  finds('versions', 'ok', /nothing is too old/, { hosts: known([host('kwok-0', 'kwok-v0.7')]) })
})

test('the version of an image is its tag', () => {
  const images = ['r:5000/a/b:1.2.3', 'a:v1.2.3-rc.1', 'a:1.2.3@sha256:00', 'a@sha256:00', 'a:latest', undefined]
  assert.deepEqual(images.map(versionOfImage), ['1.2.3', '1.2.3-rc.1', '1.2.3', undefined, undefined, undefined])
})

test('a registry that is not seen is found by what operators say and by what they wrote', () => {
  finds('registry', 'problem', /says: \[-\]registry failed/, {
    operators: [{ ...operator, ready: known(['[+]caches ok', '[-]registry failed: cannot be seen']) }],
  })
  finds('registry', 'problem', /is frozen/, { operators: [{ ...operator, registryFrozen: known(true) }] })
  finds('registry', 'problem', /last heard the registry 5 min ago/, {
    operators: [{ ...operator, registryAgeSeconds: known(300) }],
  })
  const ending = (days: number) => [{ ...operator, certificateEndsAtSeconds: known((now + days * 86_400_000) / 1_000) }]
  finds('registry', 'warning', /certificate of rtcnode-1 for the registry ends in 3 d/, { operators: ending(3) })
  finds('registry', 'problem', /ended 2 d ago/, { operators: ending(-2) })
  const frozen = pool(1, [...complete, condition('ScalingInhibited', 'True', 'RegistryFrozen')])
  finds('registry', 'problem', /keep nodes .*: media\/eu/, { pools: known([frozen]) })
  const blind = autoscaler({ conditions: [condition('Fallback', 'True', 'RegistryOutOfSight')] })
  finds('registry', 'problem', /do not see the registry: media\/a/, { autoscalers: known([blind]) })
})

test('without an operator to ask, what it says of nodes counts, and that it was not asked is told', () => {
  const n1 = node('n1')
  const registered = {
    ...n1,
    status: { ...n1.status, phase: 'Running' as const, conditions: [condition('Registered', 'True', 'Registered')] },
  }
  finds('registry', 'ok', /1 node that they are registered/, { operators: [], nodes: known([registered]) })
  finds('registry', 'unchecked', /no operator pod could be asked/, { operators: [], nodes: known([registered]) })
  finds('registry', 'unchecked', /cannot be asked: forbidden/, { operators: [{ ...operator, ready: secret }] })
})

test('clocks that are off are found: here, the leader’s and those of hosts', () => {
  finds('clocks', 'warning', /this machine is 90 s ahead/, { aheadMs: known(90_000) })
  const renewed = { lease: lease('rtcnode-operator', NOW - 60), seenAt: now }
  finds('clocks', 'warning', /leading operator is 60 s behind/, {
    lease: known({ lease: lease('rtcnode-operator', NOW - 62), watchedMs: 2_000, renewed }),
  })
  finds('clocks', 'warning', /worker-1 \(10 s ahead/, { hostLeases: known([lease('worker-1', NOW + 10)]) })
  finds('clocks', 'warning', /worker-1 \(100 s behind/, { hostLeases: known([lease('worker-1', NOW - 100)]) })
})

test('the Lease of a host that is not ready, or gone, tells nothing of its clock', () => {
  const gone = { hostLeases: known([lease('worker-9', NOW - 5_000)]) }
  finds('clocks', 'ok', /not far from/, gone)
  finds('clocks', 'ok', /not far from/, { ...gone, hosts: known([{ ...host('worker-9'), status: {} }]) })
})

test('an SFU that complains of its UDP buffer tells on the kernel of its host', () => {
  const line =
    '2026-08-16T00:50:15.636Z\tWARN\tlivekit\trtcconfig/rtc_unix.go:31\tUDP receive buffer is too small for a production set-up\t{"current": 425984, "suggested": 5000000}'
  finds('hosts', 'warning', /host worker-1: .* 425984 bytes/, {
    sfuLogs: [{ host: 'worker-1', pod: 'media/n1', lines: known(['first', line]) }],
  })
  finds('hosts', 'ok', /1 host complained/, {})
  finds('hosts', 'unchecked', /media\/n1: forbidden/, { sfuLogs: [{ host: 'w', pod: 'media/n1', lines: secret }] })
})

test('what cannot be seen without a privileged pod is named; connection tracking only where pods have their own network', () => {
  finds('hosts', 'unchecked', /nf_conntrack_max/, {})
  const onHosts = aClass('sim', { network: { mode: 'HostNetwork', ports: [] } })
  assert.doesNotMatch(
    JSON.stringify(findingsOf('hosts', { classes: known([onHosts]) }).map(it => it.says)),
    /nf_conntrack_max/,
  )
})

test('a figure is read from a page of metrics', () => {
  const page = [
    '# HELP rtcnode_registry_frozen x',
    'rtcnode_registry_frozen 1',
    'rtcnode_registry_progress_age_seconds Nan',
  ]
  assert.deepEqual(figureIn(page, 'rtcnode_registry_frozen'), known(1))
  assert.deepEqual(figureIn(page, 'rtcnode_registry_progress_age_seconds'), known(undefined))
  assert.equal(figureIn(page, 'rtcnode_registry').known, false)
})

test('what was examined is printed with a sign for each finding and an arrow for each remedy', () => {
  const text = examinedText([
    { check: 'leader', title: 'Leader', findings: [{ level: 'problem', says: 'nobody leads', remedy: 'look' }] },
  ])
  assert.deepEqual(text, ['Leader', '  ✗ nobody leads', '    → look'])
})
