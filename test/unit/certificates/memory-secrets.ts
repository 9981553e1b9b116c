// Secrets in memory that conflict as those of an API server do, and can be given to somebody else.
import type { ObjectKey } from '../../../operator/api/meta.ts'
import type { Entries, Secrets, SeenSecret } from '../../../operator/certificates/secrets.ts'

type Data = Readonly<Record<string, string>>

export interface MemorySecrets extends Secrets {
  /** How often something was written. */
  readonly writes: number
  dataOf(key: ObjectKey): Data
  /** Changes it behind everybody's back. */
  set(key: ObjectKey, entries: Entries): void
  giveAway(key: ObjectKey): void
}

export function memorySecrets(): MemorySecrets {
  const kept = new Map<ObjectKey, { data: Data; version: string; foreign: boolean }>()
  let version = 0
  let writes = 0

  function set(key: ObjectKey, entries: Entries): void {
    const merged = { ...kept.get(key)?.data, ...entries }
    const data = Object.fromEntries(
      Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== null),
    )
    version += 1
    kept.set(key, { data, version: String(version), foreign: false })
  }

  return {
    get writes() {
      return writes
    },
    dataOf: key => kept.get(key)?.data ?? {},
    set,
    giveAway(key) {
      kept.set(key, { data: {}, version: '0', foreign: true })
    },
    async read(key): Promise<SeenSecret> {
      const found = kept.get(key)
      if (found === undefined) return { state: 'absent' }
      if (found.foreign) return { state: 'foreign', because: 'was made by somebody else' }
      return { state: 'ours', data: found.data, version: found.version }
    },
    readAny: async key => kept.get(key)?.data,
    async write(key, seen, entries) {
      await Promise.resolve()
      const now = kept.get(key)?.version
      if (now !== (seen.state === 'ours' ? seen.version : undefined)) return 'overtaken'
      set(key, entries)
      writes += 1
      return 'written'
    },
  }
}
