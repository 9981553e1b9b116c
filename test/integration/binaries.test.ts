// The cache of built programs: one build for all who want it, none for who brings the program along.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '../cluster/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'binaries-'))
after(() => rmSync(folder, { recursive: true }))

// The compiler's own cache stays where it is: this is not about the minutes of a first build.
const goCache = (await run('go', ['env', 'GOCACHE'])).trim()

const cli = join(import.meta.dirname, '../cluster/cli.ts')
// Progress goes to stderr, paths to stdout; the shell brings them together.
const binaries = (name: string, env: Record<string, string>) =>
  run('sh', ['-c', 'exec "$0" "$@" 2>&1', process.execPath, cli, 'binaries', name], {
    env: { XDG_CACHE_HOME: folder, GOCACHE: goCache, ...env },
    timeoutSeconds: 600,
  })

test('two runs that want the same program build it once, and both get it', async () => {
  const outputs = await Promise.all([binaries('etcd', {}), binaries('etcd', {})])
  assert.equal(outputs.filter(output => output.includes('building etcd')).length, 1)
  const paths = outputs.map(output => /^etcd\t(.*)$/m.exec(output)?.[1] ?? '')
  assert.equal(paths[0], paths[1])
  assert.match(await run(paths[0] ?? '', ['--version']), /etcd Version: 3\.6/)
  assert.deepEqual(await readdir(join(paths[0] ?? '', '..')), ['etcd'], 'no half-built file is left')
  assert.doesNotMatch(await binaries('etcd', {}), /building/)
})

test('programs in KUBEBUILDER_ASSETS are used as they are', async () => {
  writeFileSync(join(folder, 'kubectl'), '')
  const output = await binaries('kubectl', { KUBEBUILDER_ASSETS: folder })
  assert.equal(output, `kubectl\t${join(folder, 'kubectl')}\n`)
})
