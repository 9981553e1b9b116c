// People on a pool as its SFUs feel them: so much CPU altogether, shared by the nodes that take rooms, told with every
// heartbeat. As in a pool whose signalling spreads rooms well; who is on a closed node stays at first.
import type { SfuLoad } from '../../../operator/agent/adapter.ts'
import type { SfuHandle } from '../../sfu/fleet.ts'

export interface Crowd extends Disposable {
  /** CPU that all of them need, in percent of one node. */
  cpuPercent: number
  /** Rooms differ, so nodes do: each has up to this share more or less than the mean. Default 0. */
  unevenness: number
  /** Goes over what every node tells; of its CPU. */
  figures: SfuLoad | ((cpuPercent: number) => SfuLoad)
}

export interface CrowdedNode {
  readonly sfu: SfuHandle
  readonly isOpen: boolean
}

const SPREAD_EVERY_MS = 100
const STREAMS_PER_PERCENT = 5
/** Its multiples fall evenly between whole numbers. */
const GOLDEN_RATIO = 1.618034

export function startCrowd(nodes: () => readonly CrowdedNode[], cpuPercent: number): Crowd {
  const crowd: Crowd = { cpuPercent, unevenness: 0, figures: {}, [Symbol.dispose]: () => clearInterval(timer) }
  function spread(): void {
    const running = nodes().filter(({ sfu }) => sfu.isRunning)
    const open = running.filter(({ isOpen }) => isOpen)
    const mean = open.length === 0 ? 0 : crowd.cpuPercent / open.length
    for (const [place, { sfu, isOpen }] of running.entries()) {
      const deviation = crowd.unevenness * (2 * ((place * GOLDEN_RATIO) % 1) - 1)
      const cpu = isOpen ? mean * (1 + deviation) : 0
      const figures = typeof crowd.figures === 'function' ? crowd.figures(cpu) : crowd.figures
      sfu.latency({ cpu, streams: Math.round(cpu * STREAMS_PER_PERCENT), ...figures })
    }
  }
  const timer = setInterval(spread, SPREAD_EVERY_MS)
  spread()
  return crowd
}
