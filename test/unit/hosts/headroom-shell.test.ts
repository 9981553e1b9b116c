// What the shell around the plan of head-room does with an API server that says no.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { monotonic, toTimestamp } from '../../../operator/ambient/clock.ts'
import type { Pod } from '../../../operator/api/core.ts'
import { annotations } from '../../../operator/api/marks.ts'
import { keyOf, type Uid } from '../../../operator/api/meta.ts'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { placeFor } from '../../../operator/cluster/headroom/balloon.ts'
import type { CapacityBuffer } from '../../../operator/cluster/headroom/buffer.ts'
import { type HeadroomDeps, headroomController } from '../../../operator/cluster/headroom/controller.ts'
import type { ReconcileContext } from '../../../operator/kube/controller.ts'
import { ApiError } from '../../../operator/kube/errors.ts'
import { ownerReferenceTo } from '../../../operator/kube/owner.ts'
import { podFor } from '../../../operator/lifecycle/pod.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { aClass, aNode, settings } from '../lifecycle/build.ts'
import { aPool } from '../pool/objects.ts'
import { at } from './said.ts'

const pause = { image: 'pause:1', priorityClassName: 'rtcnode-headroom' }

interface Found {
  readonly nodes?: number
  readonly balloons?: readonly Pod[]
  readonly buffer?: CapacityBuffer
  readonly isBufferServed?: boolean
}

/** Its caches stand still, but for the pool's status. `answer` throws what the API server says, or does nothing. */
function shellOver({ nodes, balloons = [], buffer, isBufferServed = false }: Found, answer: (call: string) => void) {
  let pool: RTCNodePool = aPool()
  pool = { ...pool, spec: { ...pool.spec, ...(nodes !== undefined && { headroom: { nodes } }) } }
  let ms = 0
  const calls: string[] = []
  const ask = async <T>(call: string, result: T): Promise<T> => {
    calls.push(call)
    answer(call)
    return result
  }
  const writes = (kind: string) => ({
    create: (object: Pod) => ask(`create ${kind}`, { ...object, metadata: { ...object.metadata, uid: 'uid-new' } }),
    delete: () => ask(`delete ${kind}`, 'deleted'),
  })
  const nothing = () => {}
  const deps = {
    poolCache: { get: () => pool },
    classCache: { get: () => aClass() },
    balloonCache: { byIndex: () => balloons },
    bufferCache: {
      get: () => buffer,
      rangeOf: () => ({ progress: { resourceVersion: isBufferServed ? '7' : '0' } }),
    },
    pools: {
      apply: async (_key: string, applied: RTCNodePool) => {
        const headroom = applied.status?.headroom
        pool = { ...pool, status: { ...pool.status!, ...(headroom !== undefined && { headroom }) } }
        return pool
      },
    },
    pods: writes('pod'),
    buffers: writes('buffer'),
    podTemplates: writes('template'),
    expectations: { wrote: nothing, deleted: nothing, forget: nothing },
    makerEvents: { of: () => [] },
    hostSignals: { of: nothing },
    autoscalerOf: nothing,
    podSpecOf: () => podFor(aNode(), aClass(), settings).spec,
    settings: pause,
    clock: { monotonic: () => monotonic(ms) },
    serverClock: { now: () => at(ms / 1_000) },
  } as unknown as HeadroomDeps
  const { reconcile } = headroomController(deps)
  const context = { log: silentLogger, signal: new AbortController().signal } as unknown as ReconcileContext
  return {
    calls,
    told: () => pool.status?.headroom,
    /** As the queue does: each look when the last one asked for it. */
    async run(seconds: number): Promise<void> {
      for (const until = ms + seconds * 1_000; ms < until && calls.length < 1_000; ) {
        const result = await reconcile(keyOf(pool), context)
        ms += result?.lookAgainMs ?? seconds * 1_000
      }
    },
  }
}

const balloon: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'eu-headroom-1',
    namespace: 'default',
    uid: 'uid-1' as Uid,
    resourceVersion: '1',
    creationTimestamp: toTimestamp(at(0)),
    ownerReferences: [ownerReferenceTo(aPool(), false)],
  },
  spec: { containers: [], nodeName: 'a' },
  status: { phase: 'Running' },
}

const says = (status: number, reason: string, message: string) => (): void => {
  throw new ApiError(status, { reason, message })
}

test('a delete that is forbidden is asked less and less often, and without a wish for room too', async () => {
  for (const found of [{ balloons: [balloon] }, { balloons: [balloon], nodes: 0 }]) {
    const { calls, ...shell } = shellOver(found, says(403, 'Forbidden', 'pods is forbidden'))
    await shell.run(60)
    assert.ok(calls.length > 3 && calls.length < 10, `${calls.length} calls`)
    if (found.nodes !== undefined) assert.equal(shell.told()?.message, 'pods is forbidden')
  }
})

test('what was refused and is taken later is told no more', async () => {
  let refuses = true
  const shell = shellOver({ nodes: 0, balloons: [balloon] }, () => {
    if (refuses) says(403, 'Forbidden', 'pods is forbidden')()
  })
  await shell.run(10)
  assert.equal(shell.told()?.message, 'pods is forbidden')
  refuses = false
  await shell.run(20)
  assert.equal(shell.told()?.message, undefined)
})

test('a name that somebody else has is asked for less and less often, and the status says so', async () => {
  for (const [isBufferServed, kind] of [
    [false, 'pod'],
    [true, 'buffer'],
  ] as const) {
    const { calls, ...shell } = shellOver(
      { nodes: 1, isBufferServed },
      says(409, 'AlreadyExists', `${kind} already exists`),
    )
    await shell.run(60)
    assert.deepEqual([...new Set(calls)], [`create ${kind}`])
    assert.ok(calls.length > 3 && calls.length < 10, `${calls.length} calls`)
    assert.equal(shell.told()?.message, `${kind} already exists`)
  }
})

test('a template that is made again is asked for twice a minute, and that it is there already is no trouble', async () => {
  const hash = placeFor(aPool(), podFor(aNode(), aClass(), settings).spec, pause).metadata.annotations
  const lacking = { type: 'ReadyForProvisioning', status: 'False', reason: 'PodTemplateNotFound', message: 'not found' }
  const buffer = {
    ...balloon,
    metadata: { ...balloon.metadata, name: 'eu-headroom' },
    spec: { replicas: 1, podTemplateRef: { name: `eu-headroom-${hash[annotations.headroomHash]}` } },
    status: { conditions: [lacking] },
  } as unknown as CapacityBuffer
  const found = { nodes: 1, isBufferServed: true, buffer }
  const { calls, ...shell } = shellOver(found, says(409, 'AlreadyExists', 'it is there'))
  await shell.run(60)
  assert.deepEqual(calls, ['create template', 'create template'])
  assert.equal(shell.told()?.message, 'PodTemplateNotFound: not found')
})

test('a template that is refused is told, and its buffer stays for another try', async () => {
  const { calls, ...shell } = shellOver({ nodes: 1, isBufferServed: true }, call => {
    if (call === 'create template') says(403, 'Forbidden', 'exceeded quota')()
  })
  await shell.run(0.5)
  assert.deepEqual(calls, ['create buffer', 'create template'])
  assert.equal(shell.told()?.message, 'exceeded quota')
})
