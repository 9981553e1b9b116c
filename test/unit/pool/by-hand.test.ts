// What people write on nodes with their own hands, in good faith or bad: no call is shorter for it than these people could
// make it anyway, and the operator does not work itself to death over it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotations } from '../../../operator/api/marks.ts'
import type { Member } from '../../../operator/pool/view.ts'
import { aNode, aPool, NOW, nodes, planFor, timeAt, told } from './build.ts'

const byScaleIn = (deadline: number) => ({ by: 'ScaleIn', deadline }) as const

test('a node that people open again loses what the pool wrote on it, so that closing it later is theirs', () => {
  const opened = aNode('opened', { closed: byScaleIn(NOW - 1), opened: true, sessions: 9 })
  const planned = planFor(aPool(2), [aNode('n1'), opened])
  assert.equal(told(planned), 'reopen opened')
  assert.equal(planned.status.replicas, 2)
  assert.ok(planned.batch?.do === 'reopen')
  assert.match(planned.batch.nodes[0]?.because ?? '', /somebody opened it/)
  assert.equal(
    told(planFor(aPool(3), [aNode('n1'), opened])),
    'create 1',
    'who writes marks all the time keeps no pool busy',
  )
})

test('half a mark is no mark: such a node is closed by people, and left to them', () => {
  const without = (mark: string): Member => {
    const member = aNode('n2', { closed: byScaleIn(NOW - 1), emptyFor: 999 })
    const { [mark]: _, ...rest } = member.node.metadata.annotations ?? {}
    return { ...member, node: { ...member.node, metadata: { ...member.node.metadata, annotations: rest } } }
  }
  for (const mark of [annotations.closedByPool, annotations.drainDeadline]) {
    assert.equal(told(planFor(aPool(1), [aNode('n1'), without(mark)])), 'nothing')
  }
})

test('a deadline may be written in any time zone, and with a fraction', () => {
  const until = (deadline: string): Member => {
    const member = aNode('n1', { closed: byScaleIn(NOW), sessions: 3 })
    const marks = { ...member.node.metadata.annotations, [annotations.drainDeadline]: deadline }
    return { ...member, node: { ...member.node, metadata: { ...member.node.metadata, annotations: marks } } }
  }
  const inIndia = (seconds: number, fraction: string) => timeAt(seconds + 5.5 * 3_600).replace('Z', `${fraction}+05:30`)
  assert.equal(told(planFor(aPool(0), [until(inIndia(NOW, ''))])), 'delete n1')
  assert.equal(planFor(aPool(0), [until(inIndia(NOW, '.25'))]).lookAgainMs, 250)
  assert.equal(told(planFor(aPool(0), [until('tomorrow')])), 'nothing')
})

test('a deadline in the far future asks for no timer that cannot be set', () => {
  const far = aNode('n1', { closed: byScaleIn(250_000_000_000), sessions: 3 })
  const { lookAgainMs } = planFor(aPool(0), [far])
  assert.ok(lookAgainMs !== undefined && lookAgainMs <= 2 ** 31 - 1, `${lookAgainMs} ms`)
})

test('a revision written on a node by hand gets it replaced, never cut', () => {
  const odd = aNode('odd', { revision: 'no-such-revision-at-all', sessions: 3 })
  assert.equal(told(planFor(aPool(2), [aNode('n1'), odd])), 'create 1')
  const replaced = planFor(aPool(2), [...nodes(2), odd])
  assert.ok(replaced.batch?.do === 'close')
  assert.equal(replaced.batch.nodes[0]?.deadline, timeAt(NOW + 600))
})
