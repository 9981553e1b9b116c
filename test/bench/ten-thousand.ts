// Ten thousand RTCNodes on one operator: its memory, its CPU while all of them beat, and how soon a restarted one is ready.
import { setTimeout as pause } from 'node:timers/promises'
import type { Pod } from '../../operator/api/core.ts'
import { startBeats } from './beats.ts'
import type { Benchmark } from './figure.ts'
import { momentsOf } from './moments.ts'
import { atRest } from './operator-metrics.ts'
import { createPool, patchPool } from './pool-manifest.ts'
import { podsPath, startStage } from './stage.ts'
import { all, median, megabytes, percent, seconds } from './statistics.ts'
import { cpuShare, memoryBytes } from './usage.ts'

const COUNT = Number(process.env['COUNT'] ?? 10_000)
const BEAT_SECONDS = 60
/** Three beats of each. */
const SETTLE_MS = 9_000
const RESTARTS = 3

export const tenThousand: Benchmark = {
  name: 'ten-thousand',
  title: 'Ten thousand nodes',
  method: `A pool of 10 RTCNodes, with a pod each on fake nodes, is scaled to ${COUNT}. All beat each 3 s with full heartbeats that are
never the same twice, by one cheap writer: the machine could not carry ${COUNT} agents beside everything else. While CPU is measured each
is put by itself and at a moment of its own, as agents do it; before and after that, to leave etcd time, 100 of them in a transaction.
CPU is that of the operator's process over ${BEAT_SECONDS} s of beats with nothing else to do, when all has been written about those that started; memory is its
resident set after that. A restart goes from the start of the process until /readyz answers 200, which means: all caches and the fleet
view are complete.`,
  async run(log) {
    await using stage = await startStage({ kwokNodes: Math.ceil(COUNT / 900) })
    const { cluster, nodes } = stage
    await using beats = await startBeats(cluster)
    const begun = new Map<string, Promise<void>>()
    await using _running = await momentsOf<Pod>(cluster, podsPath, ({ metadata: { name, uid }, status }) => {
      const isRunning = status?.phase === 'Running'
      if (isRunning && !begun.has(name)) begun.set(name, beats.begin(name, uid))
      return isRunning
    })
    const operator = await stage.operator()
    await createPool(cluster, 'n', 10)
    await nodes.reached('n-', 10, 60_000)
    const startedAt = performance.now()
    await patchPool(cluster, 'n', { replicas: COUNT })
    const startMs = (await nodes.reached('n-', COUNT, 900_000)) - startedAt
    await Promise.all(begun.values())
    log(`all Running after ${seconds(startMs)}`)
    await atRest(operator)
    const pid = operator.pid ?? 0
    beats.apart = true
    await pause(SETTLE_MS)
    const [writtenBefore, since] = [beats.written, performance.now()]
    const share = await cpuShare(pid, BEAT_SECONDS)
    const beatsPerSecond = (beats.written - writtenBefore) / ((performance.now() - since) / 1_000)
    const memory = memoryBytes(pid)
    beats.apart = false
    log(`${beatsPerSecond.toFixed(0)} beats/s, ${percent(share)} of a core, ${megabytes(memory.now)}`)
    const restarts: number[] = []
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      await operator.stop()
      const restartedAt = performance.now()
      await operator.start()
      restarts.push(performance.now() - restartedAt)
      await pause(5_000)
    }
    const restartMs = median(restarts)
    const afterRestart = memoryBytes(operator.pid ?? 0)
    return {
      figures: [
        {
          what: `memory, ${COUNT} RTCNodes`,
          measured: megabytes(memory.now),
          goal: '< 300 MB',
          isMet: memory.now < 300e6,
        },
        {
          what: `CPU with ${COUNT} × a beat each 3 s`,
          measured: `${percent(share)} of a core`,
          goal: '< 15 %',
          isMet: share < 0.15,
        },
        { what: 'restart to synced', measured: seconds(restartMs), goal: '< 20 s', isMet: restartMs < 20_000 },
      ],
      details: [
        `From 10 to ${COUNT} Running: ${seconds(startMs)}, ${((COUNT - 10) / (startMs / 1_000)).toFixed(0)} nodes a second. Beats that reached etcd while the CPU was measured: ${beatsPerSecond.toFixed(0)} a second. Memory: ${megabytes(memory.now)} after the beats, ${megabytes(memory.peak)} at the peak of the start; ${megabytes(afterRestart.now)} soon after a restart, ${megabytes(afterRestart.peak)} at its peak. Restarts: ${all(restarts, seconds)}.`,
      ],
    }
  },
}
