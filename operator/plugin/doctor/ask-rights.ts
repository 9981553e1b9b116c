// Asks the API server who may do what: the caller for himself, and for the service account of the operator each cell of its table.
import type { Pod } from '../../api/core.ts'
import { operatorPermissions } from '../../permissions.ts'
import type { Cluster } from '../cluster.ts'
import type { Asked, Known, Right } from './evidence.ts'
import { callerNeeds } from './rights.ts'

const REVIEWS = '/apis/authorization.k8s.io/v1'

async function review({ transport }: Cluster, plural: string, kind: string, who: object, right: Right): Promise<Asked> {
  const { group, verb, namespace, name } = right
  const [resource, subresource] = right.resource.split('/')
  const resourceAttributes = { group, resource, subresource, verb, namespace, name }
  const answer = await transport.request<{ status?: { allowed?: boolean } }>({
    method: 'POST',
    path: `${REVIEWS}/${plural}`,
    body: { apiVersion: 'authorization.k8s.io/v1', kind, spec: { ...who, resourceAttributes } },
  })
  return { right, allowed: answer.status?.allowed === true }
}

export const askCaller = (cluster: Cluster): Promise<Asked[]> =>
  Promise.all(
    callerNeeds.map(({ right }) =>
      review(
        cluster,
        'selfsubjectaccessreviews',
        'SelfSubjectAccessReview',
        {},
        {
          ...right,
          namespace: cluster.namespace,
        },
      ),
    ),
  )

export async function askOperator(
  cluster: Cluster,
  namespace: string,
  pods: Known<readonly Pod[]>,
  inhabited: readonly string[],
): Promise<{ account: string; asked: Asked[] }> {
  const [pod] = pods.known ? pods.value : []
  if (pod === undefined)
    throw new Error(pods.known ? `there is no operator pod in namespace ${namespace}` : pods.because)
  const name = typeof pod.spec['serviceAccountName'] === 'string' ? pod.spec['serviceAccountName'] : 'default'
  const account = `system:serviceaccount:${namespace}:${name}`
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']
  const who = { user: account, groups }
  const rights = rightsOfOperator(namespace, inhabited)
  const asked = rights.map(right => review(cluster, 'subjectaccessreviews', 'SubjectAccessReview', who, right))
  return { account, asked: await Promise.all(asked) }
}

/** One question for each cell of the operator's table; those of its namespaces where there is something to look after. */
export function rightsOfOperator(operatorNamespace: string, inhabited: readonly string[]): Right[] {
  const places: Readonly<Record<string, readonly (string | undefined)[]>> = {
    cluster: [undefined],
    own: [operatorNamespace],
    watched: inhabited,
    sfu: inhabited,
  }
  return operatorPermissions
    .filter(({ byAdmission }) => byAdmission !== true)
    .flatMap(({ where, group, resources, verbs, names = [undefined] }) =>
      (places[where] ?? []).flatMap(namespace =>
        resources.flatMap(resource =>
          verbs.flatMap(verb =>
            names.map(name => ({
              group,
              resource,
              verb,
              ...(namespace === undefined ? {} : { namespace }),
              ...(name === undefined ? {} : { name }),
            })),
          ),
        ),
      ),
    )
}
