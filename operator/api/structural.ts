// From a zod schema to a structural schema, the strict dialect of OpenAPI that a CustomResourceDefinition may contain.
// Called by crd.ts and the API reference. What the dialect cannot say is refused when the CRD is generated, with the name
// of the field, instead of by an API server at install time, or silently never checked.
import { z } from 'zod'

export interface StructuralSchema {
  /** Absent for a number or a string, see x-kubernetes-int-or-string. */
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, StructuralSchema>>
  readonly required?: readonly string[]
  readonly items?: StructuralSchema
  readonly additionalProperties?: StructuralSchema
  readonly enum?: readonly string[]
  readonly format?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly 'x-kubernetes-validations'?: readonly CelRule[]
  readonly 'x-kubernetes-preserve-unknown-fields'?: true
  readonly 'x-kubernetes-int-or-string'?: true
}

export interface CelRule {
  readonly rule: string
  readonly message: string
  readonly fieldPath?: string
}

/** Thrown while generating; says which field cannot be said in a CRD and what to write instead. */
export class NotStructuralError extends Error {
  override readonly name = 'NotStructuralError'
  readonly field: string
  readonly because: string

  constructor(field: string, because: string, options?: ErrorOptions) {
    super(`${field} ${because}`, options)
    this.field = field
    this.because = because
  }
}

/** @throws {NotStructuralError} naming the field below `field` that has no structural form or no description. */
export function structural(schema: z.ZodType, field: string): StructuralSchema {
  const written = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    // What people write, before defaults are filled in: so a field with a default is not required.
    io: 'input',
    unrepresentable: ({ path, message }) => {
      throw new NotStructuralError(fieldAt(field, path), `has no JSON form: ${message}`)
    },
    override: ({ zodSchema, path }) => {
      const lost = silentlyLost(zodSchema)
      if (lost) throw new NotStructuralError(fieldAt(field, path), lost)
    },
  })
  return described(walk(written, field), field)
}

/** What zod drops from a JSON schema without a word, so that the API server would never check or do it. */
function silentlyLost({ _zod: { def } }: z.core.$ZodTypes): string | undefined {
  if (def.type === 'pipe') return 'transforms its value, which the API server cannot do; keep what is written'
  if (def.type === 'catch') return 'replaces wrong values, which the API server refuses; use a default'
  if (def.checks?.some(({ _zod }) => _zod.def.check === 'custom')) return 'has a refinement; write it as a CEL rule'
  return undefined
}

const fieldAt = (root: string, path: readonly (string | number)[]): string =>
  path.reduce<string>((field, step, index) => {
    if (step === 'items') return `${field}[]`
    if (step === 'additionalProperties') return `${field}.*`
    return path[index - 1] === 'properties' ? `${field}.${step}` : field
  }, root)

/** A JSON schema of which nothing is known yet. */
type Node = Readonly<Record<string, unknown>>

const known = new Set(
  `type description default enum format pattern minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength
  minItems maxItems minProperties maxProperties items required properties additionalProperties readOnly definitions`.split(
    /\s+/,
  ),
)

const remedies: Readonly<Record<string, string>> = {
  anyOf: 'is a union; use optional fields and a CEL rule “exactly one is set”',
  oneOf: 'is a union; use optional fields and a CEL rule “exactly one is set”',
  allOf: 'is an intersection; write one object with all fields',
  not: 'excludes a type; say what it is',
  multipleOf: 'has a step; CEL can say that',
  $ref: 'is recursive or has a meta id; write the schema in place',
  nullable: 'may be null; make it optional instead',
}

function walk(node: Node, field: string): StructuralSchema {
  if (node[INT_OR_STRING] === true) return intOrString(node, field)
  for (const keyword of Object.keys(node)) {
    if (!known.has(keyword) && !keyword.startsWith('x-kubernetes-'))
      throw new NotStructuralError(field, remedies[keyword] ?? `uses ${keyword}, which a CRD cannot say`)
  }
  const { type, description, properties, items, additionalProperties, readOnly: _, definitions: __, ...same } = node
  if (type === undefined) throw new NotStructuralError(field, 'has no type; give it one')
  return {
    ...(description !== undefined && { description }),
    type,
    ...(type === 'integer' ? integer(same) : type === 'string' ? string(same, field) : same),
    ...others(additionalProperties, field),
    ...(items !== undefined && { items: walk(items as Node, `${field}[]`) }),
    ...(properties !== undefined && fields(properties as Record<string, Node>, field)),
  } as StructuralSchema
}

const INT_OR_STRING = 'x-kubernetes-int-or-string'

/** The one union that a CRD knows. Bounds apply to the number or to the string, whichever they are for. */
function intOrString({ anyOf, description, ...same }: Node, field: string): StructuralSchema {
  const [number, text, ...more] = anyOf as readonly Node[]
  if (number?.['type'] !== 'integer' || text?.['type'] !== 'string' || more.length > 0)
    throw new NotStructuralError(field, 'is called int-or-string; make it a union of an integer and a string')
  const { type: _, ...ofNumber } = chosenBounds(number)
  const { type: __, ...ofText } = string(text, field)
  return { ...(description !== undefined && { description }), ...ofNumber, ...ofText, ...same } as StructuralSchema
}

function fields(properties: Record<string, Node>, field: string): Pick<StructuralSchema, 'properties'> {
  const entries = Object.entries(properties).map(([name, node]) => {
    const path = `${field}.${name}`
    return [name, described(walk(node, path), path)] as const
  })
  return entries.length === 0 ? {} : { properties: Object.fromEntries(entries) }
}

/** `kubectl explain` has something to say about every field. */
function described(schema: StructuralSchema, field: string): StructuralSchema {
  if (!schema.description) throw new NotStructuralError(field, 'has no description; add .describe(…)')
  return schema
}

/** Fields that are not named: of one type in a record, of any in a loose object. A CRD prunes them without being told. */
function others(additional: unknown, field: string): Partial<StructuralSchema> {
  if (additional === undefined || additional === false) return {}
  const anything = additional === true || Object.keys(additional as Node).length === 0
  return anything
    ? { 'x-kubernetes-preserve-unknown-fields': true }
    : { additionalProperties: walk(additional as Node, `${field}.*`) }
}

const INT32_MIN = -(2 ** 31)
const INT32_MAX = 2 ** 31 - 1

function integer(node: Node): Node {
  const { minimum, maximum } = node
  return {
    format: Number(minimum) >= INT32_MIN && Number(maximum) <= INT32_MAX ? 'int32' : 'int64',
    ...chosenBounds(node),
  }
}

/** zod bounds every integer by what a double holds exactly; that is its business, not a bound of the field. */
const chosenBounds = ({ minimum, maximum, ...same }: Node): Node => ({
  ...(minimum !== Number.MIN_SAFE_INTEGER && { minimum }),
  ...(maximum !== Number.MAX_SAFE_INTEGER && { maximum }),
  ...same,
})

function string({ pattern, ...same }: Node, field: string): Node {
  const { format } = same
  // The API server itself knows what a date-time is; zod's pattern of 300 characters would only blur its message.
  if (format === 'date-time') return same
  if (typeof format === 'string')
    throw new NotStructuralError(field, `has the format ${format}; give it a pattern instead`)
  if (typeof pattern === 'string' && /\(\?(?!:)/.test(pattern))
    throw new NotStructuralError(field, 'has a pattern with look-around or named groups, which RE2 does not know')
  return pattern === undefined ? same : { pattern, ...same }
}
