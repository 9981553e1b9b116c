// How the tables of the corpus are written: who asks the API server for what, and what it must say against it.
import { sfuNamespace } from '../secured.ts'

/** `tenant`: edits one namespace of SFUs, and may use the class sim. `admin`: may do everything. `operator`: its stolen token. */
export type Who = 'tenant' | 'admin' | 'operator'

export interface Request {
  readonly by: Who
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
}

export interface Refused extends Request {
  readonly says: readonly RegExp[]
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

const plurals: Readonly<Record<string, string>> = {
  RTCNodeClass: 'rtcnodeclasses',
  ClusterRoleBinding: 'clusterrolebindings',
}

const pathOf = (apiVersion: string, namespace: string | undefined, ...rest: string[]): string =>
  [
    apiVersion.includes('/') ? '/apis' : '/api',
    apiVersion,
    ...(namespace ? ['namespaces', namespace] : []),
    ...rest,
  ].join('/')

export function create(by: Who, manifest: Manifest): Request {
  const { apiVersion, kind, metadata } = manifest
  const plural = plurals[kind] ?? `${kind.toLowerCase()}s`
  return {
    by,
    method: 'POST',
    path: `${pathOf(apiVersion, metadata.namespace, plural)}?fieldValidation=Strict`,
    body: manifest,
  }
}

export const patch = (by: Who, apiVersion: string, resource: string, body: object): Request => ({
  by,
  method: 'PATCH',
  path: pathOf(apiVersion, sfuNamespace, ...resource.split('/')),
  body,
})

export const refused = (request: Request, ...says: RegExp[]): Refused => ({ ...request, says })

export const api = 'rtcnode.io/v1alpha1'

interface Change {
  readonly name?: string
  readonly namespace?: string
  readonly metadata?: object
  readonly spec?: object
}

export const rtcNode = ({ name = 'evil', namespace = sfuNamespace, metadata, spec }: Change) => ({
  apiVersion: api,
  kind: 'RTCNode',
  metadata: { name, namespace, ...metadata },
  spec: { className: 'sim', ...spec },
})

interface PoolChange extends Change {
  /** Goes over the metadata of its nodes. */
  readonly template?: { readonly labels?: object; readonly annotations?: object }
  readonly className?: string
}

export const pool = ({
  name = 'evil',
  namespace = sfuNamespace,
  metadata,
  spec,
  template,
  className = 'sim',
}: PoolChange) => ({
  apiVersion: api,
  kind: 'RTCNodePool',
  metadata: { name, namespace, ...metadata },
  spec: {
    replicas: 1,
    selector: { matchLabels: { fleet: name } },
    template: { metadata: { ...template, labels: { fleet: name, ...template?.labels } }, spec: { className } },
    ...spec,
  },
})

export const autoscaler = ({ name = 'evil', namespace = sfuNamespace, spec }: Change) => ({
  apiVersion: api,
  kind: 'RTCAutoscaler',
  metadata: { name, namespace },
  spec: { poolName: 'evil', maxReplicas: 3, targets: { joinLatencyP99Ms: 1_500 }, ...spec },
})

interface PodChange extends Change {
  readonly container?: object
}

export const pod = ({ name = 'evil', namespace = sfuNamespace, metadata, spec, container }: PodChange) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, ...metadata },
  spec: {
    tolerations: [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }],
    containers: [{ name: 'c', image: 'evil', ...container }],
    ...spec,
  },
})
