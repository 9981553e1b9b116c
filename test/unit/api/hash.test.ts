// The hashes that decide whether a fleet is rolled out: an upgrade of the operator must not change them, an edit must.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { classHash, SAFE_ALPHABET, templateHash } from '../../../operator/api/hash.ts'
import { type RTCNodeClass, type RTCNodeClassSpec, rtcNodeClassSpecSchema } from '../../../operator/api/rtcnodeclass.ts'
import { type RTCNodeTemplate, rtcNodeTemplateSchema } from '../../../operator/api/rtcnodepool.ts'
import { aClass } from '../lifecycle/build.ts'

/** As it comes from the API server, defaults filled in or not. */
const hashOfSpec = (spec: object): string =>
  classHash({ ...aClass(), spec: spec as RTCNodeClassSpec } satisfies RTCNodeClass)
const hashOfTemplate = (template: object): string => templateHash(template as RTCNodeTemplate)

const smallest = {
  adapter: 'livekit',
  podTemplate: { spec: { containers: [{ name: 'sfu' }] } },
  agent: { image: 'r:1' },
}

const frozen: readonly (readonly [string, string, string])[] = [
  ['the smallest class', hashOfSpec(smallest), 'g7qjwrl2'],
  [
    'a class with much in it',
    hashOfSpec({
      ...smallest,
      network: { mode: 'HostNetwork', ports: [{ name: 'rtc', port: 7_882, protocol: 'UDP' }] },
      sfuContainer: 'livekit',
      podTemplate: {
        metadata: { labels: { team: 'voice' } },
        spec: { containers: [{ name: 'livekit', image: 'l:2', args: ['--x', 'ü'] }], nodeSelector: { a: 'b' } },
      },
      agent: { image: 'r:2', heartbeatSeconds: 5, env: [{ name: 'K', value: 'v' }] },
    }),
    'xf2xqdjn',
  ],
  ['the smallest template', hashOfTemplate({ spec: { className: 'livekit' } }), 'bzdzdsrj'],
  [
    'a template with all there is',
    hashOfTemplate({
      metadata: { labels: { app: 'sfu' }, annotations: { note: 'x' } },
      spec: { className: 'livekit', region: 'eu', drain: { deadlineSeconds: 60 } },
    }),
    'hzfcf564',
  ],
]
for (const [what, hash, known] of frozen) {
  // Whoever has to change this table rolls out every fleet in the world.
  test(`the hash of ${what} is for ever ${known}`, () => assert.equal(hash, known))
}

const word = fc.constantFrom('a', 'b')
const words = fc.dictionary(word, word)
const maybe: { requiredKeys: [] } = { requiredKeys: [] }
const anything = fc.dictionary(word, fc.jsonValue({ maxDepth: 2 }))

const specs = fc.record(
  {
    adapter: fc.constant('livekit'),
    network: fc.record(
      {
        mode: fc.constantFrom('HostNetwork', 'PodNetwork'),
        addressSource: fc.constantFrom('PodIP', 'HostIP'),
        ports: fc.array(
          fc.record(
            { name: word, port: fc.integer({ min: 1, max: 2 }), protocol: fc.constantFrom('TCP', 'UDP') },
            { requiredKeys: ['name', 'port'] },
          ),
          { maxLength: 2 },
        ),
      },
      maybe,
    ),
    sfuContainer: fc.constantFrom('sfu', 'livekit'),
    podTemplate: fc.record(
      { metadata: fc.record({ labels: words, annotations: words }, maybe), spec: anything },
      { requiredKeys: ['spec'] },
    ),
    agent: fc.record(
      {
        image: word,
        imagePullPolicy: fc.constantFrom('Always', 'Never'),
        port: fc.constantFrom(9_870, 1),
        heartbeatSeconds: fc.constantFrom(3, 4),
        env: fc.array(anything, { maxLength: 1 }),
        resources: anything,
      },
      { requiredKeys: ['image'] },
    ),
    drain: fc.record({ deadlineSeconds: fc.nat(9) }, maybe),
    health: fc.record({ startupTimeoutSeconds: fc.constantFrom(10, 20) }, maybe),
    rollout: fc.constantFrom('RollingUpdate', 'OnDelete'),
  },
  { requiredKeys: ['adapter', 'podTemplate', 'agent'] },
)

const templates = fc.record(
  {
    metadata: fc.record({ labels: words, annotations: words }, maybe),
    spec: fc.record(
      { className: word, region: word, drain: fc.record({ deadlineSeconds: fc.nat(2) }, maybe) },
      { requiredKeys: ['className'] },
    ),
  },
  { requiredKeys: ['spec'] },
)

/** With every default filled in, and without what does not shape the pod. */
function podShape(spec: object): object {
  const { drain: _, health: __, rollout: ___, ...shape } = rtcNodeClassSpecSchema.parse(spec)
  return shape
}
const hashed = [
  { what: 'class', arbitrary: specs, hash: hashOfSpec, parse: podShape },
  {
    what: 'template',
    arbitrary: templates,
    hash: hashOfTemplate,
    parse: (template: object): object => rtcNodeTemplateSchema.parse(template),
  },
]

for (const { what, arbitrary, hash, parse } of hashed) {
  const law = (holds: (a: object, b: object) => void): void =>
    fc.assert(fc.property(arbitrary, arbitrary, holds), { numRuns: 500 })

  test(`${what}: the hash is of a safe alphabet`, () => {
    law(a => assert.match(hash(a), new RegExp(`^[${SAFE_ALPHABET}]{8}$`)))
  })

  test(`${what}: the order of keys does not matter`, () => law(a => assert.equal(hash(backwards(a)), hash(a))))

  test(`${what}: whether defaults are written out does not matter`, () =>
    law(a => assert.equal(hash(parse(a)), hash(a))))

  test(`${what}: the hash differs where anything else does`, () => {
    law((a, other) => {
      for (const field of Object.keys(other)) {
        const b = { ...a, [field]: (other as Record<string, unknown>)[field] }
        assert.equal(hash(a) === hash(b), isDeepStrictEqual(parse(a), parse(b)), field)
      }
    })
  })

  test(`${what}: a field of a later version does not count`, () => {
    law(a => assert.equal(hash({ ...a, fieldOfTheFuture: 'x' }), hash(a)))
  })
}

test('what the pod template says is hashed as it is, also what looks like a default', () => {
  const withSpec = (spec: object): string => hashOfSpec({ ...smallest, podTemplate: { spec } })
  const hashes = [{}, { containers: [] }, { containers: [{}] }, { hostNetwork: false }, { a: null }].map(withSpec)
  assert.equal(new Set(hashes).size, hashes.length)
})

function backwards<T>(value: T): T {
  if (Array.isArray(value)) return value.map(backwards) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, field]) => [key, backwards(field)]),
  ) as T
}
