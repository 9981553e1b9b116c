// Tells whoever listens which nodes have changed, and whether in a way that matters. The fleet view decides when.
import type { ObjectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import { type Listeners, listeners } from './listeners.ts'
import { isSameMaterial, type Material } from './material.ts'

export interface Announcements {
  readonly listen: Listeners<[key: ObjectKey, what: 'material' | 'beat']>['add']
  /** Tells of a node: as `material` if what matters differs from when it was last told of, else as a `beat`. */
  tell(key: ObjectKey): void
  /** Tells of a node only if what matters differs. */
  tellIfMaterial(key: ObjectKey): void
  /** Tells of every one of these as `material`, and remembers no others. */
  tellAll(keys: Iterable<ObjectKey>): void
  forget(key: ObjectKey): void
}

/** `materialOf` gives what matters of a node now. */
export function announcements(materialOf: (key: ObjectKey) => Material, log: Logger): Announcements {
  const all = listeners<[ObjectKey, 'material' | 'beat']>('fleet view', log)
  const told = new Map<ObjectKey, Material>()

  function differs(key: ObjectKey): boolean {
    const material = materialOf(key)
    const before = told.get(key)
    if (before !== undefined && isSameMaterial(before, material)) return false
    told.set(key, material)
    return true
  }

  return {
    listen: all.add,
    tell: key => all.tell(key, differs(key) ? 'material' : 'beat'),
    tellIfMaterial(key) {
      if (differs(key)) all.tell(key, 'material')
    },
    tellAll(keys) {
      told.clear()
      for (const key of keys) if (differs(key)) all.tell(key, 'material')
    },
    forget: key => void told.delete(key),
  }
}
