// Who wrote a field last, by the record that the API server keeps in metadata.managedFields. Pure; for the explanations: “why 5?”
// begins with who asked for 5.
import type { Instant } from '../ambient/clock.ts'
import type { KubeObject } from '../api/meta.ts'
import { ago } from './words.ts'

export interface Writer {
  /** The name by which the program calls itself, such as `kubectl-scale`, `helm` or `rtcnode-operator`. */
  readonly manager: string
  /** RFC 3339: when it last wrote any of its fields; absent for what came through `scale`. */
  readonly at: string | undefined
}

interface ManagedFields {
  readonly manager?: string
  readonly time?: string
  readonly fieldsV1?: unknown
}

/** Undefined: the field has its default, or the server does not tell. */
export function whoSet({ metadata }: KubeObject, ...path: readonly string[]): Writer | undefined {
  const { managedFields = [] } = metadata as KubeObject['metadata'] & { managedFields?: readonly ManagedFields[] }
  const owners = managedFields.filter(({ fieldsV1 }) => owns(fieldsV1, path))
  // Several may own a field with the same value; the last one is who people look for.
  const last = owners.reduce<ManagedFields | undefined>(
    (found, it) => (found === undefined || (it.time ?? '') >= (found.time ?? '') ? it : found),
    undefined,
  )
  return last?.manager === undefined ? undefined : { manager: last.manager, at: last.time }
}

function owns(fields: unknown, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return true
  if (typeof fields !== 'object' || fields === null) return false
  const below = (fields as Readonly<Record<string, unknown>>)[`f:${step}`]
  return below !== undefined && owns(below, rest)
}

/** `kubectl-edit, 5 min ago`. */
export const writerText = ({ manager, at }: Writer, now: Instant): string =>
  at === undefined ? manager : `${manager}, ${ago(at, now)}`
