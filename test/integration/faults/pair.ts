// Two operators, one lease, each with proxies of its own.
import { until } from '../../cluster/until.ts'
import type { Operator } from '../harness/operator.ts'
import { startWorldWith } from '../harness/world.ts'
import { type ProxiedOperator, startProxiedOperator } from './proxied-operator.ts'

export interface Pair<O extends Operator = ProxiedOperator> extends AsyncDisposable {
  readonly one: O
  readonly other: O
}

export const startPair = () =>
  startWorldWith(async (cluster): Promise<Pair> => {
    const undo = new AsyncDisposableStack()
    const one = undo.use(await startProxiedOperator(cluster, { identity: 'one' }))
    const other = undo.use(await startProxiedOperator(cluster, { identity: 'other' }))
    return { one, other, [Symbol.asyncDispose]: () => undo.disposeAsync() }
  })

export async function roles<O extends Operator>({ one, other }: Pair<O>): Promise<{ leader: O; standby: O }> {
  return until(
    'one leader',
    async () => {
      const [first, second] = await Promise.all([leads(one), leads(other)])
      if (first === second) return undefined
      return first ? { leader: one, standby: other } : { leader: other, standby: one }
    },
    { withinMs: 60_000 },
  )
}

export const leads = async (operator: Operator): Promise<boolean> =>
  /leader_election_master_status\{[^}]*\} 1/.test(await operator.metrics())
