// The demo, interrupted at its worst moments: it leaves nothing behind either.
import { test } from 'node:test'
import { leftBehind } from '../cluster/left-behind.ts'
import { type Demo, endsWhenInterrupted, startDemo, withoutHosts } from './demo-process.ts'

const moments: Record<string, (demo: Demo) => boolean> = {
  'while its hosts start': demo => leftBehind(demo.pid).some(thing => thing.startsWith('cgroup')),
  'while people are in calls': demo => /^5 /m.test(demo.output()),
  'while a pool rolls out': demo => /RollingOut/.test(demo.output()),
}
for (const [moment, hasCome] of Object.entries(moments)) {
  test(`interrupted ${moment}, it leaves nothing either`, { skip: withoutHosts }, async t => {
    const demo = startDemo(t)
    await demo.until(moment, () => hasCome(demo))
    await endsWhenInterrupted(demo)
  })
}
