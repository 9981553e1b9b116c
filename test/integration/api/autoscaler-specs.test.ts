// Bad autoscalers, on a real API server: each is refused with the name of the field, its value and what to do about it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { API_VERSION } from '../../../operator/api/meta.ts'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { applyCrds } from '../../cluster/crds.ts'
import { areRefused, type Refusals } from './refusals.ts'

let cluster: Cluster
before(async () => {
  cluster = await startCluster()
  await applyCrds(cluster)
})
after(() => cluster.stop())

const autoscaler = (spec: object = {}, name = 'x') => ({
  apiVersion: API_VERSION,
  kind: 'RTCAutoscaler',
  metadata: { name },
  spec: { poolName: 'eu', maxReplicas: 10, targets: { joinLatencyP99Ms: 1_500 }, ...spec },
})
const targets = (its: object) => autoscaler({ targets: its })
const watermarks = (its: object) => autoscaler({ watermarks: its })
const schedule = (its: object) =>
  autoscaler({ schedules: [{ name: 'peak', start: '0 8 * * *', end: '0 9 * * *', minReplicas: 2, ...its }] })
const behavior = (its: object) => autoscaler({ behavior: its })

const field = (path: string, value: string): RegExp =>
  new RegExp(`${path.replaceAll(/[.[\]]/g, '\\$&')}: Invalid value: ${value}:`)

const refused: Refusals = {
  'a minimum above the maximum': {
    object: autoscaler({ minReplicas: 11 }),
    says: [/spec\.minReplicas must not be greater than spec\.maxReplicas; raise maxReplicas or lower minReplicas/],
  },
  'no maximum': { object: autoscaler({ maxReplicas: undefined }), says: [/spec\.maxReplicas: Required value/] },
  'a maximum of 0': {
    object: autoscaler({ maxReplicas: 0, minReplicas: 0 }),
    says: [field('spec.maxReplicas', '0'), /greater than or equal to 1/],
  },
  'a negative minimum': {
    object: autoscaler({ minReplicas: -1 }),
    says: [field('spec.minReplicas', '-1'), /greater than or equal to 0/],
  },
  'a maximum beyond what a pool may have': {
    object: autoscaler({ maxReplicas: 10_001 }),
    says: [field('spec.maxReplicas', '10001'), /less than or equal to 10000/],
  },
  'no target': { object: targets({}), says: [field('spec.targets', '0'), /at least 1/] },
  'no targets at all': { object: autoscaler({ targets: undefined }), says: [/spec\.targets: Required value/] },
  'a target that nobody knows': { object: targets({ latency: 5 }), says: [/unknown field "spec\.targets\.latency"/] },
  'a negative latency goal': {
    object: targets({ joinLatencyP99Ms: -5 }),
    says: [field('spec.targets.joinLatencyP99Ms', '-5'), /should be greater than 0/],
  },
  'a loss of more than all': {
    object: targets({ packetLossPercent: 101 }),
    says: [field('spec.targets.packetLossPercent', '101'), /less than or equal to 100/],
  },
  'a CPU of 0': {
    object: targets({ cpuPercent: 0 }),
    says: [field('spec.targets.cpuPercent', '0'), /should be greater than 0/],
  },
  'a target as text': {
    object: targets({ cpuPercent: '60' }),
    says: [/spec\.targets\.cpuPercent/, /must be of type number: "string"/],
  },
  'no pool': { object: autoscaler({ poolName: undefined }), says: [/spec\.poolName: Required value/] },
  'a pool of another namespace': {
    object: autoscaler({ poolName: 'media/eu' }),
    says: [field('spec.poolName', '"media/eu"'), /should match/],
  },
  'a mode that nobody knows': {
    object: autoscaler({ mode: 'Auto' }),
    says: [/spec\.mode: Unsupported value: "Auto"/, /"Apply", "Recommend"/],
  },
  'watermarks in the wrong order': {
    object: watermarks({ prewarm: { enter: 0.9 } }),
    says: [/spec\.watermarks.*watermarks must rise: prewarm\.enter < shed\.enter < protect\.enter/],
  },
  'exits in the wrong order': {
    object: watermarks({ prewarm: { enter: 0.8, exit: 0.79 } }),
    says: [/spec\.watermarks.*watermarks must rise: prewarm\.exit <= shed\.exit <= protect\.exit/],
  },
  'a watermark that would flap': {
    object: watermarks({ shed: { exit: 0.82 } }),
    says: [/spec\.watermarks\.shed.*exit must be less than enter.*lower exit/],
  },
  'a fallback above the maximum': {
    object: autoscaler({ fallback: { replicas: 11 } }),
    says: [/spec\.fallback\.replicas must not be greater than spec\.maxReplicas/],
  },
  'a fallback at the first hiccup': {
    object: autoscaler({ fallback: { afterSeconds: 1 } }),
    says: [field('spec.fallback.afterSeconds', '1'), /greater than or equal to 10/],
  },
  'a schedule that does nothing': {
    object: schedule({ minReplicas: undefined }),
    says: [/spec\.schedules\[0\].*must set minReplicas, maxReplicas or idealReplicas/],
  },
  'a schedule whose minimum is above its maximum': {
    object: schedule({ maxReplicas: 1 }),
    says: [/spec\.schedules\[0\].*minReplicas of a schedule must not be greater than its maxReplicas/],
  },
  'a schedule without an end': {
    object: schedule({ end: undefined }),
    says: [/spec\.schedules\[0\]\.end: Required value/],
  },
  'two schedules of one name': {
    object: autoscaler({
      schedules: [1, 2].map(n => ({ name: 'a', start: '0 8 * * *', end: '0 9 * * *', minReplicas: n })),
    }),
    says: [/spec\.schedules\[1\]: Duplicate value/],
  },
  'a cron line that is too short to be one': {
    object: schedule({ start: '8' }),
    says: [/spec\.schedules\[0\]\.start/, /at least 9 chars/],
  },
  'a policy of 0': {
    object: behavior({ scaleUp: { policies: [{ type: 'Pods', value: 0, periodSeconds: 15 }] } }),
    says: [field('spec.behavior.scaleUp.policies[0].value', '0'), /greater than or equal to 1/],
  },
  'a policy of another kind': {
    object: behavior({ scaleDown: { policies: [{ type: 'Nodes', value: 1, periodSeconds: 15 }] } }),
    says: [/spec\.behavior\.scaleDown\.policies\[0\]\.type: Unsupported value: "Nodes"/],
  },
  'a window of more than an hour': {
    object: behavior({ scaleDown: { stabilizationWindowSeconds: 3_601 } }),
    says: [field('spec.behavior.scaleDown.stabilizationWindowSeconds', '3601'), /less than or equal to 3600/],
  },
  'an unknown field': { object: autoscaler({ minReplica: 2 }), says: [/unknown field "spec\.minReplica"/] },
}
areRefused(refused, object => apply(object))

test('one with only pool, maximum and a target comes back with every default', async () => {
  await apply(autoscaler({}, 'smallest'))
  const { spec } = await read('smallest')
  assert.deepEqual(spec, {
    ...autoscaler().spec,
    minReplicas: 1,
    mode: 'Apply',
    paused: false,
    watermarks: {
      prewarm: { enter: 0.65, exit: 0.55 },
      shed: { enter: 0.82, exit: 0.72 },
      protect: { enter: 0.95, exit: 0.85 },
    },
    forecast: { enabled: true, mode: 'Recommend' },
    fallback: { afterSeconds: 60 },
    behavior: {
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [
          { type: 'Percent', value: 100, periodSeconds: 30 },
          { type: 'Pods', value: 4, periodSeconds: 30 },
        ],
        tolerance: 0,
      },
      scaleDown: {
        stabilizationWindowSeconds: 600,
        selectPolicy: 'Max',
        policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
        tolerance: 0.02,
      },
    },
    schedules: [],
    warmSpares: 0,
  })
})

test('taken: every bound at its limit', async () => {
  await apply(autoscaler({ minReplicas: 0, maxReplicas: 10_000 }, 'widest'))
  await apply(
    autoscaler({ minReplicas: 10, maxReplicas: 10, fallback: { replicas: 10, afterSeconds: 10 } }, 'narrowest'),
  )
  const many = Array.from({ length: 16 }, (_, n) => ({
    name: `s${n}`,
    start: '0 8 * * 1-5',
    end: '0 9 * * 1-5',
    idealReplicas: n,
  }))
  await apply(autoscaler({ schedules: many }, 'scheduled'))
})

test('kubectl get rtca has a row that tells the story', async () => {
  await apply(autoscaler({ minReplicas: 2 }, 'listed'))
  const status = {
    currentReplicas: 3,
    desiredReplicas: 4,
    pressure: 0.71,
    latency: '1900/1500ms',
    conditions: [
      {
        type: 'ScalingActive',
        status: 'True',
        reason: 'ScaledUp',
        message: '3→4',
        observedGeneration: 1,
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  }
  await cluster.kubectl([
    'patch',
    'rtca',
    'listed',
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  ])
  const [head, row] = (await cluster.kubectl(['get', 'rtca', 'listed']))
    .split('\n')
    .map(line => line.trim().split(/\s+/))
  assert.deepEqual(head, [
    'NAME',
    'POOL',
    'CURRENT',
    'DESIRED',
    'PRESSURE',
    'LATENCY',
    'MODE',
    'ACTIVE',
    'REASON',
    'AGE',
  ])
  assert.deepEqual(row?.slice(0, 9), ['listed', 'eu', '3', '4', '0.71', '1900/1500ms', 'Apply', 'True', 'ScaledUp'])
  assert.ok((await cluster.kubectl(['get', 'rtc', '-oname'])).includes('rtcautoscaler.rtcnode.io/listed'))
})

// oxlint-disable-next-line typescript/no-explicit-any -- objects of the API, of which each test reads a few fields
type Json = any

const apply = (object: object): Promise<string> => cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(object) })

const read = async (name: string): Promise<Json> => JSON.parse(await cluster.kubectl(['get', 'rtca', name, '-ojson']))
