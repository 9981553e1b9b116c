// The machines under the nodes: a node starts soon where a host has room, and waits for a new one otherwise. Hosts that stay
// empty are given back; some are taken away with a warning.
import type { Chance } from './chance.ts'
import { type SfuModel, timeAt } from './sfu-model.ts'

export interface Host {
  readonly number: number
  readonly readyAt: number
  nodes: number
  emptySince: number
  /** It is going, and takes no more nodes. */
  goesAt: number
}

export interface Hosts {
  /** A place for one node, and when the node will take rooms there. */
  place(step: number): { readonly host: Host; readonly opensAt: number }
  leave(host: Host, step: number): void
  /** Gives back hosts that have been empty for long. */
  tidy(step: number): void
  readonly all: readonly Host[]
}

/** As most SFUs are run: on the host's network, with a few to a machine. */
const NODES_PER_HOST = 2
/** scale-down-unneeded-time of cluster-autoscaler. */
const EMPTY_SECONDS = 600

export function hosts(model: SfuModel, stepSeconds: number, chance: Chance): Hosts {
  let all: Host[] = []
  let made = 0
  const inSteps = (seconds: number): number => Math.max(1, Math.round(seconds / stepSeconds))
  const make = (step: number): Host => {
    const readyAt = step + inSteps(timeAt(model.startUp.hostSeconds, chance.normal()))
    const host = { number: made, readyAt, nodes: 0, emptySince: step, goesAt: Number.POSITIVE_INFINITY }
    made += 1
    all.push(host)
    return host
  }
  return {
    place(step) {
      const host = all.find(it => it.nodes < NODES_PER_HOST && it.goesAt === Number.POSITIVE_INFINITY) ?? make(step)
      host.nodes += 1
      const startsAt = Math.max(step, host.readyAt)
      return { host, opensAt: startsAt + inSteps(timeAt(model.startUp.onHostSeconds, chance.normal())) }
    },
    leave(host, step) {
      host.nodes -= 1
      host.emptySince = step
    },
    tidy(step) {
      const isKept = ({ nodes, emptySince, readyAt, goesAt }: Host): boolean =>
        step < goesAt && (nodes > 0 || step - Math.max(emptySince, readyAt) < EMPTY_SECONDS / stepSeconds)
      all = all.filter(isKept)
    },
    get all() {
      return all
    },
  }
}
