// What the operator writes to the API server: for one node from birth to Running, and in a minute in which nothing happens.
// Counted from the API server's audit log, where nothing can be forgotten.
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { IDLE_OPEN_MS } from '../../operator/cluster/protection/protect.ts'
import type { Benchmark } from './figure.ts'
import { startFleetThread } from './fleet-thread.ts'
import { createPool } from './pool-manifest.ts'
import { numbered, startStage } from './stage.ts'

const COUNT = Number(process.env['COUNT'] ?? 1_000)
const SETTLE_SECONDS = 15
/** After a minute without people the pods are released, once each. */
const IDLE_SECONDS = IDLE_OPEN_MS / 1_000 + SETTLE_SECONDS
const REST_SECONDS = 90

export const writes: Benchmark = {
  name: 'writes',
  title: 'Writes to the API server',
  method: `${COUNT} RTCNodes become Running on fake nodes with the simulated fleet, are left alone for ${IDLE_SECONDS} s, in which they
become idle, and then beat each 3 s for ${REST_SECONDS} s while nothing else happens; then a pool of as many is made. Every request of the operator that writes, whatever its answer, is counted from the API server's audit log by verb and resource. The
renewals of the leader's Lease are the one thing an operator cannot leave; they are counted apart, as are Kubernetes events.`,
  async run(log) {
    await using stage = await startStage({ kwokNodes: 4, auditLog: true })
    await using _fleet = await startFleetThread(stage.cluster)
    await stage.operator()
    await stage.createNodes(numbered('n', COUNT))
    await stage.nodes.reached('n-', COUNT, 120_000)
    log(`${COUNT} RTCNodes are Running; what was written late is waited for ${SETTLE_SECONDS} s`)
    await pause(SETTLE_SECONDS * 1_000)
    const birthsEnd = new Date().toISOString()
    log(`${IDLE_SECONDS} s until all are idle`)
    await pause(IDLE_SECONDS * 1_000)
    const restBegins = new Date().toISOString()
    log(`at rest for ${REST_SECONDS} s`)
    await pause(REST_SECONDS * 1_000)
    const poolBegins = new Date().toISOString()
    await createPool(stage.cluster, 'pool', COUNT)
    await stage.nodes.reached('pool-', COUNT, 240_000)
    log(`a pool of ${COUNT} is Running`)
    await pause(SETTLE_SECONDS * 1_000)
    const all = writesIn(stage.cluster.auditLogPath ?? '')
    const ofPool = all.filter(({ at }) => at >= poolBegins)
    const perPoolNode = ofPool.filter(it => isOfNodes(it) || isOfPools(it)).length / COUNT
    const births = all.filter(({ at }) => at < birthsEnd)
    const idle = all.filter(({ at }) => at >= birthsEnd && at < restBegins)
    const rest = all.filter(({ at }) => at >= restBegins && at < poolBegins)
    const perNode = births.filter(isOfNodes).length / COUNT
    const eventsPerNode = births.filter(({ what }) => what.includes('events')).length / COUNT
    const perIdle = idle.filter(isOfNodes).length / COUNT
    const perMinute = (rest.filter(it => !isLease(it)).length / REST_SECONDS) * 60
    const leasePerMinute = (rest.filter(isLease).length / REST_SECONDS) * 60
    return {
      figures: [
        { what: 'writes per node, birth to Running', measured: perNode.toFixed(2), goal: '≤ 3', isMet: perNode <= 3 },
        {
          what: 'writes per node that becomes idle, for its protection',
          measured: perIdle.toFixed(2),
          goal: '≤ 2',
          isMet: perIdle <= 2,
        },
        {
          what: `writes per minute at rest, ${COUNT} nodes with heartbeats`,
          measured: `${perMinute.toFixed(1)}, and ${leasePerMinute.toFixed(0)} renewals of the Lease`,
          goal: '0',
          isMet: perMinute === 0,
        },
        {
          what: 'writes per node of a pool that is scaled out, all of the operator',
          measured: perPoolNode.toFixed(2),
          goal: '≤ 4',
          isMet: perPoolNode <= 4,
        },
      ],
      details: [
        `Birth to Running, all ${COUNT} nodes: ${counted(births)}. Events, which nothing waits for, are ${eventsPerNode.toFixed(2)} a node on top.`,
        `At rest, ${REST_SECONDS} s: ${counted(rest) || 'nothing'}.`,
        `A pool of ${COUNT} from its POST until ${SETTLE_SECONDS} s after the last one was Running: ${counted(ofPool)}.`,
      ],
    }
  },
}

export interface Write {
  readonly at: string
  /** Verb and resource, as `patch rtcnodes/status`. */
  readonly what: string
}

interface AuditEvent {
  readonly stage: string
  readonly verb: string
  readonly userAgent?: string
  readonly requestReceivedTimestamp: string
  readonly requestURI: string
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string }
}

/** Of the operator. */
export function writesIn(auditLogPath: string): Write[] {
  return readFileSync(auditLogPath, 'utf8')
    .split('\n')
    .filter(line => line.includes('"userAgent":"rtcnode-operator/'))
    .map(line => JSON.parse(line) as AuditEvent)
    .filter(({ stage }) => stage === 'ResponseComplete')
    .map(({ verb, objectRef = {}, requestURI, requestReceivedTimestamp: at }) => {
      const { resource = '', subresource } = objectRef
      // A class is tried with a pod that is never made.
      if (requestURI.includes('dryRun=All')) return { at, what: `dry run: ${verb} ${resource}` }
      return { at, what: `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`}` }
    })
}

const isLease = ({ what }: Write): boolean => what.includes('leases')
const isOfPools = (write: Write): boolean => /^\w+ (rtcnodepools|controllerrevisions)/.test(write.what)
const isOfNodes = (write: Write): boolean => /^\w+ (rtcnodes|pods)/.test(write.what)

function counted(all: readonly Write[]): string {
  const counts = Map.groupBy(all, ({ what }) => what)
  return [...counts].map(([what, { length }]) => `${what} ${length}`).join(', ')
}
