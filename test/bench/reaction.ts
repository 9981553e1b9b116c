// How soon a node is seen Running after the last thing that was missing has happened, among a thousand others.
import { setTimeout as pause } from 'node:timers/promises'
import type { Pod } from '../../operator/api/core.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { startBeats } from './beats.ts'
import type { Benchmark } from './figure.ts'
import { type Moments, momentsOf } from './moments.ts'
import { numbered, podsPath, type Stage, startStage } from './stage.ts'
import { milliseconds, quantile, spread } from './statistics.ts'

const CROWD = Number(process.env['COUNT'] ?? 1_000)
const PROBES = 200
const EVERY_MS = 100
const WITHIN_MS = 240_000

export const reaction: Benchmark = {
  name: 'reaction',
  title: 'Reaction to the last heartbeat',
  method: `${CROWD} nodes are Running and beat each 3 s. Another ${PROBES} have a Ready pod and no heartbeat. Each ${EVERY_MS} ms, on a schedule that waits
for nobody, the next of them gets its first heartbeat: the last thing it needs to become Running. Measured from before the put is sent to etcd
until an independent watcher of the API server sees the phase Running. The baseline is the floor of the method: a patch of a ConfigMap by
one client, from before it is sent until an independent watcher sees it, on the same schedule.`,
  async run(log) {
    await using stage = await startStage({ kwokNodes: 4 })
    const { cluster, nodes } = stage
    await using beats = await startBeats(cluster)
    await stage.operator()
    const names = [...numbered('crowd', CROWD), ...numbered('probe', PROBES)]
    await stage.createNodes(names)
    await stage.pods.reached('', names.length, WITHIN_MS)
    const uids = await podUIDs(cluster)
    await Promise.all(numbered('crowd', CROWD).map(name => beats.begin(name, uids.get(name) ?? '')))
    await nodes.reached('crowd-', CROWD, WITHIN_MS)
    log(`${CROWD} nodes are Running, ${PROBES} wait for their first heartbeat`)
    await pause(5_000)
    const floor = await floorOf(stage)
    const latencies = await timed(numbered('probe', PROBES), nodes, name => beats.begin(name, uids.get(name) ?? ''))
    const p99 = quantile(latencies, 0.99)
    return {
      figures: [
        {
          what: `last heartbeat → Running seen, p99 at ${CROWD} nodes`,
          measured: milliseconds(p99),
          goal: '< 500 ms',
          isMet: p99 < 500,
          baseline: milliseconds(quantile(floor, 0.99)),
          ratio: p99 / quantile(floor, 0.99),
        },
      ],
      details: [`Reaction: ${spread(latencies)}.`, `Floor of the method: ${spread(floor)}.`],
    }
  },
}

async function podUIDs({ api }: Cluster): Promise<Map<string, string>> {
  const { items } = (await api.call('GET', podsPath)) as { items: Pod[] }
  return new Map(items.map(({ metadata }) => [metadata.name, metadata.uid]))
}

async function floorOf({ cluster }: Stage): Promise<readonly number[]> {
  const path = '/api/v1/namespaces/default/configmaps'
  const names = numbered('floor', PROBES)
  await Promise.all(names.map(name => cluster.api.call('POST', path, { metadata: { name } })))
  await using seen = await momentsOf<{ data?: object } & Pod>(cluster, path, ({ data }) => data !== undefined)
  const latencies = await timed(names, seen, name => cluster.api.call('PATCH', `${path}/${name}`, { data: { a: 'b' } }))
  return latencies
}

/** Causes one after the other on an open schedule; gives the milliseconds from each cause to its effect. */
async function timed(
  names: readonly string[],
  effects: Moments,
  cause: (name: string) => Promise<unknown>,
): Promise<readonly number[]> {
  const startedAt = performance.now()
  const causes = names.map(async (name, index) => {
    await pause(Math.max(0, startedAt + index * EVERY_MS - performance.now()))
    const at = performance.now()
    await cause(name)
    return at
  })
  const [prefix = ''] = names[0]?.split(/(?<=-)/) ?? []
  await effects.reached(prefix, names.length, WITHIN_MS)
  const causedAt = await Promise.all(causes)
  return names.map((name, index) => (effects.at(name) ?? Number.NaN) - (causedAt[index] ?? Number.NaN))
}
