// One claim a leadership, however many write at once; and none by a process that does not lead.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Intent } from '../../../operator/api/intent.ts'
import { type ObjectKey, objectKey } from '../../../operator/api/meta.ts'
import { StaleLeaderError } from '../../../operator/registry/errors.ts'
import type { IntentWriter } from '../../../operator/registry/intents.ts'
import { leadersIntents } from '../../../operator/registry/leaders-intents.ts'

const intent: Intent = { podUID: 'p', admission: 'closed', weight: 0 }
const key = (name: string): ObjectKey => objectKey(name, 'default')

function recorded(failures: Error[] = []) {
  const calls: string[] = []
  const writer: IntentWriter = {
    async claim({ epoch }) {
      calls.push(`claim ${epoch}`)
      await Promise.resolve()
    },
    async write(at) {
      calls.push(`write ${at}`)
      const failure = failures.shift()
      if (failure) throw failure
      return { revision: calls.length }
    },
    remove: async () => undefined,
  }
  return { calls, writer }
}

test('many who write at once share one claim, and each later leadership makes its own', async () => {
  const { calls, writer } = recorded()
  let epoch = 1
  const intents = leadersIntents(writer, { identity: 'me', epoch: () => epoch, isLeader: () => true })
  await Promise.all(['a', 'b', 'c'].map(name => intents.write(key(name), intent, 'absent')))
  assert.deepEqual(calls, ['claim 1', 'write default/a', 'write default/b', 'write default/c'])
  epoch = 2
  await intents.write(key('a'), intent, 'absent')
  assert.deepEqual(calls.slice(4), ['claim 2', 'write default/a'])
})

test('a claim that no longer stands is made again before the next write', async () => {
  const { calls, writer } = recorded([new StaleLeaderError(key('a'))])
  const intents = leadersIntents(writer, { identity: 'me', epoch: () => 1, isLeader: () => true })
  await assert.rejects(intents.write(key('a'), intent, 'absent'), StaleLeaderError)
  await intents.write(key('a'), intent, 'absent')
  assert.deepEqual(calls, ['claim 1', 'write default/a', 'claim 1', 'write default/a'])
})

test('who does not lead neither claims nor writes, also when leadership ends during the claim', async () => {
  const { calls, writer } = recorded()
  let leads = false
  const intents = leadersIntents(writer, { identity: 'me', epoch: () => 1, isLeader: () => leads })
  await assert.rejects(intents.write(key('a'), intent, 'absent'), StaleLeaderError)
  assert.deepEqual(calls, [])
  leads = true
  const under = intents.write(key('a'), intent, 'absent')
  leads = false
  await assert.rejects(under, StaleLeaderError)
  assert.deepEqual(calls, ['claim 1'])
})
