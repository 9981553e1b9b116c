// Who wrote a field, by what the API server keeps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whoSet } from '../../../operator/plugin/who-set.ts'
import { NOW, node, timeAt, withManagedFields, wroteBy } from './build.ts'

const wrote = (...fields: object[]) => withManagedFields(node('n1'), fields)

test('the last of those who own the field is named', () => {
  const object = wrote(
    wroteBy('kubectl', NOW - 10, { 'f:spec': { 'f:cordoned': {} } }),
    wroteBy('helm', NOW - 20, { 'f:spec': { 'f:cordoned': {} } }),
    wroteBy('other', NOW, { 'f:spec': { 'f:region': {} }, 'f:metadata': {} }),
  )
  assert.deepEqual(whoSet(object, 'spec', 'cordoned'), { manager: 'kubectl', at: timeAt(NOW - 10) })
})

test('nobody is named for a default, and garbage is nobody', () => {
  assert.equal(whoSet(node('n1'), 'spec', 'cordoned'), undefined)
  const odd = wrote({ manager: 'x', fieldsV1: { 'f:spec': 'text' } }, { manager: 'y', fieldsV1: null }, {})
  assert.equal(whoSet(odd, 'spec', 'cordoned'), undefined)
})
