// How a batch is written, against an API server that refuses, falls silent, or has the name already.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { keyOf, type ObjectKey, type Uid } from '../../../operator/api/meta.ts'
import { type RTCNode, RTCNodeKind } from '../../../operator/api/rtcnode.ts'
import { ApiError, NotLeaderError, TransportError } from '../../../operator/kube/errors.ts'
import type { ResourceClient } from '../../../operator/kube/resource.ts'
import { carryOut, NodeRefusedError } from '../../../operator/pool/carry-out.ts'
import type { Batch } from '../../../operator/pool/view.ts'
import type { PoolWriters } from '../../../operator/pool/writers.ts'
import { aNode, aPool, controlledBy } from './objects.ts'

const pool = aPool()
const moulds = { update: { revision: 'new-class', template: pool.spec.template } }
const create = (count: number): Batch => ({ do: 'create', count, from: 'update' })
const silence = new TransportError('TIMEOUT', 'no answer')
const exists = new ApiError(409, { reason: 'AlreadyExists' })

interface Call {
  readonly verb: string
  readonly key: ObjectKey
  readonly body: unknown
}

/** `answer` gives the object, or throws what the server says against the how-manieth call. */
function server(answer: (call: Call, nth: number) => RTCNode) {
  const calls: Call[] = []
  const expected: string[] = []
  const ask = async (verb: string, key: ObjectKey, body: unknown): Promise<RTCNode> => {
    const call = { verb, key, body }
    calls.push(call)
    return answer(call, calls.length)
  }
  const nodes = {
    type: RTCNodeKind,
    create: (object: unknown) => ask('create', keyOf(object as RTCNode), object),
    get: (key: ObjectKey) => ask('get', key, undefined).catch(() => undefined),
    mergePatch: (key: ObjectKey, body: unknown) => ask('patch', key, body),
    delete: (key: ObjectKey, body: unknown) => ask('delete', key, body).then(() => 'deleted' as const),
  } as unknown as ResourceClient<RTCNode>
  const writers = {
    nodes,
    random: seededRandom(),
    signal: new AbortController().signal,
    expectations: {
      wrote: ({ key }: { key: string }) => void expected.push(`wrote ${key}`),
      deleted: ({ key }: { key: string }) => void expected.push(`deleted ${key}`),
    },
  } as unknown as PoolWriters
  return { calls, expected, carryOut: (batch: Batch) => carryOut(pool, batch, moulds, writers) }
}

function the<T>(thing: T | undefined): T {
  assert.ok(thing !== undefined)
  return thing
}

const taken = ({ body }: Call): RTCNode => body as RTCNode
const picked = (name: string) => ({
  name,
  uid: `uid-of-${name}` as Uid,
  resourceVersion: '7',
  because: 'it is one too many',
})

test('a node is made with owner, revision and finalizer, and awaited in the cache', async () => {
  const { calls, expected, ...it } = server(taken)
  const { done, failure } = await it.carryOut(create(1))
  const { metadata, spec } = the(calls[0]?.body) as RTCNode
  assert.deepEqual([done, failure], [[metadata.name], undefined])
  assert.match(metadata.name, /^eu-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  assert.deepEqual(metadata.labels, { app: 'sfu', 'rtcnode.io/pool': 'eu', 'rtcnode.io/revision': 'new-class' })
  assert.deepEqual(metadata.finalizers, ['rtcnode.io/drain'])
  assert.deepEqual(
    metadata.ownerReferences?.map(({ uid, controller, blockOwnerDeletion }) => [uid, controller, blockOwnerDeletion]),
    [['uid-of-eu', true, true]],
  )
  assert.deepEqual(spec, { className: 'sim' })
  assert.deepEqual(expected, [`wrote default/${metadata.name}`])
})

test('a name that somebody else has is left to them, and another one taken', async () => {
  const { calls, ...it } = server((call, nth) => {
    if (nth === 1) throw exists
    return call.verb === 'get' ? aNode(call.key) : taken(call)
  })
  const { done } = await it.carryOut(create(1))
  assert.deepEqual(
    calls.map(({ verb }) => verb),
    ['create', 'get', 'create'],
  )
  assert.equal(done.length, 1)
  assert.notEqual(calls[0]?.key, calls[2]?.key)
})

test('a name that is taken by our own call of before counts as made', async () => {
  const { calls, ...it } = server(({ verb, key }) => {
    if (verb === 'create') throw exists
    return aNode(key, controlledBy(pool))
  })
  const { done } = await it.carryOut(create(1))
  assert.deepEqual([done.length, calls.length], [1, 2])
})

test('what the API server refuses is told in its words, and asked once', async () => {
  for (const status of [400, 403, 422]) {
    const { calls, ...it } = server(() => {
      throw new ApiError(status, { message: 'exceeded quota' })
    })
    const { failure, unsure } = await it.carryOut(create(100))
    assert.ok(failure instanceof NodeRefusedError)
    assert.match(failure.message, /exceeded quota/)
    assert.deepEqual([calls.length, unsure.length], [1, 0])
  }
})

test('when nobody answers, nodes may have been made, and are named', async () => {
  for (const error of [silence, new ApiError(500, { message: 'etcdserver: request timed out' })]) {
    const { calls, ...it } = server(call => {
      if (call.verb === 'create') throw error
      return taken(call)
    })
    const { failure, unsure } = await it.carryOut(create(3))
    assert.deepEqual([failure, unsure], [error, [calls[0]?.key]])
  }
})

test('what was surely not sent, or surely not taken, leaves no doubt', async () => {
  for (const error of [new NotLeaderError('POST'), new ApiError(409, { reason: 'Conflict' }), new ApiError(429, {})]) {
    const it = server(() => {
      throw error
    })
    assert.deepEqual(await it.carryOut(create(1)), { done: [], unsure: [], failure: error })
  }
})

test('closing and reopening go by UID and version, and one that changed does not stop the others', async () => {
  const { calls, expected, ...it } = server(({ key }) => {
    if (key === 'default/b') throw new ApiError(409, { reason: 'Conflict' })
    return aNode(key.slice('default/'.length))
  })
  const nodes = ['a', 'b', 'c'].map(picked)
  const deadline = '2030-01-01T01:00:00Z'
  const closed = await it.carryOut({
    do: 'close',
    nodes: nodes.map(node => ({ ...node, reason: 'ScaleIn', deadline })),
  })
  assert.deepEqual([closed.done, closed.failure], [['a', 'c'], undefined])
  assert.deepEqual(calls[0]?.body, {
    metadata: {
      uid: 'uid-of-a',
      resourceVersion: '7',
      annotations: { 'rtcnode.io/closed-by-pool': 'ScaleIn', 'rtcnode.io/drain-deadline': deadline },
    },
    spec: { cordoned: true },
  })
  assert.deepEqual(expected, ['wrote default/a', 'wrote default/c'])
  await it.carryOut({ do: 'reopen', nodes: nodes.slice(0, 1) })
  assert.deepEqual(calls.at(-1)?.body, {
    metadata: {
      uid: 'uid-of-a',
      resourceVersion: '7',
      annotations: { 'rtcnode.io/closed-by-pool': null, 'rtcnode.io/drain-deadline': null },
    },
    spec: { cordoned: false },
  })
})

test('a node is deleted only as it was seen', async () => {
  const { calls, expected, ...it } = server(({ key }) => aNode(key))
  await it.carryOut({ do: 'delete', nodes: [picked('a')] })
  const { uid, resourceVersion } = the(calls[0]?.body) as { uid: string; resourceVersion: string }
  assert.deepEqual([uid, resourceVersion, expected], ['uid-of-a', '7', ['deleted default/a']])
})
