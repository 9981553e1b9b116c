// An operator whose every word to API server and registry goes through proxies of the test, and a fleet of people it must
// not harm. Restarts and take-overs come quickly here, by short lease times.
import type { Cluster } from '../../cluster/cluster.ts'
import { type Operator, type OperatorOptions, startOperator } from '../harness/operator.ts'
import type { Scene } from '../harness/scene.ts'
import { startWorldWith, suiteIn, type World, type WorldOptions } from '../harness/world.ts'
import { type ApiProxy, startApiProxy } from './api-proxy.ts'
import { type RegistryProxy, startRegistryProxy } from './registry-proxy.ts'
import { type WriteGate, writeGate } from './writes.ts'

export interface ProxiedOperator extends Operator {
  readonly gate: WriteGate
  readonly api: ApiProxy
  readonly registry: RegistryProxy
}

export const shortLease = ['--lease-duration-seconds=4', '--renew-deadline-seconds=3', '--retry-period-seconds=0.4']

export async function startProxiedOperator(cluster: Cluster, options: OperatorOptions = {}): Promise<ProxiedOperator> {
  const gate = writeGate()
  const undo = new AsyncDisposableStack()
  try {
    const api = undo.use(await startApiProxy(cluster, gate))
    const registry = undo.use(await startRegistryProxy(cluster.registry.endpoints[0] ?? '', gate))
    const operator = undo.use(
      await startOperator(cluster, {
        flags: shortLease,
        ...options,
        kubeconfigPath: api.kubeconfigPath,
        registryEndpoints: [registry.url],
      }),
    )
    const ended = undo.move()
    const dispose = () => ended.disposeAsync()
    return Object.create(operator, {
      gate: { value: gate },
      api: { value: api },
      registry: { value: registry },
      [Symbol.asyncDispose]: { value: dispose },
    }) as ProxiedOperator
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

export type ProxiedWorld = World<ProxiedOperator>

/** Tests that break the whole world for a while, so one after the other. */
export function suiteOfFaults(
  title: string,
  options: Omit<WorldOptions, 'operator'>,
  declare: (promise: (name: string, play: (scene: Scene, world: ProxiedWorld) => Promise<void>) => void) => void,
): void {
  suiteIn(() => startWorldWith(cluster => startProxiedOperator(cluster), options), title, 1, declare)
}
