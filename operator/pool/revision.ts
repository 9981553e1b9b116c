// The revisions of a pool: what its nodes were, are and shall be made from, each recorded as a ControllerRevision of its own.
// Pure; the controller writes what is found to be missing.
import { z } from 'zod'
import { classHash, templateHash } from '../api/hash.ts'
import { labels, managedBy } from '../api/marks.ts'
import type { KubeObject } from '../api/meta.ts'
import type { RTCNodeClass } from '../api/rtcnodeclass.ts'
import { type RTCNodePool, type RTCNodeTemplate, rtcNodeTemplateSchema } from '../api/rtcnodepool.ts'
import { ownerReferenceTo } from '../kube/owner.ts'
import type { ResourceType } from '../kube/resource.ts'
import type { Revision, Target } from './view.ts'

/** `apps/v1` ControllerRevision. Its data can never be changed, its number can. */
export interface ControllerRevision extends KubeObject {
  readonly revision: number
  readonly data?: unknown
}

export const controllerRevisionType: ResourceType<ControllerRevision> = {
  apiVersion: 'apps/v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
}

/** A revision together with the object that keeps it. */
export interface Recorded extends Revision {
  readonly record: ControllerRevision
}

const dataSchema = z.object({ template: rtcNodeTemplateSchema })

/** One that cannot be read is as if it were not there. */
export function recordedIn(record: ControllerRevision): Recorded | undefined {
  const name = record.metadata.labels?.[labels.revision]
  const data = dataSchema.safeParse(record.data)
  if (name === undefined || !data.success) return undefined
  return { name, number: record.revision, template: data.data.template, record }
}

/** What nodes are made from: a template, and what is written on them as their revision. */
export interface Mould {
  readonly revision: string
  readonly template: RTCNodeTemplate
}

export interface Aim {
  readonly target: Target
  /** What nodes of the target are made from; undefined when that is not known. */
  readonly update?: Mould
  /** What nodes of the last complete roll-out are made from. */
  readonly current?: Mould & { readonly classFound: boolean }
}

/** The class is always the one of now: what the admin changed there is undone there. */
export function aimOf(
  { spec, status }: RTCNodePool,
  recorded: readonly Revision[],
  classNamed: (name: string) => RTCNodeClass | undefined,
): Aim {
  const mouldOf = (template: RTCNodeTemplate): Mould => {
    const nodeClass = classNamed(template.spec.className)
    const revision = nodeClass === undefined ? lastKnown(template, recorded) : revisionName(template, nodeClass)
    return { revision, template }
  }
  const currentTemplate = recorded.find(({ name }) => name === status?.currentRevision)?.template
  const isFound = ({ spec: { className } }: RTCNodeTemplate): boolean => classNamed(className) !== undefined
  const current = currentTemplate && { current: { ...mouldOf(currentTemplate), classFound: isFound(currentTemplate) } }
  const { pinnedRevision } = spec.strategy
  const template =
    pinnedRevision === undefined ? spec.template : recorded.find(({ number }) => number === pinnedRevision)?.template
  if (template === undefined)
    return { target: { state: 'revision-not-found', number: pinnedRevision ?? 0 }, ...current }
  const update = mouldOf(template)
  const target = { state: 'known', revision: update.revision, classFound: isFound(template) } as const
  return { target, update, ...current }
}

export const revisionName = (template: RTCNodeTemplate, nodeClass: RTCNodeClass): string =>
  `${templateHash(template)}-${classHash(nodeClass)}`

/** While the class is gone nothing is newer than what was made from it. */
function lastKnown(template: RTCNodeTemplate, recorded: readonly Revision[]): string {
  const hash = templateHash(template)
  return newestFirst(recorded).find(({ name }) => name.startsWith(`${hash}-`))?.name ?? `${hash}-unknown`
}

export const newestFirst = <R extends Revision>(revisions: readonly R[]): R[] =>
  [...revisions].sort((a, b) => b.number - a.number)

export type Recording =
  | { readonly do: 'create'; readonly record: object }
  | { readonly do: 'renumber'; readonly record: ControllerRevision; readonly number: number }

/**
 * What has to be written so that the target has a record, with the highest number of all. Not while a revision is pinned:
 * its number is what it is known by.
 */
export function recordingOf(
  pool: RTCNodePool,
  { target, update }: Aim,
  recorded: readonly Recorded[],
): Recording | undefined {
  if (target.state !== 'known' || !target.classFound || update === undefined) return undefined
  const newest = Math.max(0, ...recorded.map(({ number }) => number))
  const known = newestFirst(recorded).find(({ name }) => name === target.revision)
  if (known === undefined) return { do: 'create', record: recordOf(pool, update, newest + 1) }
  if (known.number === newest || pool.spec.strategy.pinnedRevision !== undefined) return undefined
  return { do: 'renumber', record: known.record, number: newest + 1 }
}

/** Labelled as the nodes are, so that a pool that adopts them adopts their history too. */
function recordOf(pool: RTCNodePool, { revision, template }: Mould, number: number): object {
  const { name, namespace } = pool.metadata
  const { apiVersion, kind } = controllerRevisionType
  return {
    apiVersion,
    kind,
    metadata: {
      name: `${name}-${revision}`,
      namespace,
      labels: recordLabels(pool, revision),
      ownerReferences: [ownerReferenceTo(pool)],
    },
    revision: number,
    data: { template },
  }
}

export const recordLabels = (pool: RTCNodePool, revision: string): Record<string, string> => ({
  ...pool.spec.selector.matchLabels,
  ...managedBy,
  [labels.pool]: pool.metadata.name,
  [labels.revision]: revision,
})
