// People on a pool as its SFUs feel them: so much CPU altogether, shared evenly by the nodes that take rooms, told with every
// heartbeat. As in a pool whose signalling spreads rooms well; who is on a closed node stays at first.
import type { SfuLoad } from '../../../operator/agent/adapter.ts'
import type { SfuHandle } from '../../sfu/fleet.ts'

export interface Crowd extends Disposable {
  /** CPU that all of them need, in percent of one node. */
  cpuPercent: number
  /** Goes over what every node tells. */
  figures: SfuLoad
}

export interface CrowdedNode {
  readonly sfu: SfuHandle
  readonly isOpen: boolean
}

const SPREAD_EVERY_MS = 100
const STREAMS_PER_PERCENT = 5

export function startCrowd(nodes: () => readonly CrowdedNode[], cpuPercent: number): Crowd {
  const crowd: Crowd = { cpuPercent, figures: {}, [Symbol.dispose]: () => clearInterval(timer) }
  function spread(): void {
    const running = nodes().filter(({ sfu }) => sfu.isRunning)
    const open = running.filter(({ isOpen }) => isOpen)
    const share = open.length === 0 ? 0 : crowd.cpuPercent / open.length
    for (const { sfu, isOpen } of running) {
      const cpu = isOpen ? share : 0
      sfu.latency({ cpu, streams: Math.round(cpu * STREAMS_PER_PERCENT), ...crowd.figures })
    }
  }
  const timer = setInterval(spread, SPREAD_EVERY_MS)
  spread()
  return crowd
}
