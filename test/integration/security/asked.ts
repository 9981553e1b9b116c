// What somebody has asked of the API server, by its audit log; and which rows of the table of rights answer for it.
import { readFileSync } from 'node:fs'
import { type OperatorPermission, operatorPermissions } from '../../../operator/permissions.ts'
import type { Mode } from './secured.ts'

export interface Asked {
  readonly verb: string
  readonly group: string
  /** `plural` or `plural/subresource`. */
  readonly resource: string
  /** Undefined: of all namespaces, or of none. */
  readonly namespace: string | undefined
  readonly name: string | undefined
  /** By RBAC. */
  readonly allowed: boolean
  /** HTTP status of the answer. */
  readonly answer: number
}

interface AuditEvent {
  readonly verb: string
  readonly user: { readonly username: string }
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly apiGroup?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code?: number }
  readonly annotations?: Readonly<Record<string, string>>
}

/** Oldest first; about objects only. */
export function askedBy(user: string, auditLogPath: string): Asked[] {
  return readFileSync(auditLogPath, 'utf8')
    .split('\n')
    .filter(line => line.includes(user))
    .map(line => JSON.parse(line) as AuditEvent)
    .filter(event => event.user.username === user && event.objectRef?.resource !== undefined)
    .map(({ verb, objectRef, responseStatus, annotations }) => ({
      verb,
      group: objectRef?.apiGroup ?? '',
      resource: [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/'),
      namespace: objectRef?.namespace,
      name: objectRef?.name,
      allowed: annotations?.['authorization.k8s.io/decision'] === 'allow',
      answer: responseStatus?.code ?? 0,
    }))
}

export const inWords = ({ verb, group, resource, namespace, name }: Asked): string =>
  `${verb} ${resource}${group === '' ? '' : `.${group}`} ${name ?? ''} in ${namespace ?? 'all namespaces, or none'}`

/** A row, verb by verb and resource by resource. */
export interface Right {
  readonly row: OperatorPermission
  readonly resource: string
  readonly verb: string
}

/** What the operator is granted, and has to ask for itself. */
export const rightsIn = ({ namespaces }: Mode): Right[] =>
  operatorPermissions
    .filter(({ where, byAdmission }) => namespaces[where]?.length !== 0 && byAdmission !== true)
    .flatMap(row => row.resources.flatMap(resource => row.verbs.map(verb => ({ row, resource, verb }))))

export const isAnswerFor = ({ row, resource, verb }: Right, asked: Asked, { namespaces }: Mode): boolean =>
  row.group === asked.group &&
  resource === asked.resource &&
  verb === asked.verb &&
  (row.names === undefined || row.names.includes(asked.name ?? '')) &&
  (namespaces[row.where]?.includes(asked.namespace ?? '') ?? true)
