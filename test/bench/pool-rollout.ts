// A roll-out of a pool with calls on every node: who is cut, and how many nodes it takes.
import { setTimeout as pause } from 'node:timers/promises'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import { type SfuFleet, startFleet } from '../sfu/fleet.ts'
import type { Benchmark } from './figure.ts'
import { createPool, patchPool } from './pool-manifest.ts'
import { rtcnodesPath, type Stage, startStage } from './stage.ts'
import { seconds } from './statistics.ts'

const COUNT = Number(process.env['COUNT'] ?? 200)
const MAX_SURGE = Math.ceil(COUNT / 4)
const PEOPLE_EACH = 3
/** People stay so long on a node that takes no new rooms. */
const STAY_MS = 5_000
const WITHIN_MS = 400_000

export const poolRollout: Benchmark = {
  name: 'pool-rollout',
  title: 'A roll-out under load',
  method: `A pool of ${COUNT} nodes with ${PEOPLE_EACH} people on each gets a new template, with maxSurge 25 % and maxUnavailable 0. On a node that was closed people finish
their call after ${STAY_MS / 1_000} s. The simulated fleet keeps its own account of every session. All nodes are listed five times a second: extra nodes are those above
${COUNT} that take rooms or start; closed and deleted ones, on which people finish, are counted apart.`,
  async run(log) {
    await using stage = await startStage({ kwokNodes: 4 })
    const { kubeconfigPath, registry } = stage.cluster
    await using fleet = await startFleet({ kubeconfigPath, registry: { endpoints: registry.endpoints } })
    await stage.operator()
    await createPool(stage.cluster, 'live', COUNT)
    await stage.nodes.reached('live-', COUNT, WITHIN_MS)
    const old = await nodesNow(stage)
    await Promise.all(old.map(({ metadata: { name } }) => fleet.node(name).join(...peopleOf(name))))
    log(`${COUNT} nodes, ${fleet.ledger.totals().present} people in calls`)

    const startedAt = performance.now()
    await patchPool(stage.cluster, 'live', { template: { spec: { drain: { deadlineSeconds: 1_800 } } } })
    const peak = await untilReplaced(stage, fleet, new Set(old.map(({ metadata }) => metadata.uid)))
    const tookMs = performance.now() - startedAt
    const { left, moved, cut, fault } = fleet.ledger.totals()
    log(`rolled out after ${seconds(tookMs)}`)
    return {
      figures: [
        {
          what: 'participants cut or moved',
          measured: `${cut + moved + fault}`,
          goal: '0',
          isMet: cut + moved + fault === 0,
        },
        {
          what: `nodes above ${COUNT} at the peak, draining ones left out`,
          measured: `${peak.extra}`,
          goal: `≤ ${MAX_SURGE} (maxSurge)`,
          isMet: peak.extra <= MAX_SURGE,
        },
      ],
      details: [
        `All ${COUNT} nodes were replaced in ${seconds(tookMs)}; ${left} people finished their calls. At the peak ${peak.living} nodes were there, ${peak.draining} of them draining; never fewer than ${peak.fewestOpen} took rooms.`,
      ],
    }
  },
}

const peopleOf = (node: string): string[] => Array.from({ length: PEOPLE_EACH }, (_, index) => `${node}-p${index}`)

async function nodesNow({ cluster }: Stage): Promise<RTCNode[]> {
  const { items } = (await cluster.api.call('GET', rtcnodesPath)) as { items: RTCNode[] }
  return items
}

interface Peak {
  extra: number
  living: number
  draining: number
  fewestOpen: number
}

/** Resolves when none of `old` is left. Meanwhile people finish on nodes that were closed. */
async function untilReplaced(stage: Stage, fleet: SfuFleet, old: ReadonlySet<string>): Promise<Peak> {
  const peak: Peak = { extra: 0, living: 0, draining: 0, fewestOpen: COUNT }
  const leaving = new Set<string>()
  const endsAt = performance.now() + WITHIN_MS
  for (;;) {
    const nodes = await nodesNow(stage)
    if (nodes.every(({ metadata }) => !old.has(metadata.uid)) && nodes.length === COUNT) return peak
    if (performance.now() > endsAt) throw new Error(`not rolled out within ${WITHIN_MS / 1_000} s`)
    const draining = nodes.filter(({ metadata, spec }) => metadata.deletionTimestamp !== undefined || spec.cordoned)
    const open = nodes.filter(node => !draining.includes(node) && isReady(node))
    peak.extra = Math.max(peak.extra, nodes.length - draining.length - COUNT)
    peak.fewestOpen = Math.min(peak.fewestOpen, open.length)
    if (nodes.length > peak.living) Object.assign(peak, { living: nodes.length, draining: draining.length })
    for (const { metadata } of draining) {
      if (leaving.has(metadata.name)) continue
      leaving.add(metadata.name)
      setTimeout(() => fleet.node(metadata.name).isRunning && fleet.node(metadata.name).leaveAll(), STAY_MS)
    }
    await pause(200)
  }
}

const isReady = ({ status }: RTCNode): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
