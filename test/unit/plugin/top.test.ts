// The table: what stands in it, in which order, and how it is cut to a terminal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Fleet, type Sorting, topOf } from '../../../operator/plugin/top.ts'
import { cutTo } from '../../../operator/plugin/top-command.ts'
import { bar, topText } from '../../../operator/plugin/top-text.ts'
import { autoscaler, complete, condition, NOW, node, now, pool, timeAt } from './build.ts'

const load = (sessions: number, more: object = {}) => ({ sessions, observedAt: timeAt(NOW), ...more })
const fleet: Fleet = {
  pools: [pool(2, complete, { status: { openReplicas: 2, drainingReplicas: 2, sessions: 126 } })],
  nodes: [
    node('b', { load: load(42, { cpuPercent: 45, streams: 100, joinLatencyP99Ms: 812.4 }), host: 'worker-1' }),
    node('a', { load: load(45, { cpuPercent: 81 }) }),
    node('closed', { closed: { by: 'ScaleIn', deadline: NOW + 245 }, load: load(7), reason: 'Cordoned' }),
    node('going', {
      deletedAt: NOW - 60,
      reason: 'WaitingForSessions',
      drainStatus: { reason: 'Deleted', startedAt: timeAt(NOW), deadline: timeAt(NOW + 60), sessionsRemaining: 1 },
    }),
    node('mine', { cordoned: true, reason: 'Cordoned', pool: null }),
    node('new', { phase: 'Pending', unready: 'ImagePullFailed' }),
  ],
  autoscalers: [],
}
const order = (sorting: Sorting, its = fleet): string[] => topOf(its, sorting, now).nodes.map(({ name }) => name)
const lineOf = (name: string, its = fleet) => topOf(its, 'name', now).nodes.find(line => line.name === name)

test('a node of a pool stands with load, people, latency, host and drain', () => {
  assert.deepEqual(lineOf('b'), {
    namespace: 'media',
    name: 'b',
    pool: 'eu',
    standing: 'open',
    reason: 'Serving',
    load: 0.5,
    sessions: 42,
    joinLatencyP99Ms: 812.4,
    host: 'worker-1',
  })
  const closed = lineOf('closed')
  assert.deepEqual([closed?.standing, closed?.deadlineInMs, closed?.sessions], ['closed', 245_000, 7])
  const going = lineOf('going')
  assert.deepEqual([going?.standing, going?.deadlineInMs, going?.sessions], ['draining', 60_000, 1])
})

test('how full a node is goes by the targets of the autoscaler of its pool', () => {
  const scaled = { ...fleet, autoscalers: [autoscaler({}, { targets: { streamsPerNode: 125 } })] }
  assert.equal(lineOf('b', scaled)?.load, 0.8)
  assert.equal(lineOf('b')?.load, 0.5)
  assert.equal(lineOf('new')?.load, undefined)
})

test('nodes stand in the order that was asked for, those of no pool last', () => {
  assert.deepEqual(order('name'), ['a', 'b', 'closed', 'going', 'new', 'mine'])
  assert.deepEqual(order('load').slice(0, 2), ['a', 'b'])
  assert.deepEqual(order('sessions').slice(0, 4), ['a', 'b', 'closed', 'going'])
  assert.equal(order('p99')[0], 'b')
  assert.deepEqual(order('drain').slice(0, 2), ['going', 'closed'])
})

test('the table is drawn', () => {
  const conditions = [condition('ScalingActive', 'True', 'Steady')]
  const scaled = {
    ...fleet,
    autoscalers: [autoscaler({ desiredReplicas: 2, pressure: 0.422, latency: '820/1500ms', conditions })],
  }
  const lines = topText(topOf(scaled, 'name', now))
  assert.deepEqual(lines.slice(0, 4), [
    'pool eu  2 of 2 open · 2 draining · 126 participants · Complete  [autoscaler a: Steady · wants 2 · 42.2 % full · 820/1500ms]',
    '',
    'NODE    POOL  STATE               LOAD              PEOPLE  P99 JOIN  HOST      DRAIN',
    'a       eu    Serving             █████████░  90 %      45         -  -',
  ])
  assert.match(lines.join('\n'), /^closed +eu +Cordoned .* closed, 4:05 left · 7 participants$/m)
  assert.match(lines.join('\n'), /^going +eu +WaitingForSessions +·{10} .* 1:00 left · 1 participant$/m)
  assert.match(lines.join('\n'), /^mine +- +Cordoned .* cordoned by people$/m)
})

test('a bar is full at a load of 1, and says more by its number', () => {
  assert.deepEqual([0, 0.48, 1, 1.3].map(bar), [
    '░░░░░░░░░░   0 %',
    '█████░░░░░  48 %',
    '██████████ 100 %',
    '██████████ 130 %',
  ])
  assert.equal(bar(undefined).length, bar(1).length)
})

test('what does not fit on the terminal is counted, and nothing is written below its end', () => {
  const table = topOf(fleet, 'name', now)
  for (const height of [3, 4, 5, 6, 8]) {
    const lines = topText(table, { height })
    assert.ok(lines.length <= Math.max(height, 5), `${lines.length} lines of ${height}`)
  }
  assert.match(topText(table, { height: 6 }).at(-1) ?? '', /^… 4 nodes more/)
  assert.equal(topText(table, { height: 9 }).length, 9)
  assert.deepEqual(topText({ pools: [], nodes: [] }), ['no RTCNodes'])
})

test('lines are cut to the width of the terminal, and colours are not', () => {
  assert.equal(cutTo(3, 'abcdef'), 'abc')
  assert.equal(cutTo(3, '\u001b[31mabcdef\u001b[39m'), '\u001b[31mabc\u001b[39m')
  assert.equal(cutTo(9, 'abc'), 'abc')
})
