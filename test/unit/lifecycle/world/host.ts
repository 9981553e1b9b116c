// The one host of the random world, with its scheduler and kubelet: binds, starts, probes and kills pods, and may stop
// talking while its processes go on.
import { type Instant, toTimestamp } from '../../../../operator/ambient/clock.ts'
import type { Pod } from '../../../../operator/api/core.ts'
import { isReady } from '../../../../operator/lifecycle/pod-view.ts'
import type { ApiServer } from './api-server.ts'
import { end, type Ledger, type Sfu, startSfu } from './sfu.ts'

export interface Host {
  /** From now on the API server hears nothing from it. */
  goDark(): void
  comeBack(): void
  /** The pod ends for good, and whoever was on it is lost. */
  fail(pod: Pod): void
  round(): void
}

/** After so long the control plane calls the pods of a silent host unready, as kube-controller-manager does. */
const UNREACHABLE_AFTER_MS = 40_000

export function host(api: ApiServer, sfus: Map<string, Sfu>, ledger: Ledger, now: () => Instant): Host {
  let darkSince: number | undefined

  const write = (pod: Pod, change: object): void => {
    api.update('Pod', pod.metadata.name, { uid: pod.metadata.uid }, it => ({ ...it, ...change }))
  }
  const tell = (pod: Pod, ready: 'True' | 'False', phase: 'Running' | 'Failed' = 'Running'): void =>
    write(pod, {
      status: {
        phase,
        podIP: '10.0.0.1',
        conditions: [{ type: 'Ready', status: ready, lastTransitionTime: toTimestamp(now()) }],
        containerStatuses: [
          { name: 'sfu', state: phase === 'Failed' ? { terminated: { exitCode: 137 } } : { running: {} } },
        ],
      },
    })

  function kill(sfu: Sfu, how: 'killed' | 'fault'): void {
    end(sfu, how, ledger)
    sfus.delete(sfu.podUID)
  }

  function start(pod: Pod): void {
    if (pod.metadata.ownerReferences !== undefined) sfus.set(pod.metadata.uid, startSfu(pod))
    tell(pod, 'False')
  }

  function stop(pod: Pod): void {
    const sfu = sfus.get(pod.metadata.uid)
    if (sfu !== undefined) {
      sfu.preStopAt ??= now()
      const due = now() >= Date.parse(pod.metadata.deletionTimestamp ?? '')
      if (!due && !(sfu.mayStop && !sfu.agentDead)) return
      kill(sfu, 'killed')
    }
    api.removePod(pod.metadata.uid)
  }

  function attend(pod: Pod): void {
    if (pod.metadata.deletionTimestamp !== undefined) stop(pod)
    else if (pod.spec.nodeName === undefined) write(pod, { spec: { ...pod.spec, nodeName: 'host-1' } })
    else if (pod.status === undefined) start(pod)
    else if (pod.status.phase === 'Running' && !isReady(pod)) tell(pod, 'True')
  }

  return {
    goDark: () => void (darkSince ??= now()),
    comeBack: () => void (darkSince = undefined),
    fail(pod) {
      const sfu = sfus.get(pod.metadata.uid)
      if (sfu !== undefined) kill(sfu, 'fault')
      tell(pod, 'False', 'Failed')
    },
    round() {
      if (darkSince === undefined) {
        for (const pod of api.pods()) attend(pod)
        for (const sfu of sfus.values()) if (api.pod(sfu.name)?.metadata.uid !== sfu.podUID) kill(sfu, 'killed')
      } else if (now() - darkSince >= UNREACHABLE_AFTER_MS) {
        for (const pod of api.pods()) if (isReady(pod)) tell(pod, 'False')
      }
    },
  }
}
