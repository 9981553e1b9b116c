// What the shell around the plan of announced room does: with an API server that says no, with one that ends between two writes, and
// with requests of other people.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { later, monotonic, toTimestamp } from '../../../operator/ambient/clock.ts'
import { keyOf, type Uid } from '../../../operator/api/meta.ts'
import type { RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import type { Announcement, RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { type AnnouncedDeps, announcedController } from '../../../operator/cluster/announced/controller.ts'
import type { ProvisioningRequest } from '../../../operator/cluster/announced/request.ts'
import { roomIndexes } from '../../../operator/cluster/headroom/owned.ts'
import type { ReconcileContext } from '../../../operator/kube/controller.ts'
import { ApiError } from '../../../operator/kube/errors.ts'
import type { Happening } from '../../../operator/kube/events.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { fakeCache } from '../fake-cache.ts'
import { aClass } from '../lifecycle/build.ts'
import { eight, NAME, poolThatTold, request, STARTS_IN } from './announced-build.ts'
import { pause1, podSpec } from './headroom-build.ts'
import { at } from './said.ts'

const says = (status: number, reason: string, message: string) => (): void => {
  throw new ApiError(status, { reason, message })
}

/** An API server whose requests are seen at once. `answer` throws what it says, or does nothing. */
function shell(answer: (call: string) => void = () => {}) {
  const requests = fakeCache<ProvisioningRequest>(roomIndexes)
  let pool: RTCNodePool = poolThatTold(undefined, 'auto')
  let announced: Announcement | undefined = eight
  let isScaled = true
  let ms = 0
  const calls: string[] = []
  const events: string[] = []
  const templates = new Set<string>()
  const ask = (call: string): void => {
    calls.push(call)
    answer(call)
  }
  const deps = {
    poolCache: { get: () => pool },
    classCache: { get: () => aClass() },
    requestCache: requests.cache,
    pools: {
      apply: async (_key: string, { status }: RTCNodePool) => {
        const { announced: _, ...rest } = pool.status!
        pool = { ...pool, status: { ...rest, ...status } }
        return pool
      },
    },
    requests: {
      create: async (manifest: ProvisioningRequest) => {
        const { name } = manifest.metadata
        ask(`create ${name}`)
        const born = { uid: `uid-${name}` as Uid, resourceVersion: '1', creationTimestamp: toTimestamp(at(ms / 1_000)) }
        const made = { ...manifest, metadata: { ...manifest.metadata, ...born } }
        requests.put(made)
        return made
      },
      delete: async (key: ReturnType<typeof keyOf>) => {
        ask(`delete ${key}`)
        requests.remove(key)
      },
    },
    podTemplates: {
      create: async ({ metadata: { name } }: RTCNodePool) => {
        ask('create template')
        if (templates.has(name)) says(409, 'AlreadyExists', 'there is one')()
        templates.add(name)
      },
    },
    expectations: { wrote() {}, deleted() {}, forget() {} },
    events: { record: (_: unknown, { reason, note }: Happening) => events.push(`${reason}: ${note}`) },
    autoscalerOf: () => ({ spec: { schedules: [{}] } }) as unknown as RTCAutoscaler,
    isScaling: () => isScaled,
    scalerWatches: [],
    announcedNodes: () => announced,
    podSpecOf: () => podSpec(),
    settings: pause1,
    clock: { monotonic: () => monotonic(ms) },
    serverClock: { now: () => later(at(0), ms) },
  } as unknown as AnnouncedDeps
  let controller = announcedController(deps)
  const context = { log: silentLogger, signal: new AbortController().signal } as unknown as ReconcileContext
  return {
    calls,
    events,
    templates,
    requests,
    told: () => pool.status?.announced,
    announce: (next: Announcement | undefined) => void (announced = next),
    pause: () => void (isScaled = false),
    restart: () => void (controller = announcedController(deps)),
    /** As the queue does: each look when the last one asked for it. */
    async run(seconds: number): Promise<void> {
      for (const until = ms + seconds * 1_000; ms < until && calls.length < 1_000; ) {
        const result = await controller.reconcile(keyOf(pool), context)
        ms = Math.min(until, ms + (result?.lookAgainMs ?? seconds * 1_000))
      }
    },
  }
}

test('one request and one event for a start, over restarts; both are over when it has begun', async () => {
  const { calls, events, ...it } = shell()
  await it.run(100)
  it.restart()
  await it.run(STARTS_IN - 101)
  assert.deepEqual([...new Set(calls)], [`create ${NAME}-1`, 'create template'])
  assert.equal(calls.filter(call => call === `create ${NAME}-1`).length, 1)
  assert.deepEqual(events, [
    `Announced: schedule “all-hands” asks for 8 more from ${eight.startsAt}; room by ProvisioningRequest`,
  ])
  await it.run(2)
  assert.deepEqual([calls.at(-1), it.requests.cache.size], [`delete default/${NAME}-1`, 0])
})

test('nothing announced any more, and an autoscaler that is told not to scale: the request goes', async () => {
  for (const end of ['announce', 'pause'] as const) {
    const it = shell()
    await it.run(10)
    if (end === 'announce') it.announce(undefined)
    else it.pause()
    await it.run(30)
    assert.deepEqual([it.requests.cache.size, it.told()], [0, undefined])
  }
})

test('a request that is refused is asked for less and less often; head-room keeps the room, and the status says why', async () => {
  let refuses = true
  const it = shell(call => {
    if (refuses && call.startsWith('create eu')) says(403, 'Forbidden', 'exceeded quota')()
  })
  await it.run(60)
  assert.ok(it.calls.length > 3 && it.calls.length < 10, `${it.calls.length} calls`)
  assert.deepEqual(it.told(), { ...eight, by: 'Headroom', message: 'exceeded quota' })
  refuses = false
  await it.run(60)
  assert.deepEqual(it.told(), { ...eight, by: 'ProvisioningRequest' })
})

test('a request of that name that is somebody else’s is left alone, and told', async () => {
  const it = shell(call => {
    if (call === `create ${NAME}-1`) says(409, 'AlreadyExists', `${NAME}-1 already exists`)()
  })
  const foreign = request()
  it.requests.put({ ...foreign, metadata: { ...foreign.metadata, ownerReferences: [] } })
  await it.run(60)
  assert.deepEqual([...new Set(it.calls)], [`create ${NAME}-1`])
  assert.ok(it.calls.length < 10)
  assert.deepEqual(it.told(), { ...eight, by: 'Headroom', message: `${NAME}-1 already exists` })
})

test('the operator ends between request and template: the next one makes the template, and no second request', async () => {
  let ends = true
  const it = shell(call => {
    if (ends && call === 'create template') throw new Error('the process ends')
  })
  await assert.rejects(it.run(1), /the process ends/)
  assert.deepEqual([it.requests.cache.size, it.templates.size], [1, 0])
  ends = false
  it.restart()
  await it.run(10)
  assert.deepEqual([it.requests.cache.size, it.templates.size], [1, 1])
  assert.equal(it.calls.filter(call => call === `create ${NAME}-1`).length, 1)
})

test('a template that is refused is told, and asked for again', async () => {
  const it = shell(call => {
    if (call === 'create template') says(403, 'Forbidden', 'podtemplates is forbidden')()
  })
  await it.run(30)
  assert.equal(it.calls.filter(call => call === `create ${NAME}-1`).length, 1)
  assert.ok(it.calls.length > 3 && it.calls.length < 10, `${it.calls.length} calls`)
  assert.equal(it.told()?.message, 'podtemplates is forbidden')
})
