// The decision about a pool of ten thousand nodes: what it costs the operator's one thread each time, and after a day of them.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { instant } from '../../operator/ambient/clock.ts'
import { type RTCAutoscaler, RTCAutoscalerKind } from '../../operator/api/rtcautoscaler.ts'
import { learn, newMemory, recommend, saved } from '../../operator/autoscaler/deciding/core.ts'
import type { NodeSample, Snapshot } from '../../operator/autoscaler/learning/snapshot.ts'
import type { Reading } from '../../operator/load/reading.ts'
import type { Benchmark } from './figure.ts'
import { median, megabytes, milliseconds, spread } from './statistics.ts'

const COUNT = Number(process.env['COUNT'] ?? 10_000)
const TICK_MS = 10_000
/** A day, and another: in the first one most of what there is to be learned is learned, which takes time of its own. */
const DAY = Number(process.env['TICKS'] ?? 8_640)
/** Half an hour at the end of each. */
const COMPARED = Math.min(180, DAY)
const begun = Date.UTC(2026, 0, 5)
const spec = RTCAutoscalerKind.spec.parse({
  poolName: 'n',
  maxReplicas: 10_000,
  targets: { joinLatencyP99Ms: 1_500, streamsPerNode: 1_000 },
  forecast: { mode: 'Apply' },
}) as RTCAutoscaler['spec']

export const decide10000: Benchmark = {
  name: 'decide-10000',
  title: 'The decision about ten thousand nodes',
  method: `\`learn()\` and \`recommend()\` over ${COUNT} nodes each of which has a fresh heartbeat that is never the same twice, at each tick of 10 s of two simulated days
(${2 * DAY} ticks): load comes and goes with the hours, each minute a node is replaced by another, each six hours all of them are of another revision. Growth with uptime: the
median over the last ${COMPARED} ticks of the second day compared with those of the first, and the heap after a forced collection at the same two moments.`,
  run(log) {
    const pool = largePool()
    const memory = newMemory(pool.now)
    const decideOnce = (): number => {
      pool.tick()
      const startedAt = performance.now()
      learn(memory, pool)
      recommend(memory, pool)
      return performance.now() - startedAt
    }
    const day = (): { times: number[]; heapBytes: number } => {
      const times = Array.from({ length: DAY }, decideOnce)
      return { times, heapBytes: usedHeap() }
    }
    const days = [day(), day()] as const
    const times = days.flatMap(each => each.times)
    const [first, last] = days.map(each => median(each.times.slice(-COMPARED))) as [number, number]
    const [heapAtFirst, heapAtLast] = [days[0].heapBytes, days[1].heapBytes]
    log(`${milliseconds(first)} at first, ${milliseconds(last)} at last; heap ${heapAtFirst} and ${heapAtLast} bytes`)
    const grownBytes = heapAtLast - heapAtFirst
    return Promise.resolve({
      figures: [
        {
          what: `decision over ${COUNT} fresh heartbeats, median`,
          measured: milliseconds(median(times)),
          goal: '< 10 ms',
          isMet: median(times) < 10,
        },
        {
          what: 'the same, last half hour of the second day ÷ that of the first',
          measured: milliseconds(last),
          goal: '≤ 1.1',
          isMet: last / first <= 1.1,
          baseline: milliseconds(first),
          ratio: last / first,
        },
        {
          what: 'heap, likewise',
          measured: megabytes(heapAtLast),
          goal: '≤ 1.1',
          isMet: heapAtLast / heapAtFirst <= 1.1,
          baseline: megabytes(heapAtFirst),
          ratio: heapAtLast / heapAtFirst,
        },
      ],
      details: [
        `All decisions: ${spread(times)}. The heap is ${(grownBytes / 1e3).toFixed(0)} kB larger after the second day. What is saved of all that was learned: ${saved(memory).length} characters.`,
      ],
    })
  },
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] }
interface Node extends Writable<NodeSample> {
  reading: Writable<Reading>
}

/** Changed in place with each tick, as the controller does it. */
function largePool(): Writable<Snapshot> & { tick(): void } {
  let made = 0
  let tick = 0
  const nodes = Array.from({ length: COUNT }, () => newNode(made++))
  const pool = {
    now: instant(begun),
    spec,
    replicas: COUNT,
    nodes,
    registry: { inSight: true, frozen: false },
    tick() {
      tick += 1
      pool.now = instant(begun + tick * TICK_MS)
      const hour = (tick * TICK_MS) / 3_600_000
      const load = 0.4 - 0.2 * Math.cos((hour / 24) * 2 * Math.PI)
      if (tick % 6 === 0) nodes[(tick * 7_919) % COUNT] = newNode(made++)
      const shape = `revision-${Math.floor(hour / 6)}`
      for (const node of nodes) beat(node, load, tick, shape)
    },
  }
  return pool
}

const newNode = (number: number): Node => ({
  name: `n-${number}`,
  shape: '',
  supply: 'open',
  waitedForHost: false,
  heard: true,
  beat: 0,
  reading: {
    pressure: 0,
    by: 'streams',
    units: 0,
    sessions: 0,
    rooms: 10,
    joins: 5,
    joinLatencyP99Ms: 0,
    quality: 0,
  },
})

function beat(node: Node, load: number, tick: number, shape: string): void {
  const { reading } = node
  node.beat += 1
  node.shape = shape
  reading.pressure = load + 0.1 * Math.random()
  reading.units = reading.pressure * (950 + 100 * Math.random())
  reading.sessions = Math.round(reading.units / 8)
  reading.rooms = tick % 30 === 0 ? 11 : 10
  reading.joinLatencyP99Ms = 300 + 300 * reading.pressure + 100 * Math.random()
  reading.quality = reading.joinLatencyP99Ms / 1_500
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function usedHeap(): number {
  collect()
  return process.memoryUsage().heapUsed
}
