// An informer must end up holding what the server last said, whatever happens on the way. Each test is one fault; the
// state of the cache is asserted, never the path.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type KubeObject, objectKey } from '../../../operator/api/meta.ts'
import type { Informer } from '../../../operator/kube/cache.ts'
import { informer } from '../../../operator/kube/informer.ts'
import { type ResourceType, resourceClient } from '../../../operator/kube/resource.ts'
import { until } from '../../cluster/until.ts'
import { hastyClock } from '../hasty-clock.ts'
import {
  type Answer,
  json,
  neverAnswer,
  openWatch,
  reset,
  type ScriptedServer,
  status,
  watchThat,
} from './scripted-server.ts'
import { runnerOf, scriptedTransport } from './scripted-transport.ts'

interface Thing extends KubeObject {
  readonly spec: { readonly color: string }
}
const thingType: ResourceType<Thing> = { apiVersion: 'test.io/v1', kind: 'Thing', plural: 'things', namespaced: true }

const thing = (name: string, version: number, { uid = `uid-${name}`, color = 'red' } = {}) => ({
  apiVersion: 'test.io/v1',
  kind: 'Thing',
  metadata: { name, namespace: 'ns', uid, resourceVersion: String(version), managedFields: [{ manager: 'x' }] },
  spec: { color },
})
type ThingJson = ReturnType<typeof thing>

const page = (version: number, items: ThingJson[], next?: string): Answer =>
  json({ metadata: { resourceVersion: String(version), ...(next && { continue: next }) }, items })
const added = (object: ThingJson) => ({ type: 'ADDED', object })
const modified = (object: ThingJson) => ({ type: 'MODIFIED', object })
const deleted = (object: ThingJson) => ({ type: 'DELETED', object })
const bookmark = (version: number) => ({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(version) } } })
const errorEvent = (code: number, reason: string) => ({ type: 'ERROR', object: { kind: 'Status', code, reason } })

const versionIn = (cache: Informer<Thing>) => cache.rangeOf(objectKey('a', 'ns'))?.progress.resourceVersion

const HASTE = 50

interface World {
  server: ScriptedServer
  cache: Informer<Thing>
  /** All changes after the first list as words: `+name`, `~name`, `-name`. */
  told: string[]
  /** Starts the informer; returns when the first list is in. */
  start(): Promise<void>
  /** Resolves when the cache holds exactly these, as `name@version`. */
  holds(...names: string[]): Promise<void>
}

async function world(context: TestContext, type = thingType): Promise<World> {
  const scripted = await scriptedTransport(hastyClock(HASTE))
  const { server, transport, ambient } = scripted
  const indexes = { byColor: (it: Thing) => [it.spec.color] }
  const cache = informer(resourceClient(transport, type), { ...ambient, indexes })
  const told: string[] = []
  cache.onChange(({ old, new: now }, { initial }) => {
    if (!initial) told.push(`${old ? (now ? '~' : '-') : '+'}${(now ?? old)?.metadata.name}`)
  })
  const run = runnerOf(context, scripted, cache)
  const content = (): string[] => [...cache.list()].map(it => `${it.metadata.name}@${it.metadata.resourceVersion}`)
  return {
    server,
    cache,
    told,
    async start() {
      run()
      await cache.whenSynced(AbortSignal.timeout(10_000))
    },
    async holds(...names) {
      const wanted = names.toSorted().join()
      await until(`the cache to hold ${wanted}`, () => content().toSorted().join() === wanted, {
        withinMs: 10_000,
        everyMs: 2,
      }).catch((error: unknown) => {
        throw new Error(`holds ${content().join()}; asked: ${server.seen.join('\n')}`, { cause: error })
      })
    },
  }
}

const watchedFrom = (server: ScriptedServer): (string | null)[] =>
  server.seen
    .filter(it => it.includes('watch=true'))
    .map(it => new URL(it.split(' ')[1] as string, 'http://x').searchParams.get('resourceVersion'))

test('all pages of a list are in the cache, then events change it', async context => {
  const { server, cache, told, start, holds } = await world(context)
  server.script({
    list: [page(10, [thing('a', 1)], 'next'), page(10, [thing('b', 2)])],
    watch: [openWatch(added(thing('c', 11)), modified(thing('a', 12)), deleted(thing('b', 13)))],
  })
  await start()
  await holds('a@12', 'c@11')
  assert.deepEqual(told, ['+c', '~a', '-b'])
  assert.deepEqual(watchedFrom(server), ['10'])
  assert.ok(server.seen[1]?.includes('continue=next'))
  assert.equal(versionIn(cache), '13')
})

test('410 when the watch begins: everything is listed again, and what vanished meanwhile is told as deleted', async context => {
  const { server, told, start, holds } = await world(context)
  server.script({
    list: [page(10, [thing('a', 1), thing('b', 2)]), page(20, [thing('a', 1), thing('c', 15)])],
    watch: [status(410, 'Expired'), openWatch()],
  })
  await start()
  await holds('a@1', 'c@15')
  assert.deepEqual(told, ['+c', '-b'])
  await until('the second watch', () => watchedFrom(server)[1] === '20', { withinMs: 30_000 })
})

test('410 as an event in the stream, and a version from the future: listed again', async context => {
  const { server, start, holds } = await world(context)
  const tooLarge = { details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } }
  const future = { type: 'ERROR', object: { kind: 'Status', code: 504, reason: 'Timeout', ...tooLarge } }
  server.script({
    list: [page(10, [thing('a', 1)]), page(20, [thing('a', 11)]), page(5, [thing('a', 3)])],
    watch: [openWatch(errorEvent(410, 'Expired')), openWatch(future), openWatch()],
  })
  await start()
  await holds('a@3')
})

test('410 in the middle of the pages: the list begins anew, and half a list is never seen', async context => {
  const { server, cache, start, holds } = await world(context)
  server.script({
    list: [
      page(10, [thing('a', 1)], 'next'),
      status(410, 'Expired'),
      page(20, [thing('a', 1)], 'next'),
      page(20, [thing('b', 2)]),
    ],
    watch: [openWatch()],
  })
  const sizes = new Set<number>()
  cache.onChange(() => void sizes.add(cache.size))
  await start()
  assert.deepEqual([...sizes], [2])
  await holds('a@1', 'b@2')
})

for (const [fault, answer] of [
  ['an ERROR event', openWatch(added(thing('b', 11)), errorEvent(500, 'InternalError'))],
  ['a frame of garbage', openWatch(added(thing('b', 11)), '\u0000{{{ not json\n')],
  ['an event that is no object', openWatch(added(thing('b', 11)), { type: 'ADDED', object: 7 })],
  ['an event of an unknown type', openWatch(added(thing('b', 11)), { type: 'SURPRISE', object: thing('x', 12) })],
  ['half a line', watchThat('ends', added(thing('b', 11)), '{"type":"ADD')],
  ['a cut connection', watchThat('is cut', added(thing('b', 11)))],
  ['an orderly end', watchThat('ends', added(thing('b', 11)))],
] as const) {
  test(`${fault} in a watch: it goes on behind the last event, without a list`, async context => {
    const { server, told, start, holds } = await world(context)
    server.script({ list: [page(10, [thing('a', 1)])], watch: [answer, openWatch(added(thing('c', 12)))] })
    await start()
    await holds('a@1', 'b@11', 'c@12')
    assert.deepEqual(told, ['+b', '+c'])
    assert.deepEqual(watchedFrom(server), ['10', '11'])
  })
}

test('a watch that falls silent is given up after two minutes and opened again', async context => {
  const { server, cache, start, holds } = await world(context)
  server.script({
    list: [page(10, [])],
    watch: [openWatch(bookmark(30)), neverAnswer, openWatch(added(thing('a', 31)))],
  })
  await start()
  await holds('a@31')
  assert.deepEqual(watchedFrom(server), ['10', '30', '30'])
  assert.ok(cache.staleForMs() < 60_000)
})

test('where no bookmarks come, a quiet watch ends before it would count as silent, and its end is a sign of life', async context => {
  const { server, cache, start } = await world(context, { ...thingType, withoutBookmarks: true })
  const endings: number[] = []
  const endsInTime: Answer = (request, response) => {
    const seconds = Number(new URL(request.url ?? '', 'http://x').searchParams.get('timeoutSeconds'))
    endings.push(seconds)
    openWatch()(request, response)
    setTimeout(() => response.end(), (seconds * 1_000) / HASTE)
  }
  server.script({ list: [page(10, [thing('a', 1)])], watch: [endsInTime, openWatch()] })
  await start()
  await until('the second watch', () => watchedFrom(server).length === 2, { withinMs: 10_000, everyMs: 2 })
  assert.ok(cache.staleForMs() < 60_000)
  assert.ok(
    endings.every(seconds => seconds < 120),
    String(endings),
  )
})

test('failing lists, 429s and 503s are outlived', async context => {
  const { server, start, holds } = await world(context)
  server.script({
    list: [reset, reset, reset, status(503, 'ServiceUnavailable'), status(403, 'Forbidden'), page(10, [thing('a', 1)])],
    watch: [
      status(429, 'TooManyRequests', { 'retry-after': '1' }),
      status(500, 'InternalError'),
      reset,
      openWatch(added(thing('b', 11))),
    ],
  })
  await start()
  await holds('a@1', 'b@11')
})

test('a server that ends every watch at once is not asked in a tight loop', async context => {
  const { server, start } = await world(context)
  server.script({ list: [page(10, [])], watch: [watchThat('ends')] })
  await start()
  // A second here is most of a minute for the informer, whose waits double from 0.8 s.
  await new Promise(resolve => setTimeout(resolve, 1_000))
  const watches = watchedFrom(server).length
  assert.ok(watches < 12, `${watches} watches`)
  await until('it is asked again', () => watchedFrom(server).length > 1, { withinMs: 30_000 })
})

test('repeated and late events change nothing, and a late one does not bring back what was deleted', async context => {
  const { server, cache, told, start, holds } = await world(context)
  const twice = modified(thing('a', 12))
  server.script({
    list: [page(10, [thing('a', 1), thing('b', 2)])],
    watch: [
      openWatch(twice, twice, modified(thing('a', 11)), deleted(thing('b', 13)), modified(thing('b', 9)), bookmark(14)),
    ],
  })
  await start()
  await holds('a@12')
  await until('the bookmark', () => versionIn(cache) === '14', { withinMs: 30_000 })
  assert.deepEqual(told, ['~a', '-b'])
})

test('a name that has a new life is told as a deletion and then an addition, by event and by list alike', async context => {
  const { server, cache, told, start, holds } = await world(context)
  server.script({
    list: [page(10, [thing('a', 1)]), page(30, [thing('a', 25, { uid: 'third' })])],
    watch: [openWatch(modified(thing('a', 11, { uid: 'second' })), errorEvent(410, 'Expired')), openWatch()],
  })
  await start()
  await holds('a@25')
  assert.deepEqual(told, ['-a', '+a', '-a', '+a'])
  assert.equal(cache.get(objectKey('a', 'ns'))?.metadata.uid, 'third')
})

test('indexes follow every change', async context => {
  const { server, cache, start, holds } = await world(context)
  server.script({
    list: [page(10, [thing('a', 1), thing('b', 2, { color: 'blue' })])],
    watch: [openWatch(modified(thing('a', 11, { color: 'blue' })), deleted(thing('b', 12, { color: 'blue' })))],
  })
  await start()
  await holds('a@11')
  const names = (color: string) => cache.byIndex('byColor', color).map(it => it.metadata.name)
  assert.deepEqual([names('blue'), names('red')], [['a'], []])
  assert.throws(() => cache.byIndex('byShape', 'round'), /no index named byShape/)
})

test('a listener that throws harms neither the cache nor the other listeners', async context => {
  const { server, cache, told, start, holds } = await world(context)
  cache.onChange(() => {
    throw new Error('a bug of somebody')
  })
  const after: string[] = []
  cache.onChange(({ key }) => void after.push(key))
  server.script({ list: [page(10, [thing('a', 1)])], watch: [openWatch(added(thing('b', 11)))] })
  await start()
  await holds('a@1', 'b@11')
  assert.deepEqual(told, ['+b'])
  assert.deepEqual(after, ['ns/a', 'ns/b'])
})

test('who subscribes late is told what is there, as initial', async context => {
  const { server, cache, start } = await world(context)
  server.script({ list: [page(10, [thing('a', 1)])], watch: [openWatch()] })
  await start()
  const late: [string, boolean][] = []
  const unsubscribe = cache.onChange(({ key }, { initial }) => void late.push([key, initial]))
  assert.deepEqual(late, [['ns/a', true]])
  unsubscribe()
})

test('objects cannot be changed by those who read them, and carry no managedFields', async context => {
  const { server, cache, start } = await world(context)
  server.script({ list: [page(10, [thing('a', 1)])], watch: [openWatch()] })
  await start()
  const held = cache.get(objectKey('a', 'ns'))
  assert.ok(held)
  const writable: { color: string } = held.spec
  assert.throws(() => {
    writable.color = 'green'
  }, TypeError)
  assert.ok(!('managedFields' in held.metadata))
  assert.equal(held.kind, 'Thing')
})
