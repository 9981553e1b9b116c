// What is generated is committed, so that people can read it and install from it without building.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { generatedFiles } from '../../../scripts/generate.ts'

for (const [path, content] of Object.entries(generatedFiles())) {
  test(`${path} is what the code says`, () => {
    const committed = readFileSync(join(import.meta.dirname, '../../..', path), 'utf8')
    assert.ok(committed === content, `${path} is stale: run make crds`)
  })
}
