// Plain text from behind the API server, line by line and bounded: a page of an operator, the log of an SFU.
import { boundedBy } from '../../kube/deadline.ts'
import { TransportError } from '../../kube/errors.ts'
import type { Query } from '../../kube/transport.ts'
import type { Cluster } from '../cluster.ts'

const WITHIN_MS = 5_000

export function linesOf({ transport, clock }: Cluster, path: string, query?: Query): Promise<string[]> {
  const reason = (): Error => new TransportError('TIMEOUT', `GET ${path}: no answer within ${WITHIN_MS} ms`)
  return boundedBy({ ms: WITHIN_MS, reason, clock }, async signal => {
    const lines: string[] = []
    try {
      for await (const line of transport.stream({ path, ...(query && { query }), signal })) lines.push(line)
    } catch (error) {
      // A text that was cut by its limit ends in the middle of a line.
      if (!(error instanceof TransportError && error.code === 'BAD_FRAME')) throw error
    }
    return lines
  })
}
