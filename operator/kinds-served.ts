// `rtcnode crds --await-served`: a hook of the chart, before it makes classes. The API server takes up to five seconds until it
// serves a kind that is new to it, and Helm does not wait for that. Called by main.
import { type Clock, later } from './ambient/clock.ts'
import { kinds } from './api/kinds.ts'
import { API_VERSION } from './api/meta.ts'
import { isNotFound } from './kube/errors.ts'
import type { KubeTransport } from './kube/transport.ts'

type Asked = Pick<KubeTransport, 'request'>

const WITHIN_MS = 60_000
const EVERY_MS = 500

/** Resolves when all kinds of ours are served. Rejects with those that are not after a minute, or with what is in the way. */
export async function kindsServed(transport: Asked, clock: Clock): Promise<void> {
  const until = later(clock.monotonic(), WITHIN_MS)
  for (;;) {
    const missing = await missingKinds(transport)
    if (missing.length === 0) return
    if (clock.monotonic() > until) {
      throw new Error(`the API server does not serve ${missing.join(', ')}: are the CRDs installed? (crds.install)`)
    }
    await clock.sleep(EVERY_MS)
  }
}

async function missingKinds(transport: Asked): Promise<string[]> {
  const { resources } = await transport
    .request<{ resources: { name: string }[] }>({ method: 'GET', path: `/apis/${API_VERSION}` })
    .catch(noneWhenNotFound)
  const served = new Set(resources.map(({ name }) => name))
  return kinds.map(({ plural }) => plural).filter(plural => !served.has(plural))
}

function noneWhenNotFound(error: unknown): { resources: { name: string }[] } {
  if (isNotFound(error)) return { resources: [] }
  throw error
}
