// Why an autoscaler does not set replicas, in words that name the field, the value and the remedy.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Circumstances, standingOf } from '../../../../operator/autoscaler/standing.ts'
import { aPool } from '../../pool/build.ts'
import { type AutoscalerTraits, anAutoscaler } from './objects.ts'

const at = ({ spec, ...change }: Partial<Circumstances> & Pick<AutoscalerTraits, 'spec'> = {}): Circumstances => ({
  autoscaler: anAutoscaler('a', { ...(spec && { spec }) }),
  pool: aPool(3),
  foreign: [],
  older: undefined,
  pauseFlag: undefined,
  ...change,
})
const hindrance = (circumstances: Circumstances) => {
  const standing = standingOf(circumstances)
  return standing.does === 'look on' ? standing : assert.fail('it scales')
}

test('nothing in the way: it scales', () => {
  assert.deepEqual(standingOf(at()), { does: 'scale', foreign: [] })
})

test('no pool of that name: in this namespace, and no other counts', () => {
  const { because, message } = hindrance(at({ pool: undefined }))
  assert.equal(because, 'PoolNotFound')
  assert.match(message, /RTCNodePool “eu” in namespace media; create it, or correct spec\.poolName.*another namespace/)
})

test('the pool is being deleted', () => {
  assert.equal(hindrance(at({ pool: aPool(3, { deleted: true }) })).because, 'PoolDeleting')
})

test('an HPA scales the pool: its name, and what to delete', () => {
  const { because, message, foreign } = hindrance(at({ foreign: ['HorizontalPodAutoscaler “h”'] }))
  assert.equal(because, 'ExternallyManaged')
  assert.match(message, /HorizontalPodAutoscaler “h” set spec\.replicas of pool “eu”; delete them, or this/)
  assert.deepEqual(foreign, ['HorizontalPodAutoscaler “h”'])
})

test('another autoscaler is older: its name, and what to do', () => {
  const { because, message } = hindrance(at({ older: 'first' }))
  assert.equal(because, 'AnotherAutoscaler')
  assert.match(message, /RTCAutoscaler “first” is older.*delete one of the two, or set spec\.mode/)
})

test('one that recommends may stand beside an HPA, which is still told', () => {
  const standing = hindrance(at({ spec: { mode: 'Recommend' }, foreign: ['HorizontalPodAutoscaler “h”'] }))
  assert.equal(standing.because, 'Recommending')
  assert.equal(standing.foreign.length, 1)
})

test('paused by its spec, or by the flag in the registry', () => {
  assert.match(hindrance(at({ spec: { paused: true } })).message, /spec\.paused is true; set it to false/)
  for (const flag of ['true', '1', 'yes please']) {
    assert.match(hindrance(at({ pauseFlag: flag })).message, /flag pause-scaling is set.*delete it/)
  }
  for (const flag of ['', 'false', ' False\n', '0', 'off', 'no'])
    assert.equal(standingOf(at({ pauseFlag: flag })).does, 'scale')
})
