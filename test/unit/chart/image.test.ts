// The Dockerfile makes the image that the tests pack without Docker: the same files, user and entry point. That what it copies is
// enough to build the program, test/integration/bundle.test.ts shows.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import packageJson from '../../../package.json' with { type: 'json' }
import { operatorImage } from '../../cluster/images.ts'
import { chart, root } from './chart.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const dockerfile = read('Dockerfile').replaceAll('\\\n', '')
const instructions = (name: string): string[] =>
  dockerfile
    .split('\n')
    .filter(line => line.startsWith(`${name} `))
    .map(line => line.slice(name.length + 1))

test('both bases are pinned by digest', () => {
  for (const base of instructions('ARG')) assert.match(base, /^\w+=\S+@sha256:[0-9a-f]{64}$/)
  assert.deepEqual(instructions('FROM'), ['${BUILD_BASE} AS build', '${RUN_BASE}'])
})

test('files, user, environment and entry point are those of the packed image', () => {
  const { files, user, env, entrypoint } = operatorImage
  const copied = instructions('COPY').flatMap(line => {
    const [from = '', ...paths] = line.split(' ')
    const target = paths.pop() ?? ''
    if (!from.startsWith('--from=')) return []
    return paths.map(path => (target.endsWith('/') ? target + basename(path) : target))
  })
  assert.deepEqual(copied.toSorted(), Object.keys(files).toSorted())
  const { text } = files['/app/package.json']
  assert.match(instructions('RUN').at(-1) ?? '', new RegExp(`&& echo '${text.trim()}' > dist/package.json$`))
  assert.deepEqual(instructions('USER'), [String(user)])
  assert.deepEqual(
    instructions('ENV'),
    Object.entries(env).map(([name, value]) => `${name}=${value}`),
  )
  assert.deepEqual(
    instructions('ENTRYPOINT').map(it => JSON.parse(it)),
    [entrypoint],
  )
})

test('what it copies is there, and is let through by .dockerignore', () => {
  const [first, ...let_] = read('.dockerignore').trim().split('\n')
  assert.equal(first, '*')
  const passes = let_.map(line => line.replace('!', ''))
  const copied = instructions('COPY')
    .filter(line => !line.startsWith('--from'))
    .flatMap(line => line.split(' ').slice(0, -1))
  assert.deepEqual(copied.toSorted(), passes.toSorted())
  for (const path of copied) assert.ok(existsSync(join(root, path)), path)
})

test('chart, program and image are of one version', () => {
  const { version, appVersion } = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8'))
  assert.deepEqual([version, appVersion], [packageJson.version, packageJson.version])
})
