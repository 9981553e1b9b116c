// Pieces of a pod whose schema is Kubernetes' own: read from what an admin wrote, and written alike on all that we make.
import type { Container } from './core.ts'

export type Fields = Readonly<Record<string, unknown>>

/** What is of another form was refused by the API server, or is as good as not there. */
export const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? (value as Fields[]) : [])
export const recordOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {}
export const containersOf = (value: unknown): readonly Container[] =>
  listOf(value) as readonly unknown[] as readonly Container[]

export const HOST_LABEL = 'kubernetes.io/hostname'
export const ZONE_LABEL = 'topology.kubernetes.io/zone'

/** Of a container that Pod Security lets in at its strictest. */
export const restricted = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: 65_532,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
} as const
