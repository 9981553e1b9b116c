// The judge of all these tests, judged: a scene in which somebody was cut, or something was left, must fail and say so.
import assert from 'node:assert/strict'
import { playScene } from '../harness/scene.ts'
import { suiteInWorld } from '../harness/world.ts'

suiteInWorld('the judge', {}, promise => {
  promise('a scene fails when people were cut before any deadline, and tells what happened', async (_scene, world) => {
    const failing = playScene(world, 'cut', async scene => {
      const node = await scene.busyNode()
      await scene.kubectl('delete', 'pod', node, '--force', '--grace-period=0')
      await scene.expectGone(node)
    })
    await assert.rejects(failing, (error: Error) => {
      assert.match(error.message, /people who were cut before their deadline/)
      assert.match(error.message, /alice on s\d+-cut\/n (cut|moved) at/)
      assert.match(error.message, /s\d+-cut\/n {2}pod {2}is gone/)
      return true
    })
  })

  promise('a scene fails when a key is left behind', async (_scene, world) => {
    const failing = playScene(
      world,
      'left',
      async ({ namespace }) => {
        await world.etcd.put(`/sfu/nodes/${namespace}/n`).value('{}')
      },
      { goneWithinMs: 2_000 },
    )
    await assert.rejects(failing, /left behind after all was deleted[^]*\/sfu\/nodes\/s\d+-left\/n/)
  })

  promise('a scene fails when a deadline moves', async (_scene, world) => {
    const failing = playScene(world, 'moved', async scene => {
      const node = await scene.busyNode()
      await scene.deleteNode(node)
      await scene.expectReason(node, 'WaitingForSessions')
      const later = '{"status":{"drain":{"deadline":"2099-01-01T00:00:00Z"}}}'
      await scene.kubectl('patch', 'rtcnode', node, '--subresource=status', '--type=merge', '-p', later)
      scene.sfu(node).leaveAll()
      await scene.expectGone(node)
    })
    await assert.rejects(failing, /laws of a life[^]*had several deadlines/)
  })
})
