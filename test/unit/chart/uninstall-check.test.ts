// What `helm uninstall` is told while something of ours is there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectKey } from '../../../operator/api/meta.ts'
import { RTCNodeKind } from '../../../operator/api/rtcnode.ts'
import { RTCNodePoolKind } from '../../../operator/api/rtcnodepool.ts'
import { refusalFor } from '../../../operator/uninstall-check.ts'

const keys = (...names: string[]) => names.map(name => objectKey(name, 'rtc'))

test('nothing left is no refusal', () => {
  assert.equal(refusalFor([{ kind: RTCNodeKind, keys: [] }]), undefined)
  assert.equal(refusalFor([]), undefined)
})

test('a refusal counts what is there, names some of it, and tells the command for each namespace', () => {
  const words = refusalFor([
    { kind: RTCNodePoolKind, keys: [objectKey('eu', 'live'), ...keys('us')] },
    { kind: RTCNodeKind, keys: keys('a', 'b', 'c', 'd') },
  ])
  assert.match(
    words ?? '',
    /^not uninstalled\. Still there: 2 RTCNodePools \(live\/eu, rtc\/us\), 4 RTCNodes \(rtc\/a, rtc\/b, rtc\/c, …\)\.$/m,
  )
  assert.match(words ?? '', /^ {2}kubectl delete rtca,rtcp,rtcn --all -n live\n {2}kubectl delete rtca,rtcp,rtcn --all -n rtc$/m)
  assert.match(refusalFor([{ kind: RTCNodeKind, keys: keys('a') }]) ?? '', /1 RTCNode \(rtc\/a\)\./)
})
