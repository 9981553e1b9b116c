// ProvisioningRequest as Cluster Autoscaler brings it, and what Cluster Autoscaler does with one, condition by condition. A replay, as
// in cluster-autoscaler-protocol.ts: the real one cannot be built here.
import type { ProvisioningRequest } from '../../operator/cluster/announced/request.ts'
import { type ApiClient, ApiRefused } from './api-client.ts'

const immutable = { 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'Value is immutable' }] }
const objectName = {
  type: 'string',
  maxLength: 253,
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
}
const podSet = {
  type: 'object',
  required: ['count', 'podTemplateRef'],
  properties: {
    count: { type: 'integer', format: 'int32', minimum: 1 },
    podTemplateRef: { type: 'object', required: ['name'], properties: { name: objectName } },
  },
}

/** The spec with all its rules. Of the status anything is taken, so that tests can write what is no condition. */
export const provisioningRequestCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'provisioningrequests.autoscaling.x-k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/autoscaler/pull/5848' },
  },
  spec: {
    group: 'autoscaling.x-k8s.io',
    names: {
      kind: 'ProvisioningRequest',
      listKind: 'ProvisioningRequestList',
      plural: 'provisioningrequests',
      singular: 'provisioningrequest',
      shortNames: ['provreq', 'provreqs'],
    },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['podSets', 'provisioningClassName'],
                properties: {
                  podSets: { type: 'array', minItems: 1, maxItems: 32, items: podSet, ...immutable },
                  provisioningClassName: { ...objectName, ...immutable },
                  parameters: {
                    type: 'object',
                    maxProperties: 100,
                    additionalProperties: { type: 'string', maxLength: 255 },
                    ...immutable,
                  },
                },
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
}

export interface Provisioner {
  /** One turn of its loop for the requests of a namespace: it accepts them, and makes hosts for all pods of each or for none. */
  turn(hosts?: 'found' | 'not found'): Promise<void>
  /** Ten minutes after they were made. */
  expireBookings(): Promise<void>
  /** A week after it was asked. */
  giveUp(): Promise<void>
  /** Whatever is to stand in their status. */
  write(status: object): Promise<void>
  requests(): Promise<ProvisioningRequest[]>
}

export function provisioner(api: ApiClient, namespace: string): Provisioner {
  const path = `/apis/autoscaling.x-k8s.io/v1/namespaces/${namespace}/provisioningrequests`
  const requests = async () => ((await api.call('GET', path)) as { items: ProvisioningRequest[] }).items

  async function set(request: ProvisioningRequest, type: string, status: string, reason: string, message: string) {
    const others = ((request.status?.conditions ?? []) as { type: string }[]).filter(it => it.type !== type)
    const lastTransitionTime = `${new Date().toISOString().slice(0, 19)}Z`
    const conditions = [...others, { type, status, reason, message, lastTransitionTime }]
    return (await api.call('PATCH', `${path}/${request.metadata.name}/status`, {
      status: { conditions },
    })) as ProvisioningRequest
  }

  const is = ({ status }: ProvisioningRequest, type: string): boolean =>
    ((status?.conditions ?? []) as { type: string; status: string }[]).some(
      it => it.type === type && it.status === 'True',
    )

  async function hasTemplates({ spec }: ProvisioningRequest): Promise<boolean> {
    try {
      for (const { podTemplateRef } of spec.podSets)
        await api.call('GET', `/api/v1/namespaces/${namespace}/podtemplates/${podTemplateRef.name}`)
      return true
    } catch (error) {
      if (error instanceof ApiRefused && error.status === 404) return false
      throw error
    }
  }

  return {
    requests,
    async turn(hosts = 'found') {
      for (const request of await requests()) {
        if (is(request, 'Failed') || is(request, 'Provisioned')) continue
        if (!(await hasTemplates(request))) {
          await set(request, 'Failed', 'True', 'FailedToCreatePods', 'missing pod templates, 1 templates were missing')
          continue
        }
        const accepted = await set(
          request,
          'Accepted',
          'True',
          'Accepted',
          'ProvisioningRequest is accepted by ClusterAutoscaler',
        )
        if (hosts === 'found')
          await set(accepted, 'Provisioned', 'True', 'CapacityIsProvisioned', 'Capacity is found in the cluster')
        else
          await set(
            accepted,
            'Provisioned',
            'False',
            'CapacityIsNotFound',
            'Capacity is not found, CA will try to find it later.',
          )
      }
    },
    async expireBookings() {
      for (const request of await requests())
        if (is(request, 'Provisioned'))
          await set(
            request,
            'BookingExpired',
            'True',
            'CapacityReservationTimeExpired',
            'Capacity reservation time is expired',
          )
    },
    async giveUp() {
      for (const request of await requests())
        await set(request, 'Failed', 'True', 'Expired', 'ProvisioningRequest is expired')
    },
    async write(status) {
      for (const { metadata } of await requests())
        await api.call('PATCH', `${path}/${metadata.name}/status`, { status })
    },
  }
}
