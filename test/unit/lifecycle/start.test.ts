// How a node starts: each row is one moment, and what the operator says and does about it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod } from '../../../operator/api/core.ts'
import { FINALIZER } from '../../../operator/api/marks.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { sameStatus } from '../../../operator/kube/status.ts'
import type { Observed } from '../../../operator/lifecycle/decision.ts'
import { notTriggered, triggered } from '../hosts/said.ts'
import {
  absent,
  aClass,
  after,
  aHost,
  aNode,
  aPod,
  condition,
  conditionIn,
  decideAt,
  fresh,
  NODE_UID,
  plain,
  readyOf,
  rejected,
  runningStatus,
  seen,
  seenServing,
  stale,
  timeAt,
  unknown,
} from './build.ts'

interface Row {
  readonly moment: string
  readonly node?: RTCNode
  readonly seen: Partial<Observed>
  /** Seconds after the node was created; default 10. */
  readonly at?: number
  readonly because: string
  readonly does?: string
  readonly says?: RegExp
}

const unscheduled = { ready: false, host: undefined, phase: 'Pending' } as const
const noHostYet = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 hosts' }] as const
const waiting = (reason: string) => aPod({ ready: false, container: { waiting: { reason, message: `${reason}!` } } })

const rows: readonly Row[] = [
  {
    moment: 'no class of that name',
    seen: { nodeClass: undefined },
    because: 'ClassNotFound',
    says: /“livekit”.*create it/,
  },
  {
    moment: 'a class whose pod the API server refuses',
    seen: { nodeClass: aClass({ accepted: condition('Accepted', 'False', 'PodInvalid', 'no such field') }) },
    because: 'ClassNotAccepted',
    says: /livekit.*no such field/,
  },
  {
    moment: 'a class without an SFU container',
    seen: { nodeClass: aClass({ sfuContainer: 'janus' }) },
    because: 'ClassNotAccepted',
    says: /“janus”.*it has: sfu/,
  },
  {
    moment: 'a class nobody has tried yet',
    seen: { nodeClass: aClass({ accepted: condition('Accepted', 'Unknown', 'NotChecked') }) },
    because: 'Pending',
    does: 'create-pod',
  },
  { moment: 'no finalizer yet', node: aNode({ finalizers: [] }), seen: {}, because: 'Pending', does: 'add-finalizer' },
  { moment: 'the finalizer, and no pod', seen: {}, because: 'Pending', does: 'create-pod' },
  {
    moment: 'the API server refused the pod',
    seen: { refusal: { reason: 'PodRefused', message: 'exceeded quota', retryInMs: 4_000 } },
    because: 'PodRefused',
    says: /quota/,
  },
  {
    moment: "somebody else's pod of that name",
    seen: { pod: aPod({ owner: 'other' }) },
    because: 'PodNameTaken',
    says: /left alone/,
  },
  { moment: 'a pod the scheduler has not seen', seen: { pod: aPod(unscheduled) }, because: 'PodCreated' },
  {
    moment: 'a pod no host can take',
    seen: {
      pod: aPod({
        ...unscheduled,
        conditions: noHostYet,
      }),
    },
    because: 'WaitingForHost',
    says: /0\/3 hosts/,
  },
  {
    moment: 'a pod for which a host is being made',
    seen: { pod: aPod({ ...unscheduled, conditions: noHostYet }), makersSay: [triggered(5)] },
    because: 'HostRequested',
    says: /Cluster Autoscaler makes a host/,
  },
  {
    moment: 'a pod for which no host can be made',
    seen: { pod: aPod({ ...unscheduled, conditions: noHostYet }), makersSay: [notTriggered(5)] },
    because: 'HostUnavailable',
    says: /max node group size reached/,
  },
  {
    moment: 'an image that cannot be pulled',
    seen: { pod: waiting('ImagePullBackOff') },
    because: 'ImagePullFailed',
    says: /container sfu: ImagePullBackOff!/,
  },
  {
    moment: 'a container whose Secret is missing',
    seen: { pod: waiting('CreateContainerConfigError') },
    because: 'ContainerNotCreated',
    says: /container sfu: CreateContainerConfigError!/,
  },
  { moment: 'a container that crashes', seen: { pod: waiting('CrashLoopBackOff') }, because: 'ContainerCrashing' },
  {
    moment: 'a container that ended',
    seen: { pod: aPod({ ready: false, container: { terminated: { exitCode: 3 } } }) },
    because: 'ContainerCrashing',
    says: /exit code 3/,
  },
  {
    moment: 'a pod its host rejected',
    seen: { pod: aPod({ phase: 'Failed', conditions: [] }) },
    because: 'ContainerCrashing',
    says: /failed/,
  },
  { moment: 'containers that start', seen: { pod: aPod({ ready: false }) }, because: 'PodStarting', says: /host-1/ },
  { moment: 'ready, and no key', seen: { pod: aPod() }, because: 'AwaitingRegistration', says: /no registry key/ },
  {
    moment: 'ready, and a key that does not move',
    seen: { pod: aPod(), registration: stale(3) },
    because: 'AwaitingRegistration',
  },
  {
    moment: 'ready, and a value nobody can read',
    seen: { pod: aPod(), registration: rejected(3) },
    because: 'AwaitingRegistration',
    says: /sessions: must be/,
  },
  {
    moment: 'ready, and no registry',
    seen: { pod: aPod(), registration: unknown },
    because: 'AwaitingRegistration',
    says: /cannot be read/,
  },
  {
    moment: "ready, and another pod's heartbeat",
    seen: { pod: aPod(), registration: fresh({ podUID: 'old' }) },
    because: 'AwaitingRegistration',
    says: /another pod \(old\)/,
  },
  { moment: 'ready and registered', seen: seenServing(), because: 'Serving' },
  { moment: 'ready, registered in the plain form', seen: seenServing({ registration: plain }), because: 'Serving' },
  {
    moment: 'ready and registered, without its class',
    seen: seenServing({ nodeClass: undefined }),
    because: 'Serving',
  },
  {
    moment: 'ready, registered and cordoned',
    node: aNode({ spec: { cordoned: true } }),
    seen: seenServing(),
    because: 'Cordoned',
    does: 'write-intent',
  },
  {
    moment: 'registered before it is ready',
    seen: { pod: aPod({ ready: false }), registration: fresh() },
    because: 'PodStarting',
  },
]

for (const { moment, node = aNode(), at = 15, because, does, says, ...row } of rows) {
  test(`starting, ${moment}: ${because}${does === undefined ? '' : `, ${does}`}`, () => {
    const decision = decideAt(at, node, seen(row.seen))
    assert.equal(decision.because, because)
    assert.equal(decision.act?.do, does)
    assert.equal(readyOf(decision)?.reason, because)
    if (says !== undefined) assert.match(readyOf(decision)?.message ?? '', says)
  })
}

test('the first status of a node that is Running tells all a client needs', () => {
  const { status } = decideAt(10, aNode({ spec: { region: 'us' } }), seenServing())
  const { phase, podUID, nodeName, address, region } = status
  const expected = { phase: 'Running', podUID: 'uid-pod', nodeName: 'host-1', address: '10.0.0.1', region: 'us' }
  assert.deepEqual({ phase, podUID, nodeName, address, region }, expected)
  for (const type of ['Scheduled', 'Registered', 'Ready', 'AdmissionOpen'])
    assert.equal(conditionIn(status, type)?.status, 'True')
  assert.equal(conditionIn(status, 'TelemetryLost')?.status, 'False')
})

test('the status tells what its pod was made from, as long as nobody meddled with it, also when the pod is gone', () => {
  const madeFrom = (hash: string) => seenServing({ pod: aPod({ annotations: { 'rtcnode.io/class-hash': hash } }) })
  const running = decideAt(10, aNode(), madeFrom('bzdzdsrj'))
  assert.equal(running.status.classHash, 'bzdzdsrj')
  const node = after(aNode(), running)
  for (const what of [seen({ pod: undefined }), seenServing(), madeFrom('x'.repeat(17)), madeFrom('Ä'), madeFrom('')])
    assert.equal(decideAt(20, node, what).status.classHash, 'bzdzdsrj')
  const ofOthers = aPod({ owner: 'other', annotations: { 'rtcnode.io/class-hash': 'cccccccc' } })
  assert.equal(decideAt(10, aNode(), seen({ pod: ofOthers })).status.classHash, undefined)
})

/** The writes of one quick start, each seen in the caches before the next decision. */
function writesOfStart(node: RTCNode): string[] {
  const writes: string[] = []
  let current: RTCNode = { ...node, status: { phase: 'Pending' } }
  let pod: Pod | undefined
  const moments = [{ ready: false, host: undefined }, { ready: false }, { ready: true }] as const
  const look = (what: Partial<Observed>): boolean => {
    const { act, status } = decideAt(1, current, seen({ pod, ...what }))
    if (act === undefined && sameStatus(current.status, status)) return false
    writes.push(act?.do ?? `status ${status.phase}`)
    if (act?.do === 'add-finalizer')
      current = { ...current, metadata: { ...current.metadata, finalizers: [FINALIZER] } }
    else if (act?.do === 'create-pod') pod = aPod({ ...moments[0], annotations: act.pod.metadata.annotations })
    else current = after(current, { status, because: 'Serving' })
    return true
  }
  while (look({}));
  for (const moment of moments) {
    pod = { ...aPod(moment), metadata: pod!.metadata }
    while (look({}));
  }
  while (look({ registration: fresh() }));
  assert.match(current.status?.classHash ?? '', /^[a-z0-9]{8}$/)
  return writes
}

test('from birth to Running: finalizer, pod, status; without the first when the node is born with the finalizer', () => {
  const withoutFinalizer = aNode({ finalizers: [] })
  assert.deepEqual(writesOfStart(withoutFinalizer), ['add-finalizer', 'create-pod', 'status Running'])
  const ofPool = aNode({ labels: { 'rtcnode.io/pool': 'eu', 'rtcnode.io/revision': 'bzdzdsrj-bzdzdsrj' } })
  assert.deepEqual(writesOfStart(ofPool), ['create-pod', 'status Running'])
})

test('a slow start is told step by step; one of four hundred gets 20 s more before it is', () => {
  const node = aNode({ status: { phase: 'Pending' } })
  const alone = seen({ pod: aPod({ ready: true, since: 3 }) })
  assert.ok(!sameStatus(node.status, decideAt(3, node, alone).status), 'alone')
  const inCrowd = { ...alone, crowd: 400 }
  assert.ok(sameStatus(node.status, decideAt(21, node, inCrowd).status), 'one of many')
  assert.ok(!sameStatus(node.status, decideAt(23, node, inCrowd).status), 'one of many that hangs')
})

test('a start that goes well in its first two seconds costs no write of status', () => {
  const node = aNode({ status: { phase: 'Pending' } })
  for (const pod of [undefined, aPod({ host: undefined }), aPod({ ready: false }), aPod()]) {
    const { status } = decideAt(1, node, seen({ pod }))
    assert.ok(sameStatus(node.status, status))
  }
  const trouble = decideAt(1, node, seen({ pod: waiting('ErrImagePull') }))
  assert.ok(!sameStatus(node.status, trouble.status), 'trouble is told at once')
  assert.ok((decideAt(1, node, seen({ pod: aPod() })).lookAgainMs ?? Infinity) <= 2_000, 'and a slow start soon')
})

test('a node that does not start in time is deleted, after its status told why', () => {
  const stuck = seen({ pod: waiting('ImagePullBackOff') })
  const before = after(aNode(), decideAt(100, aNode(), stuck))
  assert.equal(decideAt(120, before, stuck).because, 'ImagePullFailed', 'the time runs from the pod, made at 1 s')

  const verdict = decideAt(121, before, stuck)
  assert.equal(verdict.because, 'StartupTimeout')
  assert.equal(verdict.act, undefined, 'the reason must be on record first')
  assert.match(readyOf(verdict)?.message ?? '', /not Running after 120 s; ImagePullFailed: container sfu/)

  const onRecord = after(before, verdict)
  const deletion = decideAt(122, onRecord, stuck)
  assert.deepEqual(deletion.act, { do: 'delete-node', because: 'StartupTimeout' })
  assert.ok(sameStatus(onRecord.status, deletion.status), 'and the reason stays as it was')
})

test('a start is looked at again when its time is up, though nothing happens', () => {
  const { lookAgainMs } = decideAt(100, aNode(), seen({ pod: waiting('ImagePullBackOff') }))
  assert.equal(lookAgainMs, 21_000)
})

const late = 1_000
for (const [why, what] of [
  ['its class came late', seen()],
  ['the operator was away', seen({ pod: undefined })],
] as const)
  test(`a node is not late when ${why}: it gets its pod`, () => {
    assert.equal(decideAt(late, aNode(), what).act?.do, 'create-pod')
  })

test('a pod that waits for a host is never late; its time runs from when it has one', () => {
  const homeless = seen({ pod: aPod({ ...unscheduled, conditions: noHostYet }) })
  const decision = decideAt(late, aNode(), homeless)
  assert.deepEqual([decision.because, decision.act, decision.lookAgainMs], ['WaitingForHost', undefined, undefined])

  const bound = { type: 'PodScheduled', status: 'True', lastTransitionTime: timeAt(late) } as const
  const housed = seen({ pod: aPod({ ready: false, conditions: [bound] }) })
  assert.deepEqual(decideAt(late + 119, aNode(), housed).lookAgainMs, 1_000)
  assert.equal(decideAt(late + 120, aNode(), housed).because, 'StartupTimeout')
})

test('an order for a host is looked at again when its time is up', () => {
  const ordered = seen({ pod: aPod({ ...unscheduled, conditions: noHostYet }), makersSay: [triggered(5)] })
  assert.equal(decideAt(15, aNode(), ordered).lookAgainMs, 890_000)
})

test('a refused pod counts against the start-up time', () => {
  const refusal = { reason: 'PodRefused', message: 'quota', retryInMs: 1_000 } as const
  assert.equal(decideAt(late, aNode(), seen({ refusal })).because, 'StartupTimeout')
})

test('while nobody sees the registry, no node that starts is given up', () => {
  assert.equal(decideAt(late, aNode(), seen({ pod: aPod(), registration: unknown })).because, 'AwaitingRegistration')
})

test('an external address is told to the pod once its host is known, and asked for when the host has none', () => {
  const nodeClass = aClass({ network: { mode: 'HostNetwork', addressSource: 'ExternalIP' } })
  const bound = { nodeClass, pod: aPod({ ready: false }) }
  const told = decideAt(10, aNode(), seen({ ...bound, host: aHost('203.0.113.7') }))
  assert.deepEqual(told.act, {
    do: 'annotate-pod',
    uid: 'uid-pod',
    annotations: { 'rtcnode.io/address': '203.0.113.7' },
  })
  assert.equal(decideAt(10, aNode(), seen({ ...bound, host: aHost() })).because, 'AddressUnknown')
  const annotated = aPod({ ready: false, annotations: { 'rtcnode.io/address': '203.0.113.7' } })
  assert.equal(decideAt(10, aNode(), seen({ nodeClass, pod: annotated })).act, undefined)
})

test('the region comes from the spec, else from the host', () => {
  assert.equal(decideAt(10, aNode(), seenServing({ host: aHost() })).status.region, 'eu-west')
  assert.equal(decideAt(10, aNode({ spec: { region: 'us' } }), seenServing({ host: aHost() })).status.region, 'us')
})

test('a Running node that lost our finalizer gets it again', () => {
  const node = aNode({ finalizers: ['other'], status: runningStatus })
  assert.equal(decideAt(10, node, seenServing()).act?.do, 'add-finalizer')
})

test('the pod that is made has the name of its node and its UID as owner', () => {
  const { act } = decideAt(10, aNode(), seen({ registration: absent(10) }))
  assert.ok(act?.do === 'create-pod')
  assert.equal(act.pod.metadata.name, 'sfu-1')
  assert.equal(act.pod.metadata.ownerReferences[0]?.uid, NODE_UID)
  assert.equal((act.pod.spec['containers'] as Container[])[0]?.name, 'sfu')
})
