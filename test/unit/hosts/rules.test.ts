// Rules of people's own: what they add, replace and switch off, and what is refused with its name.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { disruptionOf } from '../../../operator/cluster/judge.ts'
import { ownRules, rulesWith } from '../../../operator/cluster/rules.ts'
import { builtInRules } from '../../../operator/cluster/signals.ts'
import { ConfigError, runConfig } from '../../../operator/config.ts'
import { aCondition, aHost, anEvent, aTaint, at, inSeconds, NOW, seen } from './build.ts'

const rules = (...given: object[]) => rulesWith(ownRules.parse(JSON.stringify(given)))
const judged = (host: ReturnType<typeof aHost>, ...given: object[]) => disruptionOf(seen(host), rules(...given), NOW)

test('without any, the table holds', () => assert.deepEqual(rulesWith(ownRules.parse(undefined)), builtInRules))

test('a taint of your own, with a lead: its time is the taint’s', () => {
  const own = {
    taint: 'example.com/maintenance',
    kind: 'Planned',
    by: 'our tool',
    reason: 'Maintenance',
    leadSeconds: 900,
  }
  const host = aHost({ taints: [aTaint('example.com/maintenance', { timeAdded: at(-60) })] })
  const { kind, reason, by, deadline } = judged(host, own) ?? {}
  assert.deepEqual([kind, reason, by, deadline], ['Planned', 'Maintenance', 'our tool', inSeconds(840)])
})

test('a condition and an event of your own', () => {
  const host = aHost({ conditions: [aCondition('KernelDeadlock', { message: 'task hung' })] })
  assert.equal(judged(host, { condition: 'KernelDeadlock', says: 'hung', kind: 'Advisory' })?.kind, 'Advisory')
  assert.equal(judged(host, { condition: 'KernelDeadlock', says: 'panic', kind: 'Advisory' }), undefined)
  const view = seen(aHost(), [], [anEvent('PreemptScheduled', -60)])
  const { kind, deadline } =
    disruptionOf(view, rules({ event: 'PreemptScheduled', kind: 'Imminent', leadSeconds: 30 }), NOW) ?? {}
  assert.deepEqual([kind, deadline], ['Imminent', inSeconds(-30)])
})

test('one for a built-in signal takes its place, and keeps what it does not say', () => {
  const taints = [aTaint('node.kubernetes.io/unschedulable', { timeAdded: at(-60) })]
  const cordoned = aHost({ unschedulable: true, taints })
  const { reason, by, deadline } =
    judged(cordoned, { host: 'Unschedulable', kind: 'Planned', leadSeconds: 3_600 }) ?? {}
  assert.deepEqual([reason, by, deadline], ['Cordoned', 'somebody', inSeconds(3_540)])
  assert.equal(judged(cordoned, { host: 'Unschedulable', kind: 'Advisory' })?.kind, 'Advisory')
})

test('None switches it off, and nothing else', () => {
  const host = aHost({ unschedulable: true, taints: [aTaint('karpenter.sh/disrupted')] })
  assert.equal(judged(host, { taint: 'karpenter.sh/disrupted', kind: 'None' })?.reason, 'Cordoned')
})

test('the rules that docs/hosts.md shows are taken', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/hosts.md'), 'utf8')
  const [, example = ''] = /```yaml\n(hosts:[^]*?)```/.exec(page) ?? []
  const { hosts } = parse(example) as { hosts: { signals: object[] } }
  assert.equal(ownRules.parse(JSON.stringify(hosts.signals)).length, 5)
})

const refused: Record<string, { given: unknown; says: RegExp }> = {
  'two rules for one taint': {
    given: [
      { taint: 'a/b', effect: 'NoSchedule', kind: 'Planned' },
      { taint: 'a/b', effect: 'NoExecute', kind: 'Imminent' },
    ],
    says: /two rules for taint a\/b/,
  },
  'a rule for nothing': { given: [{ kind: 'Planned' }], says: /rule 0: name exactly one of taint, condition/ },
  'a rule for two things': { given: [{ taint: 'a', event: 'B', kind: 'Planned' }], says: /rule 0: name exactly one/ },
  'an unknown kind': { given: [{ taint: 'a', kind: 'Soon' }], says: /rule 0\.kind: / },
  'an unknown key': { given: [{ taint: 'a', kind: 'Planned', lead: 3 }], says: /rule 0: .*lead/ },
  'a negative lead': { given: [{ taint: 'a', kind: 'Planned', leadSeconds: -1 }], says: /rule 0\.leadSeconds: / },
  'a lead for an Advisory': {
    given: [{ taint: 'a', kind: 'Advisory', leadSeconds: 5 }],
    says: /leave leadSeconds out/,
  },
  'an effect of an event': {
    given: [{ event: 'A', effect: 'NoExecute', kind: 'Planned' }],
    says: /effect goes with taint/,
  },
  'no list': { given: { taint: 'a' }, says: /a list of rules, as JSON/ },
}
for (const [what, { given, says }] of Object.entries(refused)) {
  test(`refused: ${what}`, () => {
    const read = () => runConfig({ registryEndpoints: 'http://etcd:2379', hostSignals: JSON.stringify(given) }, {})
    assert.throws(read, error => error instanceof ConfigError && says.test(error.message))
  })
}

test('refused: what is no JSON', () => {
  const read = () => runConfig({ registryEndpoints: 'http://etcd:2379' }, { RTCNODE_HOST_SIGNALS: '[{' })
  assert.throws(read, /--host-signals \(or RTCNODE_HOST_SIGNALS\) is “\[\{”: write a list of rules, as JSON/)
})
