// Whether a class can make a pod: asked once a generation, told as one condition.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RTCNodeClass } from '../../../operator/api/rtcnodeclass.ts'
import { type ClassDecision, decideClass, type Trial } from '../../../operator/lifecycle/accept-class.ts'
import { aClass, at, condition, settings, timeAt } from './build.ts'

const decide = (nodeClass: RTCNodeClass, trial?: Trial): ClassDecision =>
  decideClass(nodeClass, trial, at(50), settings, 'operators')
const told = (nodeClass: RTCNodeClass, trial?: Trial) => {
  const decision = decide(nodeClass, trial)
  assert.ok(decision.do === 'tell')
  const [accepted, ...others] = decision.status.conditions ?? []
  assert.deepEqual(others, [])
  return { observedGeneration: decision.status.observedGeneration, ...accepted }
}

test('a new class is tried with a pod as its nodes would have it', () => {
  const decision = decide(aClass())
  assert.ok(decision.do === 'try')
  assert.deepEqual(
    [decision.pod.metadata.namespace, decision.pod.metadata.name],
    ['operators', 'rtcnodeclass-uid-class'],
  )
})

const words: readonly (readonly [Trial, string, string, RegExp])[] = [
  [{ outcome: 'accepted' }, 'True', 'Accepted', /accepts/],
  [
    { outcome: 'invalid', message: 'spec.containers[0].image: Required value' },
    'False',
    'PodInvalid',
    /Required value/,
  ],
  [{ outcome: 'not-checked', message: 'exceeded quota' }, 'Unknown', 'NotChecked', /quota/],
]
for (const [trial, status, reason, says] of words) {
  test(`a trial that was ${trial.outcome} is told as ${reason}`, () => {
    const accepted = told(aClass({ generation: 3 }), trial)
    assert.deepEqual([accepted.type, accepted.status, accepted.reason], ['Accepted', status, reason])
    assert.deepEqual([accepted.observedGeneration, accepted.lastTransitionTime], [3, timeAt(50)])
    assert.match(accepted.message ?? '', says)
  })
}

test('a template that cannot be a node is refused without asking the API server', () => {
  const accepted = told(aClass({ sfuContainer: 'janus' }))
  assert.deepEqual([accepted.status, accepted.reason], ['False', 'PodInvalid'])
})

test('a judged class is left alone until it changes; one that could not be judged is tried again', () => {
  const judged = (status: 'True' | 'False') => aClass({ accepted: condition('Accepted', status, 'Accepted') })
  assert.equal(decide(judged('True')).do, 'nothing')
  assert.equal(decide(judged('False')).do, 'nothing')
  assert.equal(decide(aClass({ accepted: condition('Accepted', 'True', 'Accepted'), generation: 2 })).do, 'try')
  assert.equal(decide(aClass({ accepted: condition('Accepted', 'Unknown', 'NotChecked') })).do, 'try')
})

test('the transition time moves only with the status', () => {
  const before = aClass({ accepted: condition('Accepted', 'True', 'Accepted'), generation: 2 })
  assert.equal(told(before, { outcome: 'accepted' }).lastTransitionTime, timeAt(0))
  assert.equal(told(before, { outcome: 'invalid', message: '' }).lastTransitionTime, timeAt(50))
})
