// A pool in numbers, as a scrape gets them: what its status says, and nothing of what it does not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf } from '../../../operator/api/meta.ts'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { poolMetrics } from '../../../operator/pool/metrics.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { fakeCache } from '../fake-cache.ts'
import { aPool, timeAt } from './build.ts'

function scraper() {
  const registry = metricRegistry()
  const pools = fakeCache<RTCNodePool>()
  poolMetrics(registry, pools.cache)
  const series = async () =>
    Object.fromEntries(
      [...(await registry.metrics()).matchAll(/^rtcnode_pool_(\w+)_nodes\{namespace="media",pool="eu"\} (\d+)$/gm)].map(
        ([, name = '', value]) => [name, Number(value)],
      ),
    )
  return { ...pools, series }
}

const counts = { replicas: 3, openReplicas: 2, readyReplicas: 3, drainingReplicas: 1, updatedReplicas: 2 }
const headroom = { wanted: 2, ready: 1, by: 'Balloons', changedAt: timeAt(0) } as const

test('a pool is told of as its status is, and not any more when it is gone', async () => {
  const { put, remove, series } = scraper()
  const pool = aPool(3, { status: counts })
  put(pool)
  assert.deepEqual(await series(), { desired: 3, open: 2, ready: 3, draining: 1, updated: 2 })
  remove(keyOf(pool))
  assert.deepEqual(await series(), {})
})

test('head-room is told of while it is wanted', async () => {
  const { put, series } = scraper()
  const pool = aPool(3, { status: { ...counts, headroom } })
  put(pool)
  const { headroom_wanted, headroom_ready } = await series()
  assert.deepEqual({ headroom_wanted, headroom_ready }, { headroom_wanted: 2, headroom_ready: 1 })
  const { headroom: _, ...status } = pool.status ?? assert.fail()
  put({ ...pool, metadata: { ...pool.metadata, resourceVersion: '2' }, status })
  assert.deepEqual(
    Object.keys(await series()).filter(name => name.startsWith('headroom')),
    [],
  )
})
