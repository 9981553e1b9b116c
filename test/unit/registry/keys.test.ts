// Names in the registry, there and back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { objectKey } from '../../../operator/api/meta.ts'
import { flagKey, intentKey, nodeKey, parseKey, UnusableKeyError } from '../../../operator/registry/keys.ts'

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/)

test('law: what a key is made of is what is read from it', () => {
  fc.assert(
    fc.property(fc.constantFrom('/sfu', '/some/other'), label, label, (prefix, namespace, name) => {
      const node = objectKey(name, namespace)
      assert.deepEqual(parseKey(prefix, nodeKey(prefix, node)), { kind: 'node', node })
      assert.deepEqual(parseKey(prefix, intentKey(prefix, node)), { kind: 'intent', node })
      assert.deepEqual(parseKey(prefix, flagKey(prefix, name)), { kind: 'flag', name })
      assert.equal(parseKey(`${prefix}x`, nodeKey(prefix, node)), undefined)
    }),
  )
})

test('law: no text makes it throw, and none with a slash too many is a node', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      assert.equal(parseKey('/sfu', `/sfu/nodes/${a}/${b}/c`), undefined)
      parseKey('/sfu', a)
    }),
  )
})

for (const key of [
  'cluster-scoped',
  'default/a/b',
  'default/..',
  'Default/a',
  '/a',
  'default/',
  `default/${'a'.repeat(254)}`,
]) {
  test(`refused: ${key.slice(0, 30)}`, () => {
    const slash = key.indexOf('/')
    const node = slash < 0 ? objectKey(key) : objectKey(key.slice(slash + 1), key.slice(0, slash))
    assert.throws(() => nodeKey('/sfu', node), UnusableKeyError)
  })
}
