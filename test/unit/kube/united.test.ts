// A cache of some namespaces: each is listed and watched by itself, and what goes wrong in one is no matter of the others.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type KubeObject, objectKey } from '../../../operator/api/meta.ts'
import { type Informer, isSynced } from '../../../operator/kube/cache.ts'
import { informer } from '../../../operator/kube/informer.ts'
import { ifServed } from '../../../operator/kube/optional.ts'
import { type ResourceType, resourceClient } from '../../../operator/kube/resource.ts'
import { until } from '../../cluster/until.ts'
import { hastyClock } from '../hasty-clock.ts'
import { type Answer, json, neverAnswer, openWatch, type ScriptedServer, status } from './scripted-server.ts'
import { runnerOf, scriptedTransport } from './scripted-transport.ts'

const thingType: ResourceType<KubeObject> = {
  apiVersion: 'test.io/v1',
  kind: 'Thing',
  plural: 'things',
  namespaced: true,
}
const thing = (name: string, namespace: string, version: number) => ({
  apiVersion: 'test.io/v1',
  kind: 'Thing',
  metadata: { name, namespace, uid: `uid-${namespace}-${name}`, resourceVersion: String(version) },
})
const page = (version: number, ...items: object[]): Answer =>
  json({ metadata: { resourceVersion: String(version) }, items })
const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }

/** Answers for each namespace, used up in order; the last is used for ever. */
function inNamespaces(answers: Record<string, Answer[]>): Answer {
  return (request, response) => {
    const [, namespace = ''] = /\/namespaces\/([^/]+)\//.exec(request.url ?? '') ?? []
    const left = answers[namespace] ?? []
    const answer = left.length > 1 ? left.shift() : left[0]
    assert.ok(answer, `nothing was to be asked of “${namespace}”`)
    answer(request, response)
  }
}

interface World {
  readonly server: ScriptedServer
  readonly cache: Informer<KubeObject>
  /** All changes as words: `+eu/a`, `-eu/a`. */
  readonly told: string[]
  start(answers: { list: Record<string, Answer[]>; watch: Record<string, Answer[]> }): void
  becomes(what: string, holds: () => boolean): Promise<unknown>
}

async function world(context: TestContext, wrapped: typeof ifServed = client => client): Promise<World> {
  const scripted = await scriptedTransport(hastyClock(100))
  const { server, transport, ambient } = scripted
  const client = wrapped(resourceClient(transport, thingType), ambient)
  const indexes = { byName: (it: KubeObject) => [it.metadata.name] }
  const cache = informer(client, { ...ambient, indexes, namespaces: ['eu', 'us'] })
  const told: string[] = []
  cache.onChange(({ key, old, new: now }) => void told.push(`${old ? (now ? '~' : '-') : '+'}${key}`))
  const run = runnerOf(context, scripted, cache)
  return {
    server,
    cache,
    told,
    start({ list, watch }) {
      server.script({ list: [inNamespaces(list)], watch: [inNamespaces(watch)] })
      run()
    },
    becomes: (what, holds) => until(what, holds, { withinMs: 10_000, everyMs: 2 }),
  }
}

const a = (namespace: string) => objectKey('a', namespace)
const versionIn = (cache: Informer<KubeObject>, namespace: string) =>
  cache.rangeOf(a(namespace))?.progress.resourceVersion

test('what is in any of them is in the cache; the cluster as a whole is never asked', async context => {
  const { server, cache, told, start, becomes } = await world(context)
  start({
    list: { eu: [page(10, thing('a', 'eu', 1))], us: [page(12, thing('a', 'us', 2), thing('b', 'us', 3))] },
    watch: { eu: [openWatch({ type: 'ADDED', object: thing('c', 'eu', 13) })], us: [openWatch()] },
  })
  await becomes('four', () => cache.size === 4)
  assert.equal(cache.get(a('us'))?.metadata.uid, 'uid-us-a')
  assert.deepEqual([...cache.list()].map(it => it.metadata.name).sort(), ['a', 'a', 'b', 'c'])
  assert.equal(cache.byIndex('byName', 'a').length, 2)
  assert.deepEqual(told.toSorted(), ['+eu/a', '+eu/c', '+us/a', '+us/b'])
  for (const asked of server.seen) assert.match(asked, /^GET \/apis\/test.io\/v1\/namespaces\/(eu|us)\/things\?/)
})

test('it is synced when all of them are', async context => {
  const { cache, start, becomes } = await world(context)
  start({ list: { eu: [page(10)], us: [neverAnswer] }, watch: { eu: [openWatch()] } })
  await becomes('eu is synced', () => isSynced(cache, a('eu')))
  assert.deepEqual(
    [isSynced(cache, a('us')), cache.synced, cache.staleForMs()],
    [false, false, Number.POSITIVE_INFINITY],
  )
})

test('one that is Forbidden holds up none of the others, and is there once it may be seen', async context => {
  const { cache, start, becomes } = await world(context)
  const us: Answer[] = [status(403, 'Forbidden')]
  start({ list: { eu: [page(10, thing('a', 'eu', 1))], us }, watch: { eu: [openWatch()], us: [openWatch()] } })
  await becomes('synced', () => cache.synced)
  assert.deepEqual([isSynced(cache, a('eu')), isSynced(cache, a('us')), cache.forbidden], [true, false, false])
  assert.equal(cache.staleForMs(), Number.POSITIVE_INFINITY)
  us.unshift(page(20, thing('a', 'us', 15)))
  us.pop()
  await becomes('us is synced', () => isSynced(cache, a('us')))
  assert.equal(cache.size, 2)
  assert.ok(cache.staleForMs() < 1e6)
})

test('where all of them are Forbidden it is not synced', async context => {
  const { cache, start, becomes } = await world(context)
  const forbidden = status(403, 'Forbidden')
  start({ list: { eu: [forbidden], us: [forbidden] }, watch: {} })
  await becomes('forbidden', () => cache.forbidden)
  assert.equal(cache.synced, false)
})

test('a fault is no Forbidden: nothing is taken for synced', async context => {
  const { server, cache, start, becomes } = await world(context)
  start({ list: { eu: [page(10)], us: [status(503, 'ServiceUnavailable')] }, watch: { eu: [openWatch()] } })
  await becomes('us was asked twice', () => server.seen.filter(it => it.includes('/us/')).length > 1)
  await becomes('eu is synced', () => isSynced(cache, a('eu')))
  assert.equal(cache.synced, false)
})

test('what one of them has seen says nothing about the other', async context => {
  const { cache, start, becomes } = await world(context)
  start({
    list: { eu: [page(10)], us: [page(12)] },
    watch: { eu: [openWatch({ type: 'ADDED', object: thing('a', 'eu', 30) })], us: [openWatch()] },
  })
  await becomes('eu is at 30', () => versionIn(cache, 'eu') === '30')
  await becomes('us is at 12', () => versionIn(cache, 'us') === '12')
  assert.equal(cache.rangeOf(a('asia')), undefined)
  assert.equal(isSynced(cache, a('asia')), true, 'there is nothing to wait for')
})

test('one that is listed again takes nothing from the other', async context => {
  const { cache, told, start, becomes } = await world(context)
  start({
    list: {
      eu: [page(10, thing('a', 'eu', 1)), page(40, thing('b', 'eu', 35))],
      us: [page(12, thing('a', 'us', 2))],
    },
    watch: { eu: [openWatch(gone), openWatch()], us: [openWatch()] },
  })
  await becomes('b instead of a', () => cache.get(objectKey('b', 'eu')) !== undefined)
  await becomes('us is synced', () => isSynced(cache, a('us')))
  assert.equal(cache.get(a('eu')), undefined)
  assert.deepEqual(told.toSorted(), ['+eu/a', '+eu/b', '+us/a', '-eu/a'])
})

test('a kind that may not be served is looked for in each of them only', async context => {
  const { server, cache, start, becomes } = await world(context, ifServed)
  const noSuchKind = json({ kind: 'Status', code: 404, message: 'could not find the requested resource' }, 404)
  start({
    list: { eu: [noSuchKind, noSuchKind, page(10, thing('a', 'eu', 1))], us: [noSuchKind] },
    watch: { eu: [openWatch()] },
  })
  await becomes('served', () => cache.size === 1)
  assert.equal(cache.synced, true)
  assert.ok(server.seen.every(it => it.includes('/namespaces/')))
})
