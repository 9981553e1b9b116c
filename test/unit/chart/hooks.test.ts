// What Helm's hooks say and wait for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kinds } from '../../../operator/api/kinds.ts'
import { objectKey } from '../../../operator/api/meta.ts'
import { RTCNodeKind } from '../../../operator/api/rtcnode.ts'
import { RTCNodePoolKind } from '../../../operator/api/rtcnodepool.ts'
import { kindsServed } from '../../../operator/kinds-served.ts'
import { ApiError } from '../../../operator/kube/errors.ts'
import type { KubeTransport } from '../../../operator/kube/transport.ts'
import { refusalFor } from '../../../operator/uninstall-check.ts'
import { hastyClock } from '../hasty-clock.ts'

const release = { name: 'media', namespace: 'media-system' }
const keys = (...names: string[]) => names.map(name => objectKey(name, 'rtc'))

test('nothing left is no reason to refuse an uninstall', () => {
  assert.equal(refusalFor(release, [{ kind: RTCNodeKind, keys: [] }]), undefined)
  assert.equal(refusalFor(release, []), undefined)
})

test('a refusal counts what is there, names some of it, and tells the command for each way on', () => {
  const words = refusalFor(release, [
    { kind: RTCNodePoolKind, keys: [objectKey('eu', 'live'), ...keys('us')] },
    { kind: RTCNodeKind, keys: keys('a', 'b', 'c', 'd') },
  ])
  const [first, ...rest] = words?.split('\n') ?? []
  assert.equal(
    first,
    'not uninstalled. Still there: 2 RTCNodePools (live/eu, rtc/us), 4 RTCNodes (rtc/a, rtc/b, rtc/c, …).',
  )
  assert.deepEqual(
    rest.filter(line => line.startsWith('  ')),
    [
      '  kubectl delete rtca,rtcp,rtcn --all -n live',
      '  kubectl delete rtca,rtcp,rtcn --all -n rtc',
      '  helm rollback media -n media-system',
      '  helm uninstall media -n media-system --no-hooks',
    ],
  )
  assert.match(refusalFor(release, [{ kind: RTCNodeKind, keys: keys('a') }]) ?? '', /1 RTCNode \(rtc\/a\)\./)
})

/** An API server that answers the question for our kinds with one of these after the other, and then with the last again. */
function apiServer(answers: readonly (readonly string[] | ApiError)[]): {
  transport: Pick<KubeTransport, 'request'>
  asked: () => number
} {
  let asked = 0
  const request = async (): Promise<unknown> => {
    const answer = answers[Math.min(asked++, answers.length - 1)] ?? []
    if (answer instanceof ApiError) throw answer
    return { resources: answer.map(name => ({ name })) }
  }
  return { transport: { request: request as KubeTransport['request'] }, asked: () => asked }
}

const clock = hastyClock(1_000)
const all = kinds.map(({ plural }) => plural)

test('it is waited until every kind is served, be it that none was known before', async () => {
  const server = apiServer([new ApiError(404, {}), ['rtcnodes'], all])
  await kindsServed(server.transport, clock)
  assert.equal(server.asked(), 3)
})

test('kinds that do not come in a minute are named, and another trouble is told at once', async () => {
  const withoutClasses = all.filter(plural => plural !== 'rtcnodeclasses')
  await assert.rejects(
    kindsServed(apiServer([withoutClasses]).transport, clock),
    /does not serve rtcnodeclasses: .*CRDs/,
  )
  const broken = apiServer([new ApiError(500, { message: 'etcd is away' })])
  await assert.rejects(kindsServed(broken.transport, clock), /etcd is away/)
  assert.equal(broken.asked(), 1)
})
