// What a replica tells of its view of the registry: whether it sees it, and how often it could not be trusted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { fleetView } from '../../../operator/registry/fleet.ts'
import { registryMetricTable } from '../../../operator/registry/metrics.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry, metricsFrom } from '../../../operator/telemetry/metrics.ts'
import { fakeClock } from '../fake-clock.ts'
import { scriptedRegistry } from './scripted-registry.ts'

test('in sight or not, and each freeze by its cause; the one at the start is none', async () => {
  const [etcd, clock, registry] = [scriptedRegistry(), fakeClock(), metricRegistry()]
  const names = ['a', 'b', 'c']
  let seq = 0
  const beatFor = async (seconds: number) => {
    for (const until = seq + seconds / 3; seq < until; await clock.advance(3_000)) {
      seq += 1
      for (const name of names)
        etcd.put(`/sfu/nodes/default/${name}`, { podUID: name, bootId: 'b', seq, state: 'serving', sessions: 1 })
    }
  }
  const stop = new AbortController()
  const metrics = metricsFrom(registry, registryMetricTable)
  const ended = fleetView(etcd.connection, { clock, random: seededRandom(), log: silentLogger, metrics }).run(
    stop.signal,
  )
  const tells = async () => {
    const text = await registry.metrics()
    const value = (series: string) => Number(text.match(new RegExp(`^rtcnode_registry_${series} (\\S+)$`, 'm'))?.[1])
    const freezes = ['out-of-sight', 'vanished', 'silent'].map(cause => value(`freezes_total\\{cause="${cause}"\\}`))
    return { inSight: value('in_sight'), frozen: value('frozen'), freezes }
  }
  await beatFor(15)
  assert.deepEqual(await tells(), { inSight: 1, frozen: 0, freezes: [0, 0, 0] })

  await clock.advance(9_000)
  assert.deepEqual(await tells(), { inSight: 1, frozen: 1, freezes: [0, 0, 1] })
  await beatFor(15)
  assert.deepEqual(await tells(), { inSight: 1, frozen: 0, freezes: [0, 0, 1] })

  for (const name of names) etcd.remove(`/sfu/nodes/default/${name}`)
  await clock.advance(2_000)
  assert.deepEqual(await tells(), { inSight: 1, frozen: 1, freezes: [0, 1, 1] })
  await beatFor(15)
  assert.deepEqual(await tells(), { inSight: 1, frozen: 0, freezes: [0, 1, 1] })

  etcd.deaf = true
  etcd.down = true
  await clock.advance(10_000)
  assert.deepEqual(await tells(), { inSight: 0, frozen: 1, freezes: [1, 1, 1] })
  stop.abort(new Error('the test is over'))
  await clock.advance(0)
  await ended
})
