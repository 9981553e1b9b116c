// Are the kinds installed, served, and as this program knows them? Fields that the API server does not know are dropped from
// everything that is written, without a word.
import { isDeepStrictEqual } from 'node:util'
import type { CustomResourceDefinition } from '../../api/crd.ts'
import { VERSION } from '../../api/meta.ts'
import type { StructuralSchema } from '../../api/structural.ts'
import { listed } from '../words.ts'
import { type Check, type Finding, ok, problem, unchecked, warning } from './check.ts'
import type { InstalledCrd } from './evidence.ts'

const INSTALL = 'helm upgrade with crds.install, or: rtcnode crds | kubectl apply --server-side -f -'

export const crdsCheck: Check = {
  name: 'crds',
  title: 'CustomResourceDefinitions',
  judge({ crds, installedCrds }) {
    const findings = crds.flatMap(ours => {
      const { name } = ours.metadata
      const installed = installedCrds[name]
      if (installed === undefined || !installed.known)
        return [unchecked(`${name} cannot be read: ${installed?.because ?? 'it was not asked for'}`)]
      return installed.value === undefined
        ? [problem(`${name} is not there`, INSTALL)]
        : judgeOne(ours, installed.value)
    })
    return findings.length > 0 ? findings : [ok(`all ${crds.length} are there, served, and those of this program`)]
  },
}

function judgeOne(ours: CustomResourceDefinition, theirs: InstalledCrd): Finding[] {
  const { name } = ours.metadata
  const bad = theirs.status?.conditions?.find(
    ({ type, status }) => (type === 'Established' || type === 'NamesAccepted') && status !== 'True',
  )
  if (bad !== undefined)
    return [problem(`${name} is not usable: ${bad.type} is ${bad.status}: ${bad.message ?? ''}`, INSTALL)]
  const version = theirs.spec.versions.find(it => it.name === VERSION)
  if (version?.served !== true)
    return [problem(`${name} does not serve ${VERSION}, which this program speaks`, INSTALL)]
  const { missing, foreign, other } = schemaDifferences(
    ours.spec.versions[0]?.schema.openAPIV3Schema,
    version.schema.openAPIV3Schema,
  )
  return [
    ...(missing.length + other.length === 0
      ? []
      : [
          problem(
            `${name} is of another version than this program: ${listed([...missing.map(field => `${field} is not in it`), ...other.map(field => `${field} differs`)])}`,
            `${INSTALL}; or the plugin is the older one: take that of the operator's release`,
          ),
        ]),
    ...(foreign.length === 0
      ? []
      : [
          warning(
            `${name} has fields that this program does not know: ${listed(foreign)}`,
            'the plugin is older than the CRDs: take that of the operator’s release',
          ),
        ]),
  ]
}

export interface Differences {
  /** Paths of fields that only this program has. */
  readonly missing: readonly string[]
  /** … that only the cluster has. */
  readonly foreign: readonly string[]
  /** … of another type, bound, default or rule. */
  readonly other: readonly string[]
}

/** Field by field, descriptions left out. */
export function schemaDifferences(
  ours: StructuralSchema | undefined,
  theirs: StructuralSchema | undefined,
  path = '',
): Differences {
  if (ours === undefined || theirs === undefined) {
    const only = [path || 'the schema']
    return {
      missing: theirs === undefined && ours !== undefined ? only : [],
      foreign: ours === undefined && theirs !== undefined ? only : [],
      other: [],
    }
  }
  const names = [...new Set([...Object.keys(ours.properties ?? {}), ...Object.keys(theirs.properties ?? {})])]
  const below = [
    ...names.map(name =>
      schemaDifferences(ours.properties?.[name], theirs.properties?.[name], path === '' ? name : `${path}.${name}`),
    ),
    schemaDifferences(ours.items, theirs.items, `${path}[]`),
    schemaDifferences(ours.additionalProperties, theirs.additionalProperties, `${path}.*`),
  ]
  return {
    missing: below.flatMap(it => it.missing),
    foreign: below.flatMap(it => it.foreign),
    other: [
      ...(isDeepStrictEqual(ownOf(ours), ownOf(theirs)) ? [] : [path || 'the object']),
      ...below.flatMap(it => it.other),
    ],
  }
}

/** What is said of the field itself. The API server leaves out what is empty or false. */
function ownOf(schema: StructuralSchema): unknown {
  const { properties: _, items: __, additionalProperties: ___, description: ____, ...own } = schema
  return Object.fromEntries(
    Object.entries(own)
      .filter(([, value]) => value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0))
      .map(([key, value]) => [key, key === 'required' ? [...(value as readonly string[])].sort() : value]),
  )
}
