// Whether an object is as a schema of plain fields wants it, at a fraction of what the schema itself costs: thousands of heartbeats
// come each second, nearly all of them as they should be. Read off the schema, so that there is one truth. Used by operator/registry.
import { z } from 'zod'

/** Thrown when the program starts: a field is more than a number, a text or a word within bounds. */
export class NotPlainError extends Error {
  override readonly name = 'NotPlainError'
  readonly field: string

  constructor(field: string, because: string) {
    super(`${field} ${because}, which a quick check cannot see; leave such values to the schema`)
    this.field = field
  }
}

/**
 * The check says yes to an object out of JSON exactly when the schema would, and the schema would give just that object; other
 * fields are let through, so the schema must be a loose one. What is wrong with a value only the schema can tell. Throws
 * NotPlainError.
 */
export function quickCheck<T extends z.ZodObject>(schema: T): (object: object) => object is z.infer<T> {
  const rules = Object.entries<z.core.$ZodType>(schema.shape).map(([name, field]) => ruleOf(name, field))
  return (object): object is z.infer<T> => {
    for (const { name, isOptional, fits } of rules) {
      const value = (object as Readonly<Record<string, unknown>>)[name]
      // JSON has no undefined: the field is not there.
      if (value === undefined ? !isOptional : !fits(value)) return false
    }
    return true
  }
}

interface Rule {
  readonly name: string
  readonly isOptional: boolean
  readonly fits: (value: unknown) => boolean
}

const ruleOf = (name: string, field: z.core.$ZodType): Rule =>
  field instanceof z.ZodOptional
    ? { name, isOptional: true, fits: fitsOf(name, field.unwrap()) }
    : { name, isOptional: false, fits: fitsOf(name, field) }

const bounds = new Set(['number_format', 'greater_than', 'less_than', 'min_length', 'max_length'])

function fitsOf(name: string, field: z.core.$ZodType): Rule['fits'] {
  for (const { _zod } of field._zod.def.checks ?? [])
    if (!bounds.has(_zod.def.check)) throw new NotPlainError(name, `has a check of the kind ${_zod.def.check}`)
  if (field instanceof z.ZodNumber) return numberFits(name, field)
  if (field instanceof z.ZodString) return textFits(field)
  if (field instanceof z.ZodEnum) {
    const words = new Set<unknown>(field.options)
    return value => words.has(value)
  }
  throw new NotPlainError(name, `is of the type ${field._zod.def.type}`)
}

function numberFits(name: string, { format, minValue, maxValue }: z.ZodNumber): Rule['fits'] {
  if (format !== null && format !== 'safeint') throw new NotPlainError(name, `has the format ${format}`)
  const [min, max] = [minValue ?? -Infinity, maxValue ?? Infinity]
  const isKind = format === null ? Number.isFinite : Number.isSafeInteger
  return value => isKind(value) && (value as number) >= min && (value as number) <= max
}

function textFits({ minLength, maxLength }: z.ZodString): Rule['fits'] {
  const [min, max] = [minLength ?? 0, maxLength ?? Infinity]
  return value => typeof value === 'string' && value.length >= min && value.length <= max
}
