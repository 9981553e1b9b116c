// The CustomResourceDefinition of a kind, made from the same zod schemas that give the types. Called by `rtcnode crds`
// and by `make crds`, which writes it to crds/.
import type { Kind, PrinterColumn } from './kind.ts'
import { GROUP, VERSION } from './meta.ts'
import { type StructuralSchema, structural } from './structural.ts'

export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1'
  readonly kind: 'CustomResourceDefinition'
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly group: string
    readonly names: {
      readonly kind: string
      readonly listKind: string
      readonly plural: string
      readonly singular: string
      readonly shortNames: readonly string[]
      readonly categories: readonly string[]
    }
    readonly scope: 'Namespaced' | 'Cluster'
    readonly versions: readonly CrdVersion[]
  }
}

interface CrdVersion {
  readonly name: string
  readonly served: boolean
  readonly storage: boolean
  readonly schema: { readonly openAPIV3Schema: StructuralSchema }
  readonly subresources: {
    readonly status: Record<string, never>
    readonly scale?: {
      readonly specReplicasPath: string
      readonly statusReplicasPath: string
      readonly labelSelectorPath: string
    }
  }
  readonly additionalPrinterColumns: readonly (Omit<PrinterColumn, 'wide'> & { readonly priority?: 1 })[]
}

/**
 * `kubectl get rtc` lists all our kinds. It must not be a name of one of them: kubectl takes a category before a name, so
 * that with a category `rtcnode`, `kubectl get rtcnode a` would look for a class called `a` too.
 */
const category = 'rtc'

/** @throws {NotStructuralError} when a field of the kind has no form in a CRD or no description. */
export function crdOf(kind: Kind): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: [kind.shortName],
        categories: [category],
      },
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: kind.columns.map(({ wide, ...column }) =>
            wide ? { ...column, priority: 1 } : column,
          ),
          schema: { openAPIV3Schema: schemaOf(kind) },
          subresources: { status: {}, ...scaleOf(kind) },
        },
      ],
    },
  }
}

const scaleOf = ({ scale }: Kind): Pick<CrdVersion['subresources'], 'scale'> =>
  scale === undefined
    ? {}
    : {
        scale: { specReplicasPath: scale.spec, statusReplicasPath: scale.status, labelSelectorPath: scale.selector },
      }

/** The schema of the whole object. A default of `status` makes a new object tell its phase before anybody wrote it. */
export function schemaOf(kind: Kind): StructuralSchema {
  const text = (description: string): StructuralSchema => ({ type: 'string', description })
  return {
    type: 'object',
    description: kind.description,
    required: ['spec'],
    properties: {
      apiVersion: text('Version of the schema of this object.'),
      kind: text('Kind of this object.'),
      metadata: { type: 'object' },
      spec: structural(kind.spec, 'spec'),
      status: { ...structural(kind.status, 'status'), default: kind.initialStatus },
    },
    ...(kind.rules.length > 0 && { 'x-kubernetes-validations': kind.rules }),
  }
}
