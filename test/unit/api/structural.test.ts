// What a CRD cannot say stops the generation with the name of the field, instead of being dropped without a word.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { crdOf, schemaOf } from '../../../operator/api/crd.ts'
import { kinds } from '../../../operator/api/kinds.ts'
import { NotStructuralError, type StructuralSchema, structural } from '../../../operator/api/structural.ts'

const field = (schema: z.ZodType) => z.object({ a: schema.describe('A field.') }).describe('An object.')

const refused: Record<string, { schema: z.ZodType; at: string; because: RegExp }> = {
  'a union': { schema: field(z.union([z.string(), z.int()])), at: 'spec.a', because: /union.*optional fields/ },
  'a union of other types that is called int-or-string': {
    schema: field(z.union([z.boolean(), z.string()]).meta({ 'x-kubernetes-int-or-string': true })),
    at: 'spec.a',
    because: /union of an integer and a string/,
  },
  'a union of three that is called int-or-string': {
    schema: field(z.union([z.int(), z.string(), z.boolean()]).meta({ 'x-kubernetes-int-or-string': true })),
    at: 'spec.a',
    because: /union of an integer and a string/,
  },
  'a format of zod only, in an int-or-string': {
    schema: field(z.union([z.int(), z.email()]).meta({ 'x-kubernetes-int-or-string': true })),
    at: 'spec.a',
    because: /format email/,
  },
  'a discriminated union': {
    schema: field(z.discriminatedUnion('k', [z.object({ k: z.literal('x') }), z.object({ k: z.literal('y') })])),
    at: 'spec.a',
    because: /union.*optional fields/,
  },
  'a tuple': { schema: field(z.tuple([z.string(), z.int()])), at: 'spec.a[]', because: /union/ },
  'two patterns': { schema: field(z.string().regex(/a/).regex(/b/)), at: 'spec.a', because: /intersection/ },
  recursion: { schema: recursive(), at: 'spec.a', because: /intersection|recursive/ },
  'a meta id': { schema: field(z.string().meta({ id: 'Named' })), at: 'spec.a', because: /intersection|meta id/ },
  null: { schema: field(z.string().nullable()), at: 'spec.a', because: /null.*optional/ },
  'a type of nothing': { schema: field(z.unknown()), at: 'spec.a', because: /no type/ },
  'a set': { schema: field(z.set(z.string())), at: 'spec.a', because: /no JSON form/ },
  'a bigint': { schema: field(z.int64()), at: 'spec.a', because: /no JSON form/ },
  'a transform, deep inside': {
    schema: field(z.array(z.object({ q: z.string().transform(Number).describe('Q.') }))),
    at: 'spec.a[].q',
    because: /transforms/,
  },
  'a refinement': { schema: field(z.string().refine(text => text !== 'x')), at: 'spec.a', because: /CEL rule/ },
  'a fallback for wrong values': { schema: field(z.string().catch('x')), at: 'spec.a', because: /default/ },
  'look-around': { schema: field(z.string().regex(/^(?!x)/)), at: 'spec.a', because: /look-around/ },
  'a format of zod only': { schema: field(z.email()), at: 'spec.a', because: /format email/ },
  'a step': { schema: field(z.number().multipleOf(5)), at: 'spec.a', because: /CEL/ },
  'no description': { schema: z.object({ a: z.string() }).describe('X.'), at: 'spec.a', because: /no description/ },
  'no description in a list': {
    schema: field(z.array(z.object({ b: z.string() }))),
    at: 'spec.a[].b',
    because: /no description/,
  },
}

function recursive(): z.ZodType {
  const tree: z.ZodType = z
    .object({
      get a() {
        return tree.optional().describe('A child.')
      },
    })
    .describe('A tree.')
  return tree
}

for (const [what, { schema, at, because }] of Object.entries(refused)) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => structural(schema, 'spec'),
      (error: unknown) => {
        assert.ok(error instanceof NotStructuralError, String(error))
        assert.equal(error.field, at)
        assert.match(error.because, because)
        return true
      },
    )
  })
}

test('bounds that people wrote are kept, those that zod adds are not', () => {
  const schema = z
    .object({
      free: z.int().describe('F.'),
      port: z.int().min(1).max(65_535).describe('P.'),
      bytes: z
        .int()
        .min(0)
        .max(2 ** 40)
        .describe('B.'),
      above: z.number().gt(0).describe('A.'),
      at: z.iso.datetime({ offset: true }).describe('T.'),
    })
    .describe('S.')
  assert.deepEqual(structural(schema, 'spec').properties, {
    free: { description: 'F.', type: 'integer', format: 'int64' },
    port: { description: 'P.', type: 'integer', format: 'int32', minimum: 1, maximum: 65_535 },
    bytes: { description: 'B.', type: 'integer', format: 'int64', minimum: 0, maximum: 2 ** 40 },
    above: { description: 'A.', type: 'number', minimum: 0, exclusiveMinimum: true },
    at: { description: 'T.', type: 'string', format: 'date-time' },
  })
})

test('a loose object keeps what it does not know, a record names the type of what it holds', () => {
  const schema = field(z.looseObject({})).extend({ map: z.record(z.string(), z.int().min(0)).describe('M.') })
  const { a, map } = structural(schema.describe('S.'), 'spec').properties ?? {}
  assert.deepEqual(a, { description: 'A field.', type: 'object', 'x-kubernetes-preserve-unknown-fields': true })
  assert.deepEqual(map?.additionalProperties, { type: 'integer', format: 'int64', minimum: 0 })
})

test('a number or a string has no type, the bounds of both, its default and its rules', () => {
  const rules = [{ rule: 'true', message: 'M.' }]
  const bounded = z
    .union([z.int().min(0).max(9), z.string().max(4).regex(/%$/)])
    .default('25%')
    .meta({ 'x-kubernetes-int-or-string': true, 'x-kubernetes-validations': rules })
  const free = z.union([z.int(), z.string()]).meta({ 'x-kubernetes-int-or-string': true })
  const schema = field(bounded)
    .extend({ b: free.describe('B.') })
    .describe('S.')
  assert.deepEqual(structural(schema, 'spec').properties, {
    a: {
      description: 'A field.',
      minimum: 0,
      maximum: 9,
      maxLength: 4,
      pattern: '%$',
      default: '25%',
      'x-kubernetes-int-or-string': true,
      'x-kubernetes-validations': rules,
    },
    b: { description: 'B.', 'x-kubernetes-int-or-string': true },
  })
})

test('a record may bound how many entries it has', () => {
  const labels = z.record(z.string(), z.string().max(63)).meta({ minProperties: 1, maxProperties: 16 })
  const { a } = structural(field(labels), 'spec').properties ?? {}
  assert.deepEqual([a?.minProperties, a?.maxProperties], [1, 16])
  assert.deepEqual(a?.additionalProperties, { type: 'string', maxLength: 63 })
})

test('a kind with replicas has the scale subresource, of fields that are there; the others have none', () => {
  const scaled = kinds.filter(({ scale }) => scale !== undefined)
  assert.deepEqual(
    scaled.map(({ kind }) => kind),
    ['RTCNodePool'],
  )
  for (const kind of kinds) {
    const [version] = crdOf(kind).spec.versions
    const { scale } = version?.subresources ?? assert.fail()
    const types = Object.fromEntries(fieldsOf(schemaOf(kind)).map(({ path, schema }) => [path, schema.type]))
    const paths = [scale?.specReplicasPath, scale?.statusReplicasPath, scale?.labelSelectorPath]
    assert.deepEqual(
      paths.map(path => path && types[path]),
      kind.scale === undefined ? [undefined, undefined, undefined] : ['integer', 'integer', 'string'],
    )
  }
})

for (const kind of kinds) {
  const crd = crdOf(kind)
  const schema = crd.spec.versions[0]?.schema.openAPIV3Schema ?? assert.fail()

  test(`${kind.kind}: every field says what it means`, () => {
    const silent = fieldsOf(schema).filter(each => each.path !== '.metadata' && !each.schema.description)
    assert.deepEqual(
      silent.map(({ path }) => path),
      [],
    )
  })

  test(`${kind.kind}: what a CEL rule reads is bounded, else the API server calls the rule too costly`, () => {
    const unbounded = fieldsOf(schema)
      .filter(({ ruled }) => ruled)
      .filter(({ schema: { type, enum: values, maxLength, maxItems } }) =>
        type === 'string' ? !values && maxLength === undefined : type === 'array' && maxItems === undefined,
      )
    assert.deepEqual(
      unbounded.map(({ path }) => path),
      [],
    )
  })

  test(`${kind.kind}: kubectl's name for it is no category, which would hide it`, () => {
    const { categories, singular, plural, shortNames } = crd.spec.names
    assert.deepEqual(
      [singular, plural, ...shortNames].filter(name => categories.includes(name)),
      [],
    )
  })
}

interface Field {
  readonly path: string
  readonly schema: StructuralSchema
  /** Whether it or an object around it (the root aside) has a rule. */
  readonly ruled: boolean
}

function fieldsOf(schema: StructuralSchema, path = '', ruled = false): Field[] {
  const here = ruled || (path !== '' && schema['x-kubernetes-validations'] !== undefined)
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const at = `${path}.${name}`
    return [
      { path: at, schema: child, ruled: here || child['x-kubernetes-validations'] !== undefined },
      ...fieldsOf(child, at, here),
    ]
  })
  return schema.items ? [...below, ...fieldsOf(schema.items, `${path}[]`, here)] : below
}
