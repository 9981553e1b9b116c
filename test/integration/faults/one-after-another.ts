// Operators one after another: each lives until it is killed, then the next starts. All speak through the same proxies.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../../cluster/cluster.ts'
import { type Operator, startOperator } from '../harness/operator.ts'
import { type ApiProxy, startApiProxy } from './api-proxy.ts'
import { startRegistryProxy } from './registry-proxy.ts'
import { type WriteGate, writeGate } from './writes.ts'

export interface Operators extends AsyncDisposable {
  readonly gate: WriteGate
  readonly api: ApiProxy
  /** How many were killed. */
  readonly killed: number
  /** SIGKILL for the one that runs. Not at once: so that one death serves all plans that are due at about this time. */
  killSoon(): void
}

const SOON_MS = 700

export interface OperatorsOptions {
  /** How soon `killSoon` is; default 700. Longer: fewer deaths, each for more plans. */
  readonly soonMs?: number
}

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/rtcnode-system/leases/rtcnode-operator'

export async function startOperators(
  cluster: Cluster,
  { soonMs = SOON_MS }: OperatorsOptions = {},
): Promise<Operators> {
  const undo = new AsyncDisposableStack()
  const gate = writeGate()
  const api = undo.use(await startApiProxy(cluster, gate))
  const registry = undo.use(await startRegistryProxy(cluster.registry.endpoints[0] ?? '', gate))
  let killed = 0
  let isDoomed = false
  let turn = Promise.resolve()
  // Each has an identity of its own, as a restarted pod has.
  const next = (): Promise<Operator> =>
    startOperator(cluster, {
      identity: `operator-${killed}`,
      kubeconfigPath: api.kubeconfigPath,
      registryEndpoints: [registry.url],
      untilReady: false,
    })
  let current = await next()

  async function replace(): Promise<void> {
    await sleep(soonMs)
    await current.kill()
    await current[Symbol.asyncDispose]()
    // As if the dead one's claim had run out: nobody is left to be protected by it, and plans are many.
    await cluster.api.call('PATCH', LEASE, { spec: { holderIdentity: '', leaseDurationSeconds: 1 } })
    isDoomed = false
    killed += 1
    current = await next()
  }

  undo.defer(async () => {
    await turn.catch(() => undefined)
    await current[Symbol.asyncDispose]()
  })
  return {
    gate,
    api,
    get killed() {
      return killed
    },
    killSoon() {
      if (isDoomed) return
      isDoomed = true
      turn = turn.then(replace)
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}
