// What the kubelet of a fake node would tell of a pod, and kwok does not.
import { until } from '../../cluster/until.ts'
import { type NodeName, readyOf, type Scene } from '../harness/scene.ts'

export async function setReady(scene: Scene, node: NodeName, status: 'True' | 'False'): Promise<void> {
  const lastTransitionTime = new Date().toISOString()
  const conditions = ['Ready', 'ContainersReady'].map(type => ({ type, status, lastTransitionTime }))
  const patch = JSON.stringify({ status: { conditions } })
  await scene.kubectl('patch', 'pod', node, '--subresource=status', '--type=strategic', '-p', patch)
}

/** Hosts that could not renew their leases for long are NotReady, and so are their pods, until their kubelets are heard again. */
export async function servesAgain(scene: Scene, node: NodeName): Promise<void> {
  const look = async (): Promise<boolean> => {
    const reason = readyOf(await scene.node(node))?.reason
    if (reason === 'PodNotReady') await setReady(scene, node, 'True')
    return reason === 'Serving'
  }
  await until(`${node} serves again`, look, { withinMs: 120_000, everyMs: 1_000 })
}
