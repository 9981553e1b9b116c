// An independent watcher: when each object, or each key of the registry, was first seen as wanted. It shares no cache and
// no client with the operator, so what it sees is what anybody would see. Used by all benchmarks that time something.
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../operator/ambient/clock.ts'
import { systemRandom } from '../../operator/ambient/random.ts'
import type { Condition, KubeObject } from '../../operator/api/meta.ts'
import type { RegistryEntry } from '../../operator/registry/change.ts'
import { connectRegistry } from '../../operator/registry/connection.ts'
import { watchRegistry } from '../../operator/registry/watch.ts'
import { silentLogger } from '../../operator/telemetry/log.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { NotInTime } from '../cluster/until.ts'

/** Readings of performance.now(), by the last part of the object's or key's name. */
export interface Moments extends AsyncDisposable {
  at(name: string): number | undefined
  /** How many names with this prefix have been seen. */
  count(prefix: string): number
  /** Resolves with the moment at which so many names with this prefix had been seen; rejects with NotInTime. */
  reached(prefix: string, count: number, withinMs: number): Promise<number>
}

type Noted = (name: string, fits: boolean) => void

/** Of objects created from now on. Give a path with a namespace or selector to see only some. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what is at a path, only the caller knows
export async function momentsOf<T extends KubeObject>(
  { api }: Pick<Cluster, 'api'>,
  path: string,
  fits: (object: T) => boolean,
): Promise<Moments> {
  const start = (await api.call('GET', `${path}?limit=1`)) as { metadata: { resourceVersion: string } }
  let version = start.metadata.resourceVersion
  async function watchOnce(note: Noted, signal: AbortSignal): Promise<void> {
    const query = `watch=1&timeoutSeconds=10&resourceVersion=${version}`
    for await (const { type, object } of api.watch(`${path}?${query}`, signal)) {
      if (type === 'ERROR') throw new Error(`watch of ${path}: ${JSON.stringify(object)}`)
      const seen = object as T
      version = seen.metadata.resourceVersion
      if (type !== 'DELETED') note(seen.metadata.name, fits(seen))
    }
  }
  return moments(async (note, signal) => {
    // An API server short of CPU ends watches, lets them fall silent, or cuts them while it takes up a new CRD: they are
    // short, and each goes on from the last.
    let failuresInARow = 0
    while (!signal.aborted) {
      try {
        await watchOnce(note, signal)
        failuresInARow = 0
      } catch (error) {
        if (signal.aborted || (failuresInARow += 1) > 20) throw error
        await pause(100)
      }
    }
  })
}

/** Of keys in the registry: of all nodes, or of what else is at a prefix and fits. */
export function momentsOfKeys(
  { registry }: Pick<Cluster, 'registry'>,
  { prefix = '/sfu/nodes/', fits = () => true }: { prefix?: string; fits?: (value: string) => boolean } = {},
): Moments {
  const ambient = { clock: systemClock, random: systemRandom, log: silentLogger }
  const connection = connectRegistry({ endpoints: registry.endpoints }, ambient)
  return moments(async (note, signal) => {
    const seen = ({ key, value }: RegistryEntry): void =>
      note(key.slice(key.lastIndexOf('/') + 1), fits(new TextDecoder().decode(value)))
    await watchRegistry(
      { connection, range: { prefix }, ...ambient },
      {
        onWhole: entries => entries.forEach(seen),
        onChanges: changes => changes.forEach(change => change.type === 'put' && seen(change.entry)),
      },
      signal,
    )
    connection.close()
  })
}

function moments(watch: (note: Noted, signal: AbortSignal) => Promise<void>): Moments {
  const first = new Map<string, number>()
  const listeners = new Set<(name: string, at: number) => void>()
  const ending = new AbortController()
  const note: Noted = (name, fits) => {
    if (!fits || first.has(name)) return
    const at = performance.now()
    first.set(name, at)
    for (const listener of listeners) listener(name, at)
  }
  const watching = watch(note, ending.signal).catch((error: unknown) => {
    if (!ending.signal.aborted) console.error('an independent watcher broke', error)
  })

  return {
    at: name => first.get(name),
    count: prefix => [...first.keys()].filter(name => name.startsWith(prefix)).length,
    async reached(prefix, count, withinMs) {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      let seen = 0
      const listener = (name: string, at: number): void => {
        if (name.startsWith(prefix)) seen += 1
        if (seen === count) resolve(at)
      }
      const giveUp = (): void => reject(new NotInTime(`${count} of ${prefix}…, ${seen} seen`, withinMs, undefined))
      const timer = setTimeout(giveUp, withinMs)
      listeners.add(listener)
      for (const [name, at] of first) listener(name, at)
      return promise.finally(() => {
        clearTimeout(timer)
        listeners.delete(listener)
      })
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await watching
    },
  }
}

export const hasCondition = (conditions: readonly Pick<Condition, 'type' | 'status'>[] | undefined, type: string) =>
  conditions?.some(condition => condition.type === type && condition.status === 'True') === true
