// Many simulated SFUs with people on them, beside the real ones, in the cluster that Helm installed into: whatever is done to
// the operator and the registry is done to them too. Their agents speak to the installed registry, with the certificate that
// the chart made for their namespace.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '../../operator/api/core.ts'
import { keyOf } from '../../operator/api/meta.ts'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { imageName } from '../cluster/images.ts'
import { startPortForward } from '../cluster/port-forward.ts'
import { simClass } from '../integration/harness/class.ts'
import type { History } from '../integration/harness/history.ts'
import { breachesOf } from '../integration/harness/laws.ts'
import { readyOf } from '../integration/harness/scene.ts'
import { startFleet } from '../sfu/fleet.ts'

export interface Crowd extends AsyncDisposable {
  nodes(): RTCNode[]
  /** On each node, as `namespace/name`. */
  readonly people: Readonly<Record<string, number>>
  /** One sentence for each call that ended, and each SFU that is not the one it was. None is the only good answer. */
  harm(): string[]
  /** Everybody hangs up, of their own accord. */
  leaveAll(): void
}

/** The namespace of the simulated SFUs. */
export const CROWD = 'crowd'

export interface CrowdDeps {
  readonly cluster: Cluster
  readonly history: History
  /** Address of a member of the registry that serves; undefined when none does. */
  readonly registryAddress: () => string | undefined
  readonly until: (what: string, probe: () => unknown) => Promise<void>
}

const PEOPLE_ON_EACH = 2
const LABELS = { pool: CROWD }

/** Resolves when so many nodes serve with people on each. */
export async function gatherCrowd(size: number, deps: CrowdDeps): Promise<Crowd> {
  const { cluster, history, until } = deps
  const undo = new AsyncDisposableStack()
  try {
    const forward = undo.use(await startPortForward(deps.registryAddress, 2379))
    const fleet = undo.use(
      await startFleet({
        kubeconfigPath: cluster.kubeconfigPath,
        registry: { endpoints: [`https://127.0.0.1:${forward.port}`], tls: await identityOfAgents(cluster) },
        namespace: CROWD,
      }),
    )
    const manifests = { apiVersion: 'v1', kind: 'List', items: [crowdClass(), crowdPool(size)] }
    await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(manifests) })

    const nodes = () => history.seenIn(CROWD).flatMap(where => history.nodes(where).at(-1)?.is ?? [])
    const pods = () => history.seenIn(CROWD).flatMap(where => history.pods(where).at(-1)?.is ?? [])
    const isServing = (node: RTCNode) => readyOf(node)?.reason === 'Serving'
    await until(`${size} simulated nodes to serve`, () => nodes().filter(isServing).length === size)
    const where = nodes().map(keyOf)
    for (const node of where) await fleet.node(node).join(...names(node))
    const born = new Map(pods().map(pod => [keyOf(pod), pod]))

    const hasLeft = () => fleet.ledger.totals().left > 0
    return {
      nodes,
      people: Object.fromEntries(where.map(node => [node, PEOPLE_ON_EACH])),
      harm() {
        const ended = fleet.ledger.sessions
          .filter(({ ending }) => ending !== undefined && ending.how !== 'left')
          .map(({ participant, ending }) => `${participant} was ${ending?.how}: ${ending?.cause}`)
        const replaced = hasLeft() ? [] : [...born].flatMap(([key, pod]) => disturbance(history, key, pod))
        return [...ended, ...replaced, ...breachesOf(history, CROWD)]
      },
      leaveAll() {
        for (const node of where) fleet.node(node).leaveAll()
      },
      [Symbol.asyncDispose]: () => undo.disposeAsync(),
    }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

const names = (node: string): string[] => Array.from({ length: PEOPLE_ON_EACH }, (_, index) => `${node}-${index}`)

function disturbance(history: History, key: string, { metadata: { uid } }: Pod): string[] {
  const now = history.pods(key).at(-1)?.is
  if (now?.metadata.uid !== uid) return [`${key} has another pod, or none`]
  return now.metadata.deletionTimestamp === undefined ? [] : [`the pod of ${key} was deleted`]
}

/** Files of the certificate that the chart gives the agents of the namespace. */
async function identityOfAgents({ kubectl, dir }: Cluster) {
  const secret = JSON.parse(await kubectl(['get', 'secret', 'rtcnode-registry', `--namespace=${CROWD}`, '-ojson'])) as {
    data: Record<string, string>
  }
  const folder = join(dir, 'crowd')
  mkdirSync(folder, { recursive: true })
  const fileOf = (name: string): string => {
    const path = join(folder, name)
    writeFileSync(path, Buffer.from(secret.data[name] ?? '', 'base64'), { mode: 0o600 })
    return path
  }
  return { caFile: fileOf('ca.crt'), certFile: fileOf('tls.crt'), keyFile: fileOf('tls.key') }
}

/** The class of all simulated SFUs, on fake nodes alone and with an agent that the chart's policies let pass. */
function crowdClass(): object {
  const { spec, ...rest } = simClass('simulated', { pod: { nodeSelector: { type: 'kwok' } } })
  return { ...rest, spec: { ...spec, agent: { image: imageName('operator') } } }
}

const crowdPool = (replicas: number): object => ({
  apiVersion: 'rtcnode.io/v1alpha1',
  kind: 'RTCNodePool',
  metadata: { name: CROWD, namespace: CROWD },
  spec: {
    replicas,
    selector: { matchLabels: LABELS },
    template: { metadata: { labels: LABELS }, spec: { className: 'simulated' } },
  },
})
