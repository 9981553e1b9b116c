// The chart's RBAC, written from the tables in operator/permissions.ts. Called by `make crds` (generate.ts).
import {
  operatorPermissions,
  type Permission,
  type Place,
  places,
  type UserRole,
  userRoles,
} from '../operator/permissions.ts'

const API_GROUP = 'rbac.authorization.k8s.io'
const CLUSTER_NAME = '{{ include "rtcnode.clusterName" $ }}'
const ACCOUNT = '{{ include "rtcnode.fullname" $ }}'

export const rbacTemplate = (): string =>
  [
    '{{- /* Generated from operator/permissions.ts by `make crds`. Do not edit. */ -}}',
    ...(Object.keys(places) as Place[]).map(definition),
    granted({ name: CLUSTER_NAME, rights: ['cluster'], rightsOfAll: ['watched'] }),
    forEach(
      '$.Values.watchNamespaces',
      granted({ name: `${CLUSTER_NAME}-watched`, namespace: '{{ . | quote }}', rights: ['watched'] }),
    ),
    granted({ name: `${CLUSTER_NAME}-events`, namespace: 'default', rights: ['default'] }),
    forEach(
      '$.Values.sfu.namespaces',
      granted({ name: `${CLUSTER_NAME}-sfu`, namespace: '{{ . | quote }}', rights: ['sfu'] }),
    ),
    granted({ name: ACCOUNT, namespace: '{{ $.Release.Namespace }}', rights: ['own'] }),
    provided('$.Values.rbac.userRoles', userRoles.map(userRole).join('\n')),
    '',
  ].join('\n')

const definition = (place: Place): string => `
{{- /* In ${places[place]}. */ -}}
{{- define "rtcnode.rights.${place}" -}}
${operatorPermissions
  .filter(({ where }) => where === place)
  .map(rule)
  .join('\n')}
{{- end -}}`

interface Grant {
  readonly name: string
  /** Without one it is for the whole cluster. */
  readonly namespace?: string
  readonly rights: readonly Place[]
  /** Only while all namespaces are looked after. */
  readonly rightsOfAll?: readonly Place[]
}

/** A role, and who has it: the operator. */
function granted({ name, namespace, rights, rightsOfAll = [] }: Grant): string {
  const scope = namespace === undefined ? 'Cluster' : ''
  const included = (place: Place) => `  {{- include "rtcnode.rights.${place}" $ | nindent 2 }}`
  return [
    '---',
    ...headOf(`${scope}Role`, name, namespace),
    'rules:',
    ...rights.map(included),
    ...rightsOfAll.map(place => provided('not $.Values.watchNamespaces', included(place))),
    '---',
    ...headOf(`${scope}RoleBinding`, name, namespace),
    `roleRef: {apiGroup: ${API_GROUP}, kind: ${scope}Role, name: ${name}}`,
    'subjects:',
    `  - {kind: ServiceAccount, name: ${ACCOUNT}, namespace: {{ $.Release.Namespace }}}`,
  ].join('\n')
}

const userRole = ({ name, joins, why, permissions }: UserRole): string =>
  [
    '---',
    `# Whoever has it ${why}.`,
    ...headOf('ClusterRole', `${CLUSTER_NAME}-${name}`, undefined),
    ...(joins === undefined ? [] : [`    ${API_GROUP}/aggregate-to-${joins}: "true"`]),
    'rules:',
    ...permissions.map(permission => rule(permission).replaceAll(/^/gm, '  ')),
  ].join('\n')

const headOf = (kind: string, name: string, namespace: string | undefined): string[] => [
  `apiVersion: ${API_GROUP}/v1`,
  `kind: ${kind}`,
  'metadata:',
  `  name: ${name}`,
  ...(namespace === undefined ? [] : [`  namespace: ${namespace}`]),
  '  labels:',
  '    {{- include "rtcnode.labels" $ | nindent 4 }}',
]

function rule({ group, resources, names, verbs, why }: Permission<string>): string {
  return [
    `# ${why}`,
    `- apiGroups: [${group === '' ? '""' : group}]`,
    `  resources: [${resources.join(', ')}]`,
    ...(names === undefined ? [] : [`  resourceNames: [${names.join(', ')}]`]),
    `  verbs: [${verbs.join(', ')}]`,
  ].join('\n')
}

const forEach = (list: string, text: string): string => `{{- range ${list} }}\n${text}\n{{- end }}`
const provided = (condition: string, text: string): string => `{{- if ${condition} }}\n${text}\n{{- end }}`
