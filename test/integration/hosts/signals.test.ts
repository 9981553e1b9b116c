// The live view of hosts against a real API server: what autoscalers write and take back, in the order in which they do it, and
// NodeClaims of a product that is installed and removed meanwhile.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { systemClock } from '../../../operator/ambient/clock.ts'
import { systemRandom } from '../../../operator/ambient/random.ts'
import type { Host } from '../../../operator/api/core.ts'
import type { Disruption, HostSignals } from '../../../operator/cluster/disruption.ts'
import {
  type HostEvent,
  hostEventIndexes,
  hostEvents,
  hostEventType,
  keptOfHostEvent,
  keptOfNodeClaim,
  nodeClaimIndexes,
  nodeClaimType,
} from '../../../operator/cluster/host-view.ts'
import { hostSignals } from '../../../operator/cluster/hosts.ts'
import { builtInRules, TERMINATION_TIMESTAMP } from '../../../operator/cluster/signals.ts'
import type { Informer } from '../../../operator/kube/cache.ts'
import { informer } from '../../../operator/kube/informer.ts'
import { kubeMetrics } from '../../../operator/kube/metrics.ts'
import { ifServed } from '../../../operator/kube/optional.ts'
import { type ResourceType, resourceClient } from '../../../operator/kube/resource.ts'
import { kubeTransport } from '../../../operator/kube/transport.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { anyKind, crdsEstablished } from '../../cluster/crds.ts'
import { until } from '../../cluster/until.ts'
import { hastyClock } from '../../unit/hasty-clock.ts'

const hostType: ResourceType<Host> = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false }

interface Seen extends AsyncDisposable {
  readonly signals: HostSignals
  readonly events: Informer<HostEvent>
  /** What `of` said each time that something was told of the host. */
  told(host: string): string[]
}

async function watching(cluster: Cluster): Promise<Seen> {
  const log = silentLogger
  const ambient = { clock: systemClock, random: systemRandom, log, metrics: kubeMetrics(metricRegistry()) }
  const { kubeconfigPath } = cluster
  const transport = await kubeTransport({ ...ambient, kubeconfigPath, userAgent: 'hosts-test/1' })
  const hosts = informer(resourceClient(transport, hostType), ambient)
  // Looks every second whether there are NodeClaims by now, instead of every half a minute.
  const claimClient = ifServed(resourceClient(transport, nodeClaimType), { clock: hastyClock(30), log })
  const claims = informer(claimClient, { ...ambient, indexes: nodeClaimIndexes, keep: keptOfNodeClaim })
  const events = informer(resourceClient(transport, hostEventType), {
    ...ambient,
    ...hostEvents,
    indexes: hostEventIndexes,
    keep: keptOfHostEvent,
  })
  const signals = hostSignals({
    hostCache: hosts,
    nodeClaimCache: claims,
    hostEventCache: events,
    rules: builtInRules,
    clock: systemClock,
    serverClock: transport.serverClock,
  })
  const told: [string, string][] = []
  signals.onChange(host => told.push([host, signals.of(host)?.reason ?? 'stays']))
  const stop = new AbortController()
  const running = [hosts, claims, events].map(it => it.run(stop.signal))
  await until('all to be read', () => signals.ready(), { withinMs: 60_000 })
  return {
    signals,
    events,
    told: host => told.filter(([name]) => name === host).map(([, reason]) => reason),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.all(running)
      await transport.close()
    },
  }
}

const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000)
const unixNow = (): number => Math.floor(Date.now() / 1_000)
const rfc3339 = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`

suite('what hosts announce', () => {
  let cluster: Cluster
  let seen: Seen
  const undo = new AsyncDisposableStack()

  before(
    async () => {
      cluster = undo.use(await startCluster({ kwokNodes: 4 }))
      seen = undo.use(await watching(cluster))
    },
    { timeout: 300_000 },
  )
  after(() => undo.disposeAsync())

  const node = (...args: string[]): Promise<string> => cluster.kubectl(args)
  const apply = (object: object): Promise<string> =>
    cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(object) })
  const becomes = (host: string, reason: string): Promise<Disruption> =>
    until(`${host} to show ${reason}`, () => seen.signals.of(host)?.reason === reason && seen.signals.of(host), {
      withinMs: 60_000,
    })
  const stays = (host: string): Promise<unknown> =>
    until(`${host} to stay`, () => seen.signals.of(host) === undefined, { withinMs: 60_000 })

  test('Cluster Autoscaler: a candidate, then removed, then left alone after all', { timeout: 180_000 }, async () => {
    const host = 'kwok-0'
    const began = unixNow()
    await node('taint', 'nodes', host, `DeletionCandidateOfClusterAutoscaler=${began - 600}:PreferNoSchedule`)
    assert.deepEqual((await becomes(host, 'ClusterAutoscalerCandidate')).kind, 'Advisory')
    await node('taint', 'nodes', host, `ToBeDeletedByClusterAutoscaler=${began}:NoSchedule`)
    await node('cordon', host)
    const { kind, since, deadline } = await becomes(host, 'ClusterAutoscalerRemoval')
    assert.deepEqual([kind, since, deadline], ['Planned', began * 1_000, undefined])
    await node('uncordon', host)
    await node('taint', 'nodes', host, 'ToBeDeletedByClusterAutoscaler-', 'DeletionCandidateOfClusterAutoscaler-')
    await stays(host)
  })

  test('Karpenter by its taint alone, put on and taken off when the replacement failed', {
    timeout: 180_000,
  }, async () => {
    const host = 'kwok-1'
    await node('taint', 'nodes', host, 'karpenter.sh/disrupted:NoSchedule')
    assert.equal((await becomes(host, 'KarpenterDisruption')).deadline, undefined)
    await node('taint', 'nodes', host, 'karpenter.sh/disrupted-')
    await stays(host)
    assert.deepEqual(seen.told(host), ['KarpenterDisruption', 'stays'])
  })

  test('Karpenter’s NodeClaims, once it is installed, and until it is removed', { timeout: 240_000 }, async () => {
    const host = 'kwok-2'
    const crd = anyKind('karpenter.sh', 'v1', 'NodeClaim', 'Cluster')
    await apply(crd)
    await crdsEstablished(cluster, [`crd/${crd.metadata.name}`])
    const claim = (spec: object, status: object = { nodeName: host }) => ({
      apiVersion: 'karpenter.sh/v1',
      kind: 'NodeClaim',
      metadata: { name: 'claim', finalizers: ['karpenter.sh/termination'], ...spec },
      status,
    })
    const condition = (type: string, reason: string) => ({
      type,
      status: 'True',
      reason,
      message: '',
      lastTransitionTime: rfc3339(inSeconds(-1)),
    })
    await apply(claim({}, {}))
    await apply(claim({}, { nodeName: host, conditions: [condition('Drifted', 'NodePoolDrifted')] }))
    assert.equal((await becomes(host, 'KarpenterDrifted')).kind, 'Advisory')
    await apply(claim({}, { nodeName: host, conditions: [condition('DisruptionReason', 'Drifted')] }))
    assert.equal((await becomes(host, 'KarpenterDisruption')).deadline, undefined)
    await apply(claim({}, { nodeName: host, conditions: [] }))
    await stays(host)

    const deadline = rfc3339(inSeconds(600))
    await apply(claim({ annotations: { [TERMINATION_TIMESTAMP]: deadline } }))
    await cluster.kubectl(['delete', 'nodeclaim', 'claim', '--wait=false'])
    assert.equal((await becomes(host, 'NodeClaimDeleted')).deadline, Date.parse(deadline))
    await cluster.kubectl(['patch', 'nodeclaim', 'claim', '--type=merge', '-p', '{"metadata":{"finalizers":null}}'])
    await stays(host)

    await apply(claim({ finalizers: [] }, { nodeName: host, conditions: [condition('InstanceTerminating', 'Ending')] }))
    assert.equal((await becomes(host, 'InstanceTerminating')).kind, 'Imminent')
    await cluster.kubectl(['delete', 'crd', crd.metadata.name, '--timeout=50s'])
    await stays(host)
  })

  test('an event about a host counts, and those about anything else are not even read', {
    timeout: 180_000,
  }, async () => {
    const host = 'kwok-1'
    const event = (kind: string, name: string) => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${kind.toLowerCase()}-${name}`, namespace: 'default' },
      involvedObject: { apiVersion: 'v1', kind, name },
      reason: 'SpotInterrupted',
      message: 'Spot interruption warning was triggered',
      type: 'Warning',
      firstTimestamp: rfc3339(inSeconds(-1)),
      lastTimestamp: rfc3339(inSeconds(-1)),
    })
    await apply(event('Pod', host))
    await apply(event('Node', host))
    const { kind, since, deadline } = await becomes(host, 'SpotInterruption')
    assert.deepEqual([kind, deadline], ['Imminent', (since ?? 0) + 120_000])
    const read = [...seen.events.list()].map(({ metadata }) => metadata.name)
    assert.ok(read.includes(`node-${host}`) && !read.includes(`pod-${host}`), read.join())
    await cluster.kubectl(['delete', 'event', `node-${host}`])
    await stays(host)
  })

  test('what a host writes all the time is told nobody', { timeout: 180_000 }, async () => {
    const host = 'kwok-0'
    await stays(host)
    const toldSoFar = seen.told(host).length
    for (const minutes of [3, 2, 1]) {
      const lastHeartbeatTime = rfc3339(inSeconds(-60 * minutes))
      const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime }]
      const patch = JSON.stringify({ status: { conditions } })
      await node('patch', 'node', host, '--subresource=status', '--type=strategic', '-p', patch)
    }
    // Whatever comes after it has been seen has been seen too.
    await node('taint', 'nodes', host, 'karpenter.sh/disrupted:NoSchedule')
    await becomes(host, 'KarpenterDisruption')
    assert.deepEqual(seen.told(host).slice(toldSoFar), ['KarpenterDisruption'])
  })

  test('a host that is deleted is gone, and one that nobody has heard of is not', { timeout: 180_000 }, async () => {
    await node('delete', 'node', 'kwok-3', '--timeout=50s')
    assert.equal((await becomes('kwok-3', 'HostGone')).kind, 'Imminent')
    assert.equal(seen.signals.of('never-heard-of'), undefined)
  })
})
