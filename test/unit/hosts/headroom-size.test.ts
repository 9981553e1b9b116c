// How much room on hosts is kept for a pool.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toTimestamp } from '../../../operator/ambient/clock.ts'
import type { RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import type { RTCAutoscalerStatus } from '../../../operator/api/rtcautoscaler-status.ts'
import type { PoolHeadroom, RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { FALLS_AFTER_MS, wantedPlaces } from '../../../operator/cluster/headroom/size.ts'
import { poolWith } from './headroom-build.ts'
import { at } from './said.ts'

const autoscaler = (status: Partial<RTCAutoscalerStatus>, maxReplicas = 100): RTCAutoscaler =>
  ({ spec: { poolName: 'eu', maxReplicas }, status }) as unknown as RTCAutoscaler
const growing = (by: number) => ({ demand: 1_000, forecast: 1_000 + by, capacity: 125, safePressure: 0.8 })
const told = (wanted: number, seconds: number): PoolHeadroom => ({
  wanted,
  ready: wanted,
  by: 'Balloons',
  changedAt: toTimestamp(at(seconds)),
})

test('how much: what people say, else what demand grows by while a host is made', () => {
  const of = (pool: RTCNodePool, status?: Partial<RTCAutoscalerStatus>, max?: number) =>
    wantedPlaces(pool, status && autoscaler(status, max), pool.status?.headroom, at(0))
  assert.equal(of(poolWith(undefined)), 0)
  assert.equal(of(poolWith(3)), 3)
  assert.equal(of(poolWith(0)), 0)
  assert.equal(of(poolWith('auto')), 1, 'a tenth, where nobody works out more')
  assert.equal(of(poolWith('auto', 25)), 3)
  assert.equal(of(poolWith('auto', 0)), 0, 'a pool of none needs none')
  assert.equal(of(poolWith('auto'), { terms: growing(320), leadTime: { coldSeconds: 180 } }), 4, '320 over 100 a node')
  assert.equal(of(poolWith('auto'), { terms: growing(0), leadTime: { coldSeconds: 180 } }), 1, 'one for a burst')
  assert.equal(
    of(poolWith('auto'), { terms: growing(40), leadTime: { warmSeconds: 15 } }),
    4,
    'stretched from 15 s to 150',
  )
  assert.equal(
    of(poolWith('auto'), { terms: growing(4_000), leadTime: { coldSeconds: 180 } }),
    5,
    'never more than half',
  )
  assert.equal(
    of(poolWith('auto'), { terms: growing(320), leadTime: {} }, 12),
    2,
    'no more than the autoscaler may ask for',
  )
  assert.equal(of(poolWith('auto'), { terms: growing(320), leadTime: {} }, 10), 0)
  assert.equal(of(poolWith('auto'), { terms: { ...growing(320), capacity: 0 } }), 1, 'nonsense is not known')
})

test('how much: it rises at once, and falls one by one, late', () => {
  const quiet = autoscaler({ terms: growing(0), leadTime: { coldSeconds: 180 } })
  const busy = autoscaler({ terms: growing(320), leadTime: { coldSeconds: 180 } })
  const before = told(3, 0)
  const wanted = (by: RTCAutoscaler, ms: number) => wantedPlaces(poolWith('auto'), by, before, at(ms / 1_000))
  assert.equal(wanted(busy, 1_000), 4)
  assert.equal(wanted(quiet, FALLS_AFTER_MS - 1_000), 3)
  assert.equal(wanted(quiet, FALLS_AFTER_MS), 2)
})

test('how much: what a schedule announces, whatever its share, where nobody else has its hosts made', () => {
  const quiet = autoscaler({ terms: growing(0), leadTime: { coldSeconds: 180 } })
  const pool = (by: 'Headroom' | 'ProvisioningRequest', nodes: number, headroom: number | 'auto' = 'auto') => {
    const one = poolWith(headroom)
    return { ...one, status: { ...one.status!, announced: { startsAt: toTimestamp(at(300)), nodes, by } } }
  }
  const wanted = (of: RTCNodePool, before?: PoolHeadroom) => wantedPlaces(of, quiet, before, at(1))
  assert.equal(wanted(pool('Headroom', 26)), 26)
  assert.equal(wanted(pool('ProvisioningRequest', 26)), 1)
  assert.equal(wanted(pool('Headroom', 26, 3)), 3, 'people say how much')
  const before = { ...told(26, 0), announced: 26 }
  assert.equal(wanted(pool('Headroom', 9), before), 9, 'pods take the places of the others')
  assert.equal(wanted(poolWith('auto'), before), 1, 'all of it falls when it is over')
  assert.equal(wanted(poolWith('auto'), { ...told(5, 0), announced: 3 }), 5, 'what it grows by is given back late')
})
