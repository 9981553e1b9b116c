// All intents in the registry, or those of one namespace, by one watch, for the agents of a simulated fleet. A real agent
// watches its own alone.
import type { ObjectKey } from '../../operator/api/meta.ts'
import type { RegistryEntry } from '../../operator/registry/change.ts'
import { readIntent } from '../../operator/registry/intents.ts'
import { parseKey } from '../../operator/registry/keys.ts'
import type { KnownIntent } from '../../operator/registry/registration.ts'
import { type WatchOptions, watchRegistry } from '../../operator/registry/watch.ts'

export interface Intents {
  of(node: ObjectKey): KnownIntent
  /** Resolves when they are known for the first time. */
  readonly synced: Promise<void>
  /** Resolves after the signal has aborted. */
  readonly ended: Promise<void>
}

export function followIntents(
  deps: Omit<WatchOptions, 'range'> & { readonly namespace?: string },
  onChange: (node: ObjectKey) => void,
  signal: AbortSignal,
): Intents {
  const { prefix } = deps.connection
  const folder = deps.namespace === undefined ? '' : `${deps.namespace}/`
  const synced = Promise.withResolvers<void>()
  let known: Map<ObjectKey, KnownIntent> | undefined

  const nodeOf = (key: string): ObjectKey | undefined => {
    const parsed = parseKey(prefix, key)
    return parsed?.kind === 'intent' ? parsed.node : undefined
  }
  function entriesOf(entries: readonly RegistryEntry[]): Map<ObjectKey, KnownIntent> {
    const found = new Map<ObjectKey, KnownIntent>()
    for (const entry of entries) {
      const node = nodeOf(entry.key)
      if (node !== undefined) found.set(node, readIntent(entry))
    }
    return found
  }

  const ended = watchRegistry(
    { ...deps, range: { prefix: `${prefix}/intents/${folder}` } },
    {
      onWhole(entries) {
        const before = known ?? new Map<ObjectKey, KnownIntent>()
        known = entriesOf(entries)
        for (const node of new Set([...before.keys(), ...known.keys()])) onChange(node)
        synced.resolve()
      },
      onChanges(changes) {
        for (const change of changes) {
          const node = nodeOf(change.type === 'put' ? change.entry.key : change.key)
          if (node === undefined) continue
          if (change.type === 'put') known?.set(node, readIntent(change.entry))
          else known?.delete(node)
          onChange(node)
        }
      },
    },
    signal,
  )
  return {
    of: node => (known === undefined ? { state: 'unknown' } : (known.get(node) ?? { state: 'absent' })),
    synced: Promise.race([synced.promise, ended]),
    ended,
  }
}
