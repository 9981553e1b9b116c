// Classes that an administrator writes in good faith, or in bad: the operator tries the pod of each without making it, so what the
// policies refuse shows in the class before any node suffers.
import { simClass } from '../../harness/class.ts'

export interface Unacceptable {
  /** A class of that name. */
  readonly of: (name: string) => object
  readonly says: RegExp
}

const inPod = (pod: object, says: RegExp): Unacceptable => ({ of: name => simClass(name, { pod }), says })
const inContainer = (container: object, says: RegExp): Unacceptable => ({
  of: name => simClass(name, { container }),
  says,
})

function withAgent(change: object, says: RegExp): Unacceptable {
  const of = (name: string) => {
    const its = simClass(name)
    return { ...its, spec: { ...its.spec, agent: { ...its.spec.agent, ...change } } }
  }
  return { of, says }
}

const token = { projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }

export const unacceptable: Readonly<Record<string, Unacceptable>> = {
  'a privileged SFU': inContainer({ securityContext: { privileged: true } }, /securityContext: privileged/),
  'an SFU with a capability': inContainer(
    { securityContext: { capabilities: { add: ['NET_ADMIN'] } } },
    /may name NET_BIND_SERVICE; .*admission\.capabilities/,
  ),
  'an SFU that sees the host’s processes': inPod({ hostPID: true }, /spec\.hostPID/),
  'an SFU with a path of the host': inPod(
    { volumes: [{ name: 'v', hostPath: { path: '/' } }] },
    /spec\.volumes: may be /,
  ),
  'an SFU with a token': inPod({ automountServiceAccountToken: true }, /take the token out of spec\.podTemplate/),
  'an SFU with a token by a volume': inPod(
    { volumes: [{ name: 'v', ...token }] },
    /take the token out of spec\.podTemplate/,
  ),
  'an SFU on one host': inPod({ nodeName: 'kwok-0' }, /spec\.nodeName: .*set nodeSelector/),
  'an SFU that goes before Kubernetes’ own pods': inPod(
    { priorityClassName: 'system-cluster-critical' },
    /spec\.priorityClassName: /,
  ),
  'an SFU on the host’s port of SSH': {
    of: name =>
      simClass(name, { network: { mode: 'HostNetwork', ports: [{ name: 'ssh', port: 22, protocol: 'TCP' }] } }),
    says: /hostPort: must be from 1024 to 65535; choose another port in spec\.network\.ports/,
  },
  'another agent': withAgent(
    { image: 'evil.example/agent:1' },
    /rtcnode-agent\]\.image: must be of sim, .*spec\.agent\.image/,
  ),
  'two agents': inPod({ initContainers: [{ name: 'rtcnode-agent', image: 'evil' }] }, /rtcnode-agent/),
}
