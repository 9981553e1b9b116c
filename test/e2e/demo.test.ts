// `make demo` as CI plays it: nobody at the terminal. It must end well, say so in its last line, and leave nothing behind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endsWell, startDemo, withoutHosts } from './demo-process.ts'

test('on real hosts, people who may stay are never cut, and nothing is left', { skip: withoutHosts }, async t => {
  const demo = startDemo(t)
  assert.equal(await demo.exitCode, 0, demo.output())
  assert.match(demo.output(), /two hosts with kubelet and containerd/)
  endsWell(demo)
})
