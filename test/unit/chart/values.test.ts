// Values: each is described, each typo is refused by its name, and what cannot go together says so.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { runSettings } from '../../../operator/config.ts'
import { chart, render } from './chart.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly $ref?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly definitions?: Readonly<Record<string, Schema>>
}
const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as Schema
const values = parseDocument(readFileSync(join(chart, 'values.yaml'), 'utf8'))

const refused: Record<string, { values: object; says: RegExp }> = {
  'a section that is not there': { values: { registy: {} }, says: /'registy'/ },
  'a key that is not there': { values: { operator: { replica: 3 } }, says: /operator[^]*'replica'/ },
  'a setting that is not there': { values: { operator: { settings: { worker: 3 } } }, says: /settings[^]*'worker'/ },
  'a word for a number': { values: { operator: { replicas: 'two' } }, says: /operator\/replicas[^]*integer/ },
  'a number for a tag': { values: { image: { tag: 1.1 } }, says: /image\/tag[^]*string/ },
  'a digest that is none': { values: { image: { digest: 'latest' } }, says: /image\/digest/ },
  'a signal without a kind': { values: { hosts: { signals: [{ taint: 'a' }] } }, says: /hosts\/signals\/0[^]*'kind'/ },
  'no operator': { values: { operator: { replicas: 0 } }, says: /operator\/replicas/ },
  'two members': { values: { registry: { members: 2 } }, says: /registry\/members/ },
  'an etcd without a scheme': {
    values: { registry: { external: { endpoints: ['etcd:2379'] } } },
    says: /endpoints\/0/,
  },
  'no namespace for SFUs': { values: { sfu: { namespaces: [] } }, says: /sfu\/namespaces/ },
  'a namespace that cannot be': { values: { watchNamespaces: ['*'] }, says: /watchNamespaces\/0/ },
  'a wrong roll-out': { values: { classes: { livekit: { rollout: 'Recreate' } } }, says: /livekit\/rollout/ },
  'a limit that is none': { values: { operator: { resources: { limit: {} } } }, says: /resources[^]*'limit'/ },
  'TLS without certificates': {
    values: { registry: { external: { endpoints: ['https://etcd:2379'] } } },
    says: /registry\.external\.secretName is not set: name the Secret with ca\.crt, tls\.crt and tls\.key/,
  },
  'certificates without an etcd': {
    values: { registry: { external: { secretName: 'etcd' } } },
    says: /registry\.external\.endpoints is empty: set both or neither/,
  },
  'two rules for one taint': {
    values: {
      hosts: {
        signals: [
          { taint: 'a/b', kind: 'Planned' },
          { event: 'A', kind: 'None' },
          { taint: 'a/b', kind: 'None' },
        ],
      },
    },
    says: /hosts\.signals has two rules for the taint "a\/b": write one/,
  },
  'SFUs where nobody looks': {
    values: { watchNamespaces: ['eu'] },
    says: /sfu\.namespaces has "rtc", which watchNamespaces \(eu\) does not have/,
  },
}
for (const [what, { values: given, says }] of Object.entries(refused)) {
  test(`refused: ${what}`, () => assert.rejects(render(given), says))
}

test('the schema has every value, and nothing else', () => {
  const known = keysOf(schema).filter(key => key !== 'global')
  const given = [...leavesOf(values.contents as YAMLMap, schema)].map(({ path }) => path)
  assert.deepEqual(known.sort(), given.sort())
})

test('nowhere does the schema let an unknown key pass', () => {
  for (const [path, part] of partsOf(schema)) {
    if (part.properties !== undefined) assert.equal(part.additionalProperties, false, path)
  }
})

test('each value has a comment above it or beside it', () => {
  const bare = [...leavesOf(values.contents as YAMLMap, schema)].filter(leaf => !isCommented(leaf))
  assert.deepEqual(
    bare.map(({ path }) => path),
    [],
  )
})

test('operator.settings are settings of rtcnode run', () => {
  const named = Object.keys(schema.properties?.['operator']?.properties?.['settings']?.properties ?? {})
  assert.notEqual(named.length, 0)
  for (const name of named) assert.ok(name in runSettings, name)
})

/** What is Kubernetes' to describe, or is empty as it comes: any of its keys or none. */
function isLeaf(path: string, part: Schema): boolean {
  const value = values.getIn(path.split('.'))
  const isEmpty = isMap(value) && value.items.length === 0
  return resolved(part).properties === undefined || isEmpty || /\/(resources|affinity)$/.test(part.$ref ?? '')
}

const below = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

/** Dotted paths of all values that the schema knows. */
const keysOf = (part: Schema, path = ''): string[] =>
  isLeaf(path, part)
    ? [path]
    : Object.entries(part.properties ?? {}).flatMap(([name, inner]) => keysOf(inner, below(path, name)))

interface Leaf {
  readonly path: string
  readonly pair: Pair
  readonly isFirst: boolean
  readonly map: YAMLMap
}

/** The same of values.yaml. */
function* leavesOf(map: YAMLMap, part: Schema, path = ''): Generator<Leaf> {
  for (const [index, pair] of map.items.entries()) {
    const name = String(isScalar(pair.key) ? pair.key.value : pair.key)
    const inner = part.properties?.[name]
    const at = below(path, name)
    if (inner !== undefined && !isLeaf(at, inner) && isMap(pair.value)) yield* leavesOf(pair.value, inner, at)
    else yield { path: at, pair, isFirst: index === 0, map }
  }
}

function resolved(part: Schema): Schema {
  if (part.$ref === undefined) return part
  const steps = part.$ref.split('/').slice(2)
  return steps.reduce((at, step) => (at as Record<string, Schema>)[step] ?? {}, (schema.definitions ?? {}) as Schema)
}

function* partsOf(part: Schema, path = ''): Generator<[string, Schema]> {
  yield [path, part]
  for (const [name, inner] of Object.entries({ ...part.properties, ...part.definitions, items: part.items ?? {} })) {
    if (inner !== undefined && (name !== 'items' || part.items !== undefined)) yield* partsOf(inner, `${path}/${name}`)
  }
}

function isCommented({ pair, isFirst, map }: Leaf): boolean {
  const { key, value } = pair as {
    key: { commentBefore?: string }
    value?: { comment?: string; commentBefore?: string }
  }
  return Boolean(key.commentBefore || value?.comment || value?.commentBefore || (isFirst && map.commentBefore))
}
