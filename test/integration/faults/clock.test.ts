// The operator's clock is ten minutes wrong, either way: every deadline comes when it would have come, nobody is cut before,
// nothing is given up.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { until } from '../../cluster/until.ts'
import { startOperator } from '../harness/operator.ts'
import type { Scene } from '../harness/scene.ts'
import { suiteInWorld, type World } from '../harness/world.ts'
import { shortLease } from './proxied-operator.ts'

const TEN_MINUTES_MS = 600_000
const preload = join(import.meta.dirname, 'shifted-clock.ts')

suiteInWorld('the clock of the operator', { sideBySide: 1, operator: { flags: shortLease } }, promise => {
  for (const [what, shiftMs] of Object.entries({ ahead: TEN_MINUTES_MS, behind: -TEN_MINUTES_MS })) {
    promise(`ten minutes ${what}: deadlines stay where they are`, async (scene, world) => {
      const busy = await scene.busyNode({ name: 'busy' })
      const draining = await scene.busyNode({ name: 'draining', drain: { deadlineSeconds: 20 } })
      await scene.deleteNode(draining)
      await scene.expectReason(draining, 'WaitingForSessions')

      await withShiftedOperator(world, shiftMs, async () => {
        const late = await scene.busyNode({ name: 'late', drain: { deadlineSeconds: 8 } })
        const { metadata, status } = await deleted(scene, late)
        const promised = Date.parse(metadata.deletionTimestamp ?? '') + 8_000
        assert.equal(Date.parse(status?.drain?.deadline ?? ''), promised, 'the deadline counts from the deletion')
        await Promise.all([scene.expectGone(late), scene.expectGone(draining)])
        for (const node of [late, draining]) expectMovedAtTheDeadline(world, scene, node)
        await scene.expectLeftAlone(busy, 2_000)
        await scene.expectReason(busy, 'Serving')
      })
    })
  }
})

/** In place of the world's own, which starts again afterwards. */
async function withShiftedOperator(world: World, shiftMs: number, then: () => Promise<void>): Promise<void> {
  await world.operator.stop()
  try {
    await using _shifted = await startOperator(world.cluster, {
      identity: `shifted-by-${shiftMs}`,
      flags: shortLease,
      env: { NODE_OPTIONS: `--import=${preload}`, CLOCK_SHIFT_MS: String(shiftMs) },
    })
    await until('its clock to show in the Lease', () => leaseIsOff(world, shiftMs), { withinMs: 30_000 })
    await then()
  } finally {
    await world.operator.start()
  }
}

async function leaseIsOff({ cluster }: World, byMs: number): Promise<boolean> {
  const path = '/apis/coordination.k8s.io/v1/namespaces/rtcnode-system/leases/rtcnode-operator'
  const { spec } = (await cluster.api.call('GET', path)) as { spec: { renewTime: string } }
  return Math.abs(Date.parse(spec.renewTime) - Date.now() - byMs) < 60_000
}

async function deleted(scene: Scene, node: string) {
  await scene.deleteNode(node)
  return scene.expectNode(node, 'a deadline', ({ status }) => status?.drain)
}

function expectMovedAtTheDeadline({ fleet }: World, scene: Scene, node: string): void {
  const deadline = Date.parse(scene.lastStatus(node)?.drain?.deadline ?? '')
  const sessions = fleet.ledger.sessions.filter(session => session.node === scene.key(node))
  assert.deepEqual(
    sessions.map(({ ending }) => ending?.how),
    ['moved', 'moved'],
  )
  for (const { ending } of sessions) {
    const lateMs = (ending?.at.getTime() ?? 0) - deadline
    // Far less than the ten minutes; the upper bound is for a busy machine.
    assert.ok(lateMs >= 0 && lateMs < 30_000, `moved ${lateMs} ms after the deadline`)
  }
}
