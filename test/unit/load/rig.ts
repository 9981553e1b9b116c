// A keeper of loads over caches and a registry in memory.
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import type { Intent } from '../../../operator/api/intent.ts'
import { API_VERSION, keyOf, type ObjectKey, objectKey, type Uid } from '../../../operator/api/meta.ts'
import type { RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { type Loads, loadsKeeper } from '../../../operator/load/loads.ts'
import { loadMetricTable } from '../../../operator/load/metrics.ts'
import type { KnownIntent, Registration } from '../../../operator/registry/registration.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry, metricsFrom } from '../../../operator/telemetry/metrics.ts'
import { fakeCache } from '../fake-cache.ts'
import { type FakeClock, fakeClock } from '../fake-clock.ts'
import { aBeat, aSpec } from './build.ts'

export interface NodeTraits {
  /** Default `eu`; `''`: no pool's. */
  readonly pool?: string
  readonly podUID?: string
  readonly uid?: string
  readonly cordoned?: boolean
  readonly deleted?: boolean
}

export interface Rig {
  readonly clock: FakeClock
  readonly loads: Loads
  node(name: string, traits?: NodeTraits): ObjectKey
  removeNode(name: string): void
  autoscaler(spec?: object, traits?: { name?: string; bornAt?: number; deleted?: boolean }): void
  removeAutoscaler(name?: string): void
  /** A heartbeat, 3 s after the one before. */
  beat(node: string, figures: Partial<Heartbeat>): Promise<void>
  /** The registry says this of a node. */
  says(node: string, registration: Registration): void
  intent(node: string, intent: Partial<Intent>): void
  /** Nodes whose admission has changed, and pools that may need more, since last asked. */
  told(): { admissions: string[]; pressures: string[] }
  metric(name: string, labels: Record<string, string>): Promise<number | undefined>
}

export function rig(): Rig {
  const clock = fakeClock()
  const nodes = fakeCache<RTCNode>()
  const autoscalers = fakeCache<RTCAutoscaler>()
  const registrations = new Map<ObjectKey, Registration>()
  const intents = new Map<ObjectKey, KnownIntent>()
  const listeners = new Set<(key: ObjectKey, what: 'material' | 'beat') => void>()
  const registry = metricRegistry()
  let admissions: string[] = []
  let pressures: string[] = []
  let version = 0
  let generation = 0
  let revision = 0

  const loads = loadsKeeper({
    clock,
    log: silentLogger,
    metrics: metricsFrom(registry, loadMetricTable),
    nodeCache: nodes.cache,
    autoscalerCache: autoscalers.cache,
    fleet: {
      registration: key => registrations.get(key) ?? { state: 'absent', forMs: 0 },
      intent: key => intents.get(key) ?? { state: 'absent' },
      onChange: listener => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
  })
  loads.onAdmission(key => admissions.push(nameIn(key)))
  loads.onPressure(key => pressures.push(nameIn(key)))

  const key = (name: string): ObjectKey => objectKey(name, 'media')
  const says = (name: string, registration: Registration): void => {
    registrations.set(key(name), registration)
    for (const listener of listeners) listener(key(name), 'beat')
  }
  const metadata = (name: string, uid: string) => ({
    name,
    namespace: 'media',
    uid: uid as Uid,
    resourceVersion: String(++version),
    creationTimestamp: '2030-01-01T00:00:00Z',
  })

  return {
    clock,
    loads,
    node(name, { pool = 'eu', podUID = `pod-${name}`, uid = `uid-${name}`, cordoned = false, deleted = false } = {}) {
      const owner = {
        apiVersion: API_VERSION,
        kind: 'RTCNodePool',
        name: pool,
        uid: `uid-${pool}` as Uid,
        controller: true,
      }
      const node: RTCNode = {
        apiVersion: API_VERSION,
        kind: 'RTCNode',
        metadata: {
          ...metadata(name, uid),
          ...(pool === '' ? {} : { ownerReferences: [owner] }),
          ...(deleted ? { deletionTimestamp: '2030-01-01T01:00:00Z' } : {}),
        },
        spec: { className: 'sim', cordoned },
        status: { phase: 'Running', podUID },
      }
      nodes.put(node)
      return keyOf(node)
    },
    removeNode: name => nodes.remove(key(name)),
    autoscaler(spec = {}, { name = 'eu', bornAt = 0, deleted = false } = {}) {
      const born = new Date(Date.UTC(2030, 0, 1) + bornAt * 1_000).toISOString()
      autoscalers.put({
        apiVersion: API_VERSION,
        kind: 'RTCAutoscaler',
        metadata: {
          ...metadata(name, `uid-${name}`),
          creationTimestamp: born,
          generation: ++generation,
          ...(deleted ? { deletionTimestamp: born } : {}),
        },
        spec: aSpec(spec),
      })
    },
    removeAutoscaler: (name = 'eu') => autoscalers.remove(key(name)),
    async beat(name, figures) {
      await clock.advance(3_000)
      says(name, {
        state: 'fresh',
        heartbeat: aBeat({ podUID: `pod-${name}`, ...figures }),
        revision: ++revision,
        ageMs: 0,
        leaseId: '1',
        emptySamples: 0,
        emptyForMs: 0,
      })
    },
    says,
    intent(name, intent) {
      const whole: Intent = { podUID: `pod-${name}`, admission: 'open', weight: 1, ...intent }
      intents.set(key(name), { state: 'known', revision: 1, intent: whole })
    },
    told() {
      const said = { admissions, pressures }
      admissions = []
      pressures = []
      return said
    },
    async metric(name, labels) {
      const found = (await registry.getSingleMetric(name)?.get())?.values ?? []
      return found.find(value => Object.entries(labels).every(([label, is]) => value.labels[label] === is))?.value
    },
  }
}

const nameIn = (key: ObjectKey): string => key.slice(key.indexOf('/') + 1)
