// The manifest is judged as the API server would, and says where it is wrong.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAutoscaler } from '../../../operator/simulate/autoscaler-file.ts'
import { BadInputError } from '../../../operator/simulate/bad-input.ts'

const head = `apiVersion: rtcnode.io/v1alpha1
kind: RTCAutoscaler
metadata: {name: eu}
spec:
`
const good = ['poolName: eu', 'maxReplicas: 10', 'targets: {joinLatencyP99Ms: 1500}']
const manifest = (...lines: readonly string[]): string => head + lines.map(line => `  ${line}\n`).join('')

test('the example is one', () => {
  const spec = readAutoscaler(readFileSync(join(import.meta.dirname, '../../../examples/autoscaler.yaml'), 'utf8'), 'a')
  assert.equal(spec.targets.joinLatencyP99Ms, 1_500)
  assert.equal(spec.watermarks.shed.enter, 0.82, 'defaults are filled in')
})

test('it is found among other objects of the file', () => {
  const text = `kind: Namespace\napiVersion: v1\n---\n${manifest(...good)}`
  assert.equal(readAutoscaler(text, 'a').maxReplicas, 10)
})

for (const [what, text, message] of [
  ['broken YAML', `${head}  poolName: [eu`, /rtca\.yaml:\d+: YAML cannot be read/],
  [
    'another kind',
    'kind: Deployment\napiVersion: apps/v1',
    /RTCAutoscaler of rtcnode\.io\/v1alpha1 is not in the file/,
  ],
  ['nothing', '', /is not in the file/],
  ['no spec', 'kind: RTCAutoscaler\napiVersion: rtcnode.io/v1alpha1', /spec is “undefined”/],
  [
    'no target',
    manifest('poolName: eu', 'maxReplicas: 10', 'targets: {}'),
    /rtca\.yaml:7: spec\.targets is empty; set one/,
  ],
  [
    'a negative target',
    manifest('poolName: eu', 'maxReplicas: 10', 'targets: {joinLatencyP99Ms: -5}'),
    /rtca\.yaml:7: spec\.targets\.joinLatencyP99Ms is “-5”/,
  ],
  ['a name that is none', manifest(...good, 'minReplica: 2'), /rtca\.yaml:8: spec\.minReplica is no field/],
  [
    'min above max',
    manifest(...good, 'minReplicas: 20'),
    /rtca\.yaml:8: spec\.minReplicas is 20, more than maxReplicas 10; raise/,
  ],
  ['fallback above max', manifest(...good, 'fallback: {replicas: 11}'), /spec\.fallback\.replicas is 11, more than/],
  [
    'watermarks out of order',
    manifest(...good, 'watermarks: {shed: {enter: 0.6, exit: 0.5}}'),
    /spec\.watermarks have enter 0\.65, 0\.6, 0\.95; make them rise/,
  ],
  [
    'exit above enter',
    manifest(...good, 'watermarks: {shed: {exit: 0.9}}'),
    /spec\.watermarks\.shed has exit 0\.9 and enter 0\.82/,
  ],
  [
    'a schedule that does nothing',
    manifest(...good, 'schedules: [{name: a, start: 0 8 * * *, end: 0 9 * * *}]'),
    /spec\.schedules\[0\] does nothing/,
  ],
  [
    'a bad cron line',
    manifest(...good, 'schedules: [{name: a, start: 0 88 * * *, end: 0 9 * * *, minReplicas: 3}]'),
    /spec\.schedules cannot be used: .*88/,
  ],
  [
    'a zone that is none',
    manifest(...good, 'schedules: [{name: a, start: 0 8 * * *, end: 0 9 * * *, minReplicas: 3, timeZone: Mars/Base}]'),
    /Mars\/Base/,
  ],
] as const) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => readAutoscaler(text, 'rtca.yaml'),
      (error: unknown) => {
        assert.ok(error instanceof BadInputError, String(error))
        assert.match(error.message, message)
        return true
      },
    )
  })
}
