// docs/decisions/0008-what-fleet-managers-taught.md names a test for each complaint; a test that is renamed takes it along.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

test('each of the fifteen complaints names a test that there is', () => {
  const rows = read('docs/decisions/0008-what-fleet-managers-taught.md')
    .split('\n')
    .filter(line => /^\| \d+ \|/.test(line))
  assert.equal(rows.length, 15)
  for (const row of rows) {
    const named = [...row.matchAll(/“([^”]+)” \((test\/[^)]+)\)/g)]
    assert.notEqual(named.length, 0, row)
    for (const [, name = '', path = ''] of named) assert.ok(read(path).includes(name), `${path} has no test “${name}”`)
  }
})
