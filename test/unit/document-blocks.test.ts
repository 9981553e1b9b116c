// What is in the code blocks of the documents is so: commands, flags, values and paths are there, objects are accepted, code works.
// The sh blocks are typed on a cluster, too: test/e2e/documents.test.ts.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { parse } from 'yaml'
import { kinds } from '../../operator/api/kinds.ts'
import { nodeReasons } from '../../operator/api/reasons.ts'
import { programOf } from '../../operator/plugin/program.ts'
import { blocksIn, manifestsIn, pages, root, textOf, typed } from '../docs/blocks.ts'

const examples = ['autoscaled-hosts', 'autoscaler', 'livekit-class', 'livekit-class-hostnetwork', 'nodes', 'pool'].map(
  name => `examples/${name}.yaml`,
)

/** All that may be typed or looked up: blocks of commands, and code within a sentence. */
function* snippets(): Generator<{ at: string; text: string }> {
  for (const page of pages) {
    for (const { at, language, text } of blocksIn(page)) {
      if (language !== 'sh') continue
      for (const line of text.replaceAll(/\\\n\s*/g, '').split('\n')) yield { at, text: line }
    }
    const prose = textOf(page).replaceAll(/^```[^]*?^```$/gm, '')
    for (const [, text = ''] of prose.matchAll(/`([^`\n]+)`/g)) yield { at: page, text }
  }
}

const wordsOf = (text: string): string[] =>
  text
    .replace(/\s[#|>&;].*$/, '')
    .split(/\s+/)
    .filter(word => word !== '')

test('every sh block is typed, or says why it is not', () => {
  const places = new Set(typed.map(({ at }) => at))
  const commands = pages.flatMap(blocksIn).filter(({ language }) => language === 'sh')
  const untold = commands.filter(({ at, notRunBecause }) => !places.has(at) && notRunBecause === undefined)
  assert.deepEqual(
    untold.map(({ at }) => at),
    [],
  )
  assert.ok(places.size > 40, `${places.size}`)
})

test('commands are in sh blocks, apart from what they print, and comments about how they run are above these', () => {
  const others = pages.flatMap(blocksIn).filter(({ language }) => language !== 'sh')
  const commands = others.filter(({ text }) => /^(?:\$ |(?:kubectl|helm|make|rtcnode|etcdctl|curl) )/m.test(text))
  const pointless = others.filter(({ notRunBecause, exitCodes }) => notRunBecause || exitCodes.some(code => code !== 0))
  assert.deepEqual(
    [...commands, ...pointless].map(({ at }) => at),
    [],
  )
  const languages = new Set(others.map(({ language }) => language))
  assert.deepEqual([...languages].toSorted(), ['', 'js', 'text', 'yaml'])
})

test('objects of ours are accepted as they stand, without a field that nobody knows', () => {
  const documents = [
    ...pages.flatMap(manifestsIn),
    ...examples.flatMap(at =>
      textOf(at)
        .split(/^---$/m)
        .map(yaml => ({ at, yaml })),
    ),
  ]
  const ours = documents.map(({ at, yaml }) => ({ at, object: parse(yaml) })).filter(({ object }) => isOurs(object))
  assert.ok(ours.length >= examples.length + 2, `${ours.length}`)
  for (const { at, object } of ours) {
    const kind = kinds.find(it => it.kind === object.kind) ?? assert.fail(`${at}: there is no kind ${object.kind}`)
    const accepted = kind.spec.safeParse(object.spec)
    assert.ok(accepted.success, `${at}: ${accepted.error?.message}`)
    assert.deepEqual(unknownFields(object.spec, accepted.data, 'spec'), [], at)
  }
})

const isOurs = (object: { apiVersion?: string } | null): boolean =>
  object?.apiVersion?.startsWith('rtcnode.io/') === true

/** What the schema has dropped. */
function unknownFields(given: unknown, taken: unknown, path: string): string[] {
  if (taken === undefined) return [path]
  if (typeof given !== 'object' || given === null) return []
  return Object.entries(given).flatMap(([name, value]) =>
    unknownFields(value, (taken as Record<string, unknown>)[name], `${path}.${name}`),
  )
}

test('every make target is there', () => {
  const targets = [...textOf('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, target]) => target)
  for (const { at, text } of snippets()) {
    const [command, target = ''] = wordsOf(text)
    if (command === 'make') assert.ok(targets.includes(target), `${at}: make ${target}`)
  }
})

test('every file is there', () => {
  for (const { at, text } of snippets()) {
    for (const [path] of text.matchAll(/\b(?<![\w/.-])(?:operator|test|examples|charts|scripts|crds)\/[\w./-]*\w/g)) {
      assert.ok(existsSync(join(root, path)), `${at}: ${path}`)
    }
  }
})

const chartValues = parse(textOf('charts/rtcnode-operator/values.yaml')) as Record<string, unknown>
const isValue = (path: string): boolean => {
  let at: unknown = chartValues
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null) return false
    // What is empty by default is as the user likes it.
    if (Object.keys(at).length === 0) return true
    at = (at as Record<string, unknown>)[name]
  }
  return at !== undefined
}

test('every value of the chart is there', () => {
  const sections = Object.keys(chartValues).filter(name => typeof chartValues[name] === 'object')
  const named = new RegExp(`^(?:${sections.join('|')})(?:\\.\\w+)+`)
  for (const { at, text } of snippets()) {
    const set = [...text.matchAll(/--set[ =]'?(\S+?)'?(?:\s|$)/g)].flatMap(([, pairs = '']) =>
      pairs.split(/,(?=[\w.]+=)/).map(pair => pair.replace(/=.*/, '')),
    )
    // The API reference names fields, some of which are called as values are.
    const told = at === 'docs/api.md' ? [] : (named.exec(text) ?? [])
    for (const path of [...set, ...told]) assert.ok(isValue(path), `${at}: ${path}`)
  }
})

test('every command of kubectl rtc is there, with its options', () => {
  const program = programOf({ version: '0', perform: async () => undefined, terminal: () => undefined })
  for (const { at, text } of snippets()) {
    const [kubectl, rtc, ...words] = wordsOf(text)
    if (kubectl !== 'kubectl' || rtc !== 'rtc') continue
    let command: Command = program
    for (const word of words) {
      if (word.startsWith('-')) assert.ok(hasOption(command, word), `${at}: ${text}: ${word}`)
      else if (command.commands.length > 0) {
        command = command.commands.find(it => it.name() === word) ?? assert.fail(`${at}: ${text}: ${word}`)
      }
    }
  }
})

function hasOption(command: Command, word: string): boolean {
  const [flag = ''] = word.split('=')
  if (flag === '--help') return true
  const isHere = command.options.some(({ long, short }) => long === flag || short === flag)
  return isHere || (command.parent !== null && hasOption(command.parent, word))
}

test('every command of rtcnode is there, with its options', async () => {
  const helps = new Map<string, string>()
  for (const { at, text } of snippets()) {
    const [rtcnode, command = '', ...words] = wordsOf(text)
    if (rtcnode !== 'rtcnode' || command.startsWith('-') || command === '') continue
    const help = helps.get(command) ?? (await helpOf(command))
    helps.set(command, help)
    assert.ok(help.includes(`Usage: rtcnode ${command}`), `${at}: ${text}`)
    for (const word of words.filter(it => it.startsWith('--'))) {
      const [flag = ''] = word.split('=')
      assert.match(help, new RegExp(`${flag}\\b`), `${at}: ${text}`)
    }
  }
  assert.ok(helps.size > 1)
})

async function helpOf(command: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'operator/main.ts'), command, '--help'], {
    timeout: 60_000,
  })
  return stdout
}

test('docs/troubleshooting.md has a word on every reason of a node', () => {
  const text = textOf('docs/troubleshooting.md')
  const well = ['Serving']
  const missing = Object.keys(nodeReasons).filter(name => !well.includes(name) && !text.includes(`\`${name}\``))
  assert.deepEqual(missing, [])
})

interface Beat {
  readonly podUID: string
  readonly state: string
  readonly sessions: number
}
type Intents = Readonly<Record<string, { podUID: string; weight?: number }>>
type Choose = (nodes: Readonly<Record<string, Beat>>, intents: Intents, random?: () => number) => string | undefined

test('docs/livekit.md places rooms on open nodes, fewer on those that fill up', async () => {
  const [block] = blocksIn('docs/livekit.md').filter(({ language }) => language === 'js')
  const source = `data:text/javascript,${encodeURIComponent(block?.text ?? '')}`
  const { nodeForRoom } = (await import(source)) as { nodeForRoom: Choose }
  const beat = (podUID: string, state = 'serving', sessions = 9): Beat => ({ podUID, state, sessions })
  /** All pairs of two are drawn equally often. */
  const shares = (nodes: Readonly<Record<string, Beat>>, intents: Intents = {}) => {
    const count = Object.values(nodes).filter(({ state }) => state === 'serving').length
    const draws = Array.from({ length: count ** 2 }, (_, n) => [n % count, Math.floor(n / count)])
    const chosen = draws.map(draw => nodeForRoom(nodes, intents, () => ((draw.shift() ?? 0) + 0.5) / count))
    return Object.fromEntries(Object.keys(nodes).map(name => [name, chosen.filter(it => it === name).length]))
  }
  assert.equal(nodeForRoom({}, {}), undefined)
  assert.equal(nodeForRoom({ a: beat('1', 'closed'), b: beat('2', 'draining') }, {}), undefined)
  assert.equal(nodeForRoom({ a: beat('1', 'closed'), b: beat('2') }, {}), 'b')
  assert.deepEqual(shares({ a: beat('1', 'serving', 100), b: beat('2', 'serving', 5) }), { a: 1, b: 3 })
  assert.deepEqual(shares({ a: beat('1'), b: beat('2') }, { a: { podUID: '1', weight: 0.25 } }), { a: 1, b: 3 })
  const ofAnEarlierPod = { a: { podUID: '0', weight: 0 } }
  assert.deepEqual(shares({ a: beat('1', 'serving', 5), b: beat('2') }, ofAnEarlierPod), { a: 3, b: 1 })
  assert.equal(nodeForRoom({ a: beat('1') }, { a: { podUID: '1', weight: 0 } }), undefined)
})
