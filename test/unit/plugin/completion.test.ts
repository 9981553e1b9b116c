// What a shell offers, and what the commands say about themselves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completionOf } from '../../../operator/plugin/completion.ts'
import { programOf } from '../../../operator/plugin/program.ts'

const program = programOf({ version: '0', perform: async () => {}, terminal: () => undefined })
const complete = (...words: string[]) => completionOf(program, words)

test('commands and their commands are offered', () => {
  assert.deepEqual(complete('').offer, [
    'top',
    'explain',
    'cordon',
    'uncordon',
    'drain',
    'undrain',
    'rollout',
    'doctor',
  ])
  assert.deepEqual(complete('un').offer, ['uncordon', 'undrain'])
  assert.deepEqual(complete('rollout', '').offer, ['status', 'history', 'undo', 'unpin'])
  assert.deepEqual(complete('explain', '').offer, ['pool', 'node', 'autoscaler'])
})

test('names are offered of what the place asks for', () => {
  assert.deepEqual(
    [
      complete('drain', ''),
      complete('drain', 'a', 'b'),
      complete('top', ''),
      complete('rollout', 'undo', 'e'),
      complete('explain', 'autoscaler', ''),
      complete('explain', 'node', 'x', ''),
    ].map(({ names }) => names),
    ['node', 'node', 'pool', 'pool', 'autoscaler', undefined],
  )
})

test('options and the values they may have are offered, and where to look is taken from the words', () => {
  assert.deepEqual(complete('rollout', 'status', '--t').offer, ['--timeout'])
  assert.ok(complete('drain', '--').offer.includes('--namespace'))
  assert.deepEqual(complete('top', '--sort', 'd').offer, ['drain'])
  assert.deepEqual(complete('-o', '').offer, ['text', 'json'])
  const { access, names } = complete('drain', '-n', 'rtc', '--context=two', '')
  assert.deepEqual([access, names], [{ namespace: 'rtc', context: 'two' }, 'node'])
})

test('every command has a description and, unless it only gathers others, an example', () => {
  for (const command of program.commands.flatMap(it => (it.commands.length > 0 ? it.commands : [it]))) {
    let help = ''
    command.configureOutput({ writeOut: text => (help += text) })
    command.outputHelp()
    assert.match(help, /Examples:\n {2}kubectl rtc /, command.name())
    assert.notEqual(command.description(), '', command.name())
  }
})
