// The oldest Kubernetes API server that the chart says it supports: it takes all that the chart makes, our rules mean the same
// to it, and a pool lives and ends there. The other servers are those of all tests; of them the scheduler asks for kinds that this
// API server has not got, so the class says on which host its pods run.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chart, ofKind, render, variants } from '../../unit/chart/chart.ts'
import { simClass } from '../harness/class.ts'
import { suiteOfPools } from '../pool/pool-scene.ts'

suiteOfPools(
  'the oldest Kubernetes that is supported',
  { cluster: { oldestApiserver: true }, sideBySide: 1 },
  promise => {
    promise('is as old as the chart allows', async (_scene, { cluster }) => {
      const { gitVersion } = (await cluster.api.call('GET', '/version')) as { gitVersion: string }
      const { 1: least } = /^kubeVersion: ">=(\S+)-0"$/m.exec(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) ?? []
      assert.equal(gitVersion, `v${least}`)
    })

    promise('takes every object of the chart, and judges by its policies', async (_scene, { cluster }) => {
      const applyAll = (items: readonly object[], ...args: string[]): Promise<string> =>
        cluster.kubectl(['apply', ...args, '-f-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
      await applyAll(
        ['rtcnode-system', 'rtc', 'eu', 'us'].map(name => ({
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name },
        })),
      )
      const served = ['--api-versions', 'rtcnode.io/v1alpha1/RTCNodeClass']
      for (const [variant, values] of Object.entries(variants)) {
        const objects = await render(values, { args: served })
        const told = await applyAll(objects, '--dry-run=server')
        assert.equal(told.trim().split('\n').length, objects.length, variant)
      }
      // From here on they judge all that is done in this suite; one that cannot be worked out refuses.
      const kinds = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']
      const judging = ofKind(await render({}, { args: served }), ...kinds)
      assert.ok(judging.length > 0)
      await applyAll(judging)
    })

    promise('a pool comes up, shrinks without cutting anybody, and goes', async (scene, { apply }) => {
      await apply(simClass('bound', { pod: { nodeName: 'kwok-0' } }))
      const pool = await scene.runningPool({ replicas: 3, className: 'bound' })
      const [busy = '', ...others] = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
      await scene.occupy(busy, 2)
      await scene.scale(pool, 1)
      await scene.expectNodes(pool, 'the busy one is left', nodes => nodes.length === 1)
      for (const name of others) await scene.expectGone(name)
      assert.equal(scene.sfu(busy).present.length, 2)
      scene.sfu(busy).leaveAll()
      await scene.kubectl('delete', 'rtcp', pool, '--timeout=50s')
      await scene.expectGone(busy)
    })

    promise('what may not be is refused by name', async scene => {
      const node = await scene.applyNode()
      const another = scene.kubectl('patch', 'rtcn', node, '--type=merge', '-p', '{"spec":{"className":"other"}}')
      await assert.rejects(another, /spec\.className cannot be changed; create a new RTCNode with the other class/)
      await assert.rejects(scene.applyPool({ spec: { replicas: -1 } }), /spec\.replicas.*greater than or equal to 0/)
    })
  },
)
