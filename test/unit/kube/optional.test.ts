// A kind of a product that may not be installed: none of it while it is not, all of it once it is, and none again when it goes.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { KubeObject } from '../../../operator/api/meta.ts'
import type { Informer } from '../../../operator/kube/cache.ts'
import { informer } from '../../../operator/kube/informer.ts'
import { ifServed } from '../../../operator/kube/optional.ts'
import { type ResourceType, resourceClient } from '../../../operator/kube/resource.ts'
import { until } from '../../cluster/until.ts'
import { hastyClock } from '../hasty-clock.ts'
import { json, openWatch, type ScriptedServer, status, watchThat } from './scripted-server.ts'
import { runnerOf, scriptedTransport } from './scripted-transport.ts'

const thingType: ResourceType<KubeObject> = {
  apiVersion: 'test.io/v1',
  kind: 'Thing',
  plural: 'things',
  namespaced: true,
}
const thing = (name: string) => ({
  apiVersion: 'test.io/v1',
  kind: 'Thing',
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, resourceVersion: '5' },
})
const page = (...names: string[]) => json({ metadata: { resourceVersion: '7' }, items: names.map(thing) })
const noSuchKind = json({ kind: 'Status', code: 404, message: 'the server could not find the requested resource' }, 404)
const forbidden = status(403, 'Forbidden')

interface World {
  readonly server: ScriptedServer
  readonly cache: Informer<KubeObject>
  start(): Promise<void>
}

async function world(context: TestContext): Promise<World> {
  const scripted = await scriptedTransport(hastyClock(100))
  const { server, transport, ambient } = scripted
  const cache = informer(ifServed(resourceClient(transport, thingType), ambient), ambient)
  const run = runnerOf(context, scripted, cache)
  return {
    server,
    cache,
    async start() {
      run()
      await cache.whenSynced(AbortSignal.timeout(5_000))
    },
  }
}

for (const [why, answer] of Object.entries({ 'not served': noSuchKind, 'not ours to see': forbidden })) {
  test(`${why}: there are none, and that is certain`, async context => {
    const { server, cache, start } = await world(context)
    server.script({ list: [answer], watch: [answer] })
    await start()
    assert.equal(cache.synced, true)
    assert.equal(cache.size, 0)
  })

  test(`${why} at first: noticed when it comes`, async context => {
    const { server, cache, start } = await world(context)
    server.script({ list: [answer, answer, page('a', 'b')], watch: [openWatch()] })
    await start()
    await until('the two', () => cache.size === 2, { withinMs: 10_000 })
  })
}

test('served and then no more: those that were there are gone', async context => {
  const { server, cache, start } = await world(context)
  server.script({ list: [page('a'), noSuchKind], watch: [watchThat('ends'), noSuchKind] })
  await start()
  await until('none', () => cache.size === 0, { withinMs: 10_000 })
})

test('any other fault is a fault: it does not mean that there are none', async context => {
  const { server, cache, start } = await world(context)
  server.script({
    list: [status(500, 'InternalError'), status(503, 'ServiceUnavailable'), page('a')],
    watch: [openWatch()],
  })
  await start()
  assert.equal(cache.size, 1)
})
