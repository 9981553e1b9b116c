// The stage for machines without root or packages: fake hosts, and in each pod a simulated SFU with the agent's real code.

import { demoClass } from '../cluster/classes.ts'
import { startCluster } from '../cluster/cluster.ts'
import { startFleet } from '../sfu/fleet.ts'
import type { Ending, Session } from '../sfu/ledger.ts'
import type { Call, Stage } from './stage.ts'

export async function simulatedStage(log: (line: string) => void): Promise<Stage> {
  const cluster = await startCluster({ kwokNodes: 2, log })
  const { kubeconfigPath } = cluster
  const fleet = await startFleet({ kubeconfigPath, registry: { endpoints: cluster.registry.endpoints } })

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
      return callOf(
        name,
        fleet.ledger.sessions.filter(it => it.node.endsWith(`/${name}`) && names.includes(it.participant)),
      )
    },
    async stop() {
      await fleet.stop()
      await cluster.stop()
    },
  }
}
