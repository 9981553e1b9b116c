// A Lease in memory with the API server's rules (versions, conflicts), reached over calls that take time on a fake clock
// and may be lost on either way. Lets a thousand elections happen in a second.
import type { Clock } from '../../../operator/ambient/clock.ts'
import { later } from '../../../operator/ambient/clock.ts'
import type { Uid } from '../../../operator/api/meta.ts'
import { ApiError, TransportError } from '../../../operator/kube/errors.ts'
import { type Lease, leaseType } from '../../../operator/kube/leader.ts'
import type { ResourceClient } from '../../../operator/kube/resource.ts'

/** What becomes of one call: how long it takes each way, and whether it or its answer is lost. */
export interface Fate {
  thereMs: number
  backMs: number
  lost?: 'call' | 'answer'
}

export interface SimulatedLease {
  /** A client whose calls meet the fates that `fate` gives. */
  client(clock: Clock, fate: () => Fate): ResourceClient<Lease>
  readonly current: Lease | undefined
}

interface Patch {
  metadata?: { resourceVersion?: string }
  spec?: Lease['spec']
}

export function simulatedLease(): SimulatedLease {
  let lease: Lease | undefined
  let version = 0

  function write(spec: Lease['spec']): Lease {
    const metadata = {
      name: 'l',
      namespace: 'n',
      uid: 'u' as Uid,
      resourceVersion: String(++version),
      creationTimestamp: '',
    }
    lease = { apiVersion: leaseType.apiVersion, kind: leaseType.kind, metadata, ...(spec && { spec }) }
    return lease
  }

  function patch({ metadata, spec }: Patch): Lease {
    if (!lease) throw new ApiError(404, { reason: 'NotFound' })
    if (metadata?.resourceVersion !== lease.metadata.resourceVersion) throw new ApiError(409, { reason: 'Conflict' })
    return write({ ...lease.spec, ...spec })
  }

  function create({ spec }: Patch): Lease {
    if (lease) throw new ApiError(409, { reason: 'AlreadyExists' })
    return write(spec)
  }

  const client = (clock: Clock, fate: () => Fate): ResourceClient<Lease> => {
    async function call<T>(deadlineMs: number, act: () => T): Promise<T> {
      const { thereMs, backMs, lost } = fate()
      const deadline = later(clock.monotonic(), deadlineMs)
      const timeout = async (): Promise<never> => {
        await clock.sleep(Math.max(0, deadline - clock.monotonic()))
        throw new TransportError('TIMEOUT', 'simulated')
      }
      if (lost === 'call') return timeout()
      // Beyond the deadline the call is under way all the same, and may still take effect.
      const answer = clock.sleep(thereMs).then(act)
      answer.catch(() => {})
      if (lost === 'answer' || thereMs + backMs > deadlineMs) return timeout()
      await clock.sleep(thereMs + backMs)
      return answer
    }
    const unused = (): never => {
      throw new Error('not simulated')
    }
    return {
      type: leaseType,
      get: (_key, { deadlineMs = 10_000 } = {}) => call(deadlineMs, () => lease),
      create: (object, { deadlineMs = 10_000 } = {}) => call(deadlineMs, () => create(object as Patch)),
      mergePatch: (_key, body, { deadlineMs = 10_000 } = {}) => call(deadlineMs, () => patch(body as Patch)),
      list: () => Promise.reject(new TransportError('NONE', 'no watching here: elections must work without')),
      apply: unused,
      delete: unused,
      watch: unused,
    }
  }
  return {
    client,
    get current() {
      return lease
    },
  }
}
