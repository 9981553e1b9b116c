// The demo on a machine that can have no real hosts: the same story, on simulated SFUs.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { run } from '../cluster/command.ts'
import { endsWell, endsWhenInterrupted, startDemo } from './demo-process.ts'

suite('without real hosts', () => {
  test('the same story is played on simulated SFUs', async t => {
    const demo = startDemo(t, { flags: ['--simulated'] })
    assert.equal(await demo.exitCode, 0, demo.output())
    assert.match(demo.output(), /a simulated SFU in each pod/)
    endsWell(demo)
  })

  test('with KEEP=1 it stays up to be played with, until Ctrl-C', async t => {
    const demo = startDemo(t, { flags: ['--simulated'], keep: true })
    const told = () => /export KUBECONFIG=(\S+) PATH=([^:]+)/.exec(demo.output())
    const [, kubeconfig = '', path = ''] = await demo.until('the export line', told)
    assert.ok(/^PASSED · .* cut: 0 /m.test(demo.output()), demo.output().slice(-6_000))
    const left = await run(join(path, 'kubectl'), ['get', 'rtcp,rtcn'], { env: { KUBECONFIG: kubeconfig } })
    assert.match(left, /eu +[2-4] +[2-4] +[01] +[2-4] /)
    assert.match(left, /lone-3 +Running +Serving/)
    await endsWhenInterrupted(demo)
  })
})
