// Custom kinds on a test cluster, ready for their first object. Used by tests, demo, benches and calibration.
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'
import { until } from './until.ts'

const ourCrds = join(import.meta.dirname, '../../crds')

/** Applies the CRDs of a file or folder, by default ours; resolves when objects of them are taken. */
export async function applyCrds(cluster: Cluster, path = ourCrds): Promise<void> {
  // One of KEDA's is too long for the annotation of a client-side apply.
  await cluster.kubectl(['apply', '--server-side', '-f', path])
  await crdsEstablished(cluster, ['-f', path])
}

/** `crds`: as kubectl takes them. */
export async function crdsEstablished({ kubectl }: Pick<Cluster, 'kubectl'>, crds: readonly string[]): Promise<void> {
  // kubectl gives up at once on a CRD that bears no condition at all yet.
  const established = () => kubectl(['wait', '--for=condition=Established', '--timeout=30s', ...crds])
  await until('the CRDs to be established', established, { withinMs: 60_000, everyMs: 200 })
}

/** A CRD of somebody else's kind that takes whatever is written. */
export function anyKind(group: string, version: string, kind: string, scope: 'Namespaced' | 'Cluster') {
  const singular = kind.toLowerCase()
  const plural = `${singular}s`
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular },
      scope,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  }
}
