// One RTCNode on a real host, and the verbs tests speak in: what is done to it, and what a bystander must come to see.
// Made by real-world.ts.
import assert from 'node:assert/strict'
import type { ContainerStatus, Pod } from '../../operator/api/core.ts'
import type { Heartbeat } from '../../operator/api/heartbeat.ts'
import type { NodeReason } from '../../operator/api/reasons.ts'
import type { RTCNode, RTCNodeSpec } from '../../operator/api/rtcnode.ts'
import { demoKeys } from '../cluster/classes.ts'
import type { Host } from '../cluster/hosts.ts'
import { NotInTime } from '../cluster/until.ts'
import { readyOf } from '../integration/harness/scene.ts'
import { type Load, startLoad } from '../load/loader.ts'
import { processOf } from './container-process.ts'
import type { RealWorld } from './real-world.ts'

export type NodeSpec = Partial<RTCNodeSpec>
export type ContainerName = 'sfu' | 'rtcnode-agent'

export interface RealNode {
  readonly name: string
  /** The newest version; fails when it is gone. */
  seen(): RTCNode
  pod(): Pod
  heartbeat(): Heartbeat | undefined
  /** Every reason it has given, oldest first, each once in a row. */
  reasons(): string[]
  /** All that happened to it, for the message of an assertion. */
  timeline(): string
  host(): Host
  container(name: ContainerName): ContainerStatus
  /** On the machine, whose process numbers the hosts share. */
  processOf(container: ContainerName): Promise<number>
  /** Log of the container before its last restart. */
  lastWords(container: ContainerName): Promise<string>
  /** SIGKILL, and no kubelet is told. */
  kill(container: ContainerName): Promise<void>
  /** `kubectl delete` of the RTCNode; does not wait. */
  delete(): Promise<void>
  /** `kubectl delete` of the pod, behind the operator's back; does not wait. */
  deletePod(): Promise<void>
  /** So many people join with real media. */
  join(people: number): Promise<Load>
  /** Resolves with the first version, from the present one on, for which it holds. */
  expect(what: string, holds: (node: RTCNode) => unknown, withinMs?: number): Promise<RTCNode>
  expectReason(reason: NodeReason, message?: RegExp): Promise<RTCNode>
  expectPod(what: string, holds: (pod: Pod) => unknown): Promise<void>
  expectHeartbeat(what: string, holds: (heartbeat: Heartbeat) => unknown): Promise<Heartbeat>
  /** RTCNode, pod, key and intent. */
  expectGone(withinMs?: number): Promise<void>
}

/** An upper bound for a busy machine, never a promise of speed. */
const WITHIN_MS = 60_000

export function realNode({ cluster, history, everything }: RealWorld, where: string): RealNode {
  const name = where.split('/')[1] ?? where
  const remove = (kind: string) => cluster.kubectl(['delete', kind, name, '--wait=false'])

  async function waitFor<T>(what: string, probe: () => T, withinMs = WITHIN_MS) {
    try {
      return await history.until(`${name}: ${what}`, probe, withinMs)
    } catch (error) {
      if (error instanceof NotInTime) error.message += `\n${node.timeline()}`
      throw error
    }
  }

  const node: RealNode = {
    name,
    seen: () => history.nodes(where).at(-1)?.is ?? assert.fail(`${name} is gone\n${node.timeline()}`),
    pod: () => history.pods(where).at(-1)?.is ?? assert.fail(`the pod of ${name} is gone\n${node.timeline()}`),
    heartbeat: () => history.heartbeat(where),
    reasons() {
      const all = history.nodes(where).flatMap(({ is }) => (is && readyOf(is)?.reason) ?? [])
      return all.filter((reason, index) => reason !== all[index - 1])
    },
    timeline: () => history.timeline(where),
    host() {
      const { nodeName } = node.pod().spec
      return cluster.hosts.find(host => host.name === nodeName) ?? assert.fail(`${name} is on no host`)
    },
    container(wanted) {
      const { initContainerStatuses = [], containerStatuses = [] } = node.pod().status ?? {}
      const all = [...initContainerStatuses, ...containerStatuses]
      return all.find(status => status.name === wanted) ?? assert.fail(`${name} has no container ${wanted}`)
    },
    processOf: wanted => processOf(node.host(), node.container(wanted)),
    lastWords: container => cluster.kubectl(['logs', '--previous', name, `--container=${container}`]),
    kill: async container => void process.kill(await node.processOf(container), 'SIGKILL'),
    delete: async () => void (await remove('rtcnode')),
    deletePod: async () => void (await remove('pod')),
    join(people) {
      const url = `ws://${node.seen().status?.address}:7880`
      return startLoad({ url, ...demoKeys(), room: name, participants: people, prefix: `${name}-` })
    },
    expect(what, holds, withinMs) {
      let next = Math.max(0, history.nodes(where).length - 1)
      const found = () => {
        const versions = history.nodes(where)
        while (next < versions.length) {
          const version = versions[next++]?.is
          if (version && holds(version)) return version
        }
        return undefined
      }
      return waitFor(what, found, withinMs)
    },
    expectReason: (reason, message = /./) =>
      node.expect(`${reason}, ${message}`, version => {
        const ready = readyOf(version)
        return ready?.reason === reason && message.test(ready.message)
      }),
    async expectPod(what, holds) {
      await waitFor(`pod ${what}`, () => {
        const pod = history.pods(where).at(-1)?.is
        return pod && holds(pod)
      })
    },
    expectHeartbeat: (what, holds) =>
      waitFor(`a heartbeat ${what}`, () => {
        const heartbeat = history.heartbeat(where)
        return heartbeat && holds(heartbeat) ? heartbeat : undefined
      }),
    async expectGone(withinMs = WITHIN_MS) {
      const isGone = () => !history.nodes(where).at(-1)?.is && !history.pods(where).at(-1)?.is
      await waitFor('gone', isGone, withinMs)
      const left = (await everything()).filter(thing => thing.endsWith(`/${name}`))
      assert.deepEqual(left, [], node.timeline())
    },
  }
  return node
}
