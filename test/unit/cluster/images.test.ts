import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run } from '../../cluster/command.ts'
import { type Image, packImage } from '../../cluster/images.ts'

let folder: string
const cacheBefore = process.env['XDG_CACHE_HOME']
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'images-'))
  process.env['XDG_CACHE_HOME'] = folder
})
after(async () => {
  if (cacheBefore === undefined) delete process.env['XDG_CACHE_HOME']
  else process.env['XDG_CACHE_HOME'] = cacheBefore
  await rm(folder, { recursive: true, force: true })
})

const image = (text: string): Image => ({
  name: 'example.test/greeter:1',
  files: { '/app/greeting': { text }, '/bin/program': process.execPath },
  entrypoint: ['/bin/program'],
  env: { LANGUAGE: 'en' },
  user: 1000,
})

test('the same content gives the same bytes, other content another archive', async () => {
  const first = await packImage(image('hello'))
  const bytes = await digest(first)
  await rm(first)
  assert.equal(await packImage(image('hello')), first)
  assert.equal(await digest(first), bytes)
  assert.notEqual(await packImage(image('goodbye')), first)
})

test('an archive holds the files, their modes, and a configuration whose layer digest is right', async () => {
  const path = await packImage(image('hello'))
  const unpacked = await mkdtemp(join(folder, 'unpacked-'))
  await run('tar', ['-xf', path, '-C', unpacked])
  const config = JSON.parse(await readFile(join(unpacked, 'config.json'), 'utf8'))
  assert.deepEqual(config.rootfs.diff_ids, [`sha256:${await digest(join(unpacked, 'layer.tar'))}`])
  assert.equal(config.config.User, '1000')
  assert.ok(config.config.Env.includes('LANGUAGE=en'))
  const manifest = JSON.parse(await readFile(join(unpacked, 'manifest.json'), 'utf8'))
  assert.deepEqual(manifest[0].RepoTags, ['example.test/greeter:1'])

  const listing = await run('tar', ['-tvf', join(unpacked, 'layer.tar')])
  assert.match(listing, /^drwxrwxrwt .* tmp\/$/m)
  assert.match(listing, /^-rwxr-xr-x .* bin\/program$/m)
  assert.match(listing, /^-rw-r--r-- .* 5 .* app\/greeting$/m)
})

test('an archive that was not used for an hour makes room for the next of its name', async () => {
  const old = await packImage(image('old'))
  const idle = new Date(Date.now() - 2 * 3_600_000)
  await utimes(old, idle, idle)
  const foreign = join(folder, 'rtcnode-operator/images/example.test_other_1-0.tar')
  await writeFile(foreign, '')
  await utimes(foreign, idle, idle)
  await packImage(image('new'))
  await assert.rejects(readFile(old), { code: 'ENOENT' })
  await readFile(foreign)
})

async function digest(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}
