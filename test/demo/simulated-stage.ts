// The stage for machines without root or packages: fake hosts, and in each pod a simulated SFU with the agent's real code.

import { demoClass } from '../cluster/classes.ts'
import { startCluster } from '../cluster/cluster.ts'
import { startFleet } from '../sfu/fleet.ts'
import type { Ending, Session } from '../sfu/ledger.ts'
import type { Call, Stage } from './stage.ts'

/** About those of a LiveKit on a third of a core, see operator/simulate/models; joins are slower, so that it is seen. */
const [IDLE_CPU_PERCENT, CPU_PERCENT_PER_STREAM, MOST_CPU_PERCENT] = [12, 1, 97]
const [IDLE_JOIN_MS, RISING_JOIN_MS] = [60, 90]
/** So far do an agent's percentiles look back. */
const LATENCY_WINDOW_MS = 30_000

export async function simulatedStage(log: (line: string) => void): Promise<Stage> {
  const cluster = await startCluster({ kwokNodes: 2, log })
  const { kubeconfigPath } = cluster
  const fleet = await startFleet({ kubeconfigPath, registry: { endpoints: cluster.registry.endpoints } })

  const calls = new Map<string, Call[]>()

  /** What its agent tells from now on: the streams of its rooms, their CPU, and joins that take longer the fuller it is. */
  function bear(node: string): void {
    const rooms = callsOn(node).map(({ joined, left, cut }) => joined.length - left.length - cut.length)
    const streams = rooms.reduce((sum, people) => sum + people ** 2, 0)
    const cpu = Math.min(MOST_CPU_PERCENT, IDLE_CPU_PERCENT + CPU_PERCENT_PER_STREAM * streams)
    const joinTimes = callsOn(node).flatMap(({ joined }) => joined.map(({ at }) => at.getTime()))
    const joins = joinTimes.filter(at => Date.now() - at < LATENCY_WINDOW_MS).length
    const joinLatencyP99Ms = IDLE_JOIN_MS + (RISING_JOIN_MS * cpu) / (100 - cpu)
    fleet.node(node).latency({ cpu, streams, joins, joinLatencyP99Ms })
  }

  const callsOn = (node: string): readonly Call[] => calls.get(node) ?? []

  function callOf(node: string, sessions: readonly Session[]): Call {
    const ended = (...ways: Ending['how'][]) =>
      sessions.flatMap(({ participant, ending }) =>
        ending && ways.includes(ending.how) ? [{ participant, at: ending.at, reason: ending.cause }] : [],
      )
    return {
      joined: sessions.map(({ participant, joinedAt }) => ({ participant, at: joinedAt })),
      get left() {
        return ended('left')
      },
      get cut() {
        return ended('moved', 'cut', 'fault')
      },
      get told() {
        return sessions.flatMap(({ participant, toldAt }) => (toldAt ? [{ participant, at: toldAt }] : []))
      },
      async leave(count) {
        const present = sessions.filter(({ ending }) => ending === undefined).map(({ participant }) => participant)
        fleet.node(node).leave(...present.slice(0, count))
        bear(node)
      },
    }
  }

  return {
    cluster,
    classManifest: demoClass({ fakeNodes: true }),
    media: 'They are simulated, and so is their media.',
    async ask({ name, address }) {
      await fleet.node(name).running()
      return `a simulated SFU lives at ${address}`
    },
    async join(room, { name }, people) {
      const names = Array.from({ length: people }, (_, index) => `${room}-${index + 1}`)
      await fleet.node(name).join(...names)
      const call = callOf(
        name,
        fleet.ledger.sessions.filter(it => it.node.endsWith(`/${name}`) && names.includes(it.participant)),
      )
      calls.set(name, [...callsOn(name), call])
      bear(name)
      return call
    },
    async stop() {
      await fleet.stop()
      await cluster.stop()
    },
  }
}
