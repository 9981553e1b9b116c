// How a kind presents itself to Kubernetes: what the generated CRD needs beside the schema. Read by the CRD generator,
// the API reference and the typed clients, so that all three say the same.
import type { z } from 'zod'
import type { KubeObject } from './meta.ts'
import type { CelRule } from './structural.ts'

/** A column of `kubectl get`; `wide` ones show only with `-o wide`. */
export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'date'
  readonly jsonPath: string
  readonly description: string
  readonly wide?: true
}

export interface Kind<T extends KubeObject = KubeObject> {
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortName: string
  readonly namespaced: boolean
  readonly description: string
  readonly spec: z.ZodType
  readonly status: z.ZodType
  /** What a reader sees as status before any controller wrote one, so that a new object already tells its phase. */
  readonly initialStatus: unknown
  /** Paths of the scale subresource, for a kind that has replicas. */
  readonly scale?: { readonly spec: string; readonly status: string; readonly selector: string }
  /** Rules on the whole object, for what only metadata and spec together can say. */
  readonly rules: readonly CelRule[]
  readonly columns: readonly PrinterColumn[]
  /** What each condition of its status says, and every reason they may give. For the API reference. */
  readonly conditions: Readonly<Record<string, string>>
  readonly reasons: Readonly<Record<string, string>>
  readonly __type?: T
}
