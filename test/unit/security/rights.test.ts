// What the chart grants is what the table of rights says, in both modes, as the real Helm renders it; and what the table must
// never say.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { annotations, FINALIZER, labels } from '../../../operator/api/marks.ts'
import {
  operatorPermissions,
  type Permission,
  type Place,
  policyVerbs,
  userRoles,
} from '../../../operator/permissions.ts'
import { chart, type Manifest, ofKind, render } from '../chart/chart.ts'

const wholeCluster = '*'

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

const rights = (where: string, { group, resources, verbs, names = [] }: Permission<string>): string[] =>
  resources.flatMap(resource => verbs.map(verb => `${verb} ${resource}.${group} ${names.join()} in ${where}`))

const ofRule = (where: string, { apiGroups, resources, verbs, resourceNames = [] }: Rule): string[] =>
  apiGroups.flatMap(group => rights(where, { group, resources, verbs, names: resourceNames, why: '' }))

/** All that is bound to the operator's ServiceAccount. */
function granted(manifests: readonly Manifest[]): string[] {
  const bindings = ofKind(manifests, 'RoleBinding', 'ClusterRoleBinding').filter(({ subjects }) =>
    (subjects as { name: string }[]).some(({ name }) => name === 'rtcnode'),
  )
  return bindings.flatMap(({ metadata: { namespace }, roleRef }) => {
    const role = manifests.find(
      it => it.kind === roleRef.kind && it.metadata.name === roleRef.name && it.metadata.namespace === namespace,
    )
    assert.ok(role, `${roleRef.kind} ${roleRef.name}`)
    return (role['rules'] as Rule[]).flatMap(rule => ofRule(namespace ?? wholeCluster, rule))
  })
}

const inTable = (namespacesOf: Record<Place, readonly string[]>): string[] =>
  operatorPermissions.flatMap(row => namespacesOf[row.where].flatMap(namespace => rights(namespace, row)))

const own = ['rtcnode-system']

test('looking after all namespaces, the operator writes pods only where SFUs run', async () => {
  const manifests = await render({ sfu: { namespaces: ['rtc', 'rtc-2'] } })
  const expected = inTable({
    cluster: [wholeCluster],
    watched: [wholeCluster],
    sfu: ['rtc', 'rtc-2'],
    own,
    default: ['default'],
  })
  assert.deepEqual(granted(manifests).sort(), expected.sort())
})

test('looking after some namespaces, it has only roles there, and what has no namespace', async () => {
  const manifests = await render({ watchNamespaces: ['eu', 'us'], sfu: { namespaces: ['eu'] } })
  const expected = inTable({ cluster: [wholeCluster], watched: ['eu', 'us'], sfu: ['eu'], own, default: ['default'] })
  assert.deepEqual(granted(manifests).sort(), expected.sort())
})

test('no role of the chart has a wildcard, and the operator reads no Secret and writes no right', async () => {
  const manifests = await render()
  for (const { kind, metadata, rules } of ofKind(manifests, 'Role', 'ClusterRole')) {
    assert.ok(!JSON.stringify(rules).includes('"*"'), `${kind} ${metadata.name}`)
  }
  for (const { group, resources, verbs } of operatorPermissions) {
    assert.ok(
      !resources.includes('secrets') && group !== 'rbac.authorization.k8s.io' && !resources.includes('pods/exec'),
    )
    assert.ok(!(verbs as readonly string[]).some(verb => ['escalate', 'bind', 'impersonate'].includes(verb)))
  }
})

test('the budgets of other people are read, and never written', () => {
  const ofBudgets = operatorPermissions.filter(({ group }) => group === 'policy')
  const rightsToAny = ofBudgets.filter(({ names }) => names === undefined).flatMap(({ verbs }) => verbs)
  assert.deepEqual(rightsToAny.toSorted(), ['create', 'list', 'watch'])
  assert.deepEqual(
    ofBudgets.flatMap(({ names = [] }) => names),
    ['rtcnode-busy'],
  )
})

test('what the policies ask for joins no role of Kubernetes', () => {
  for (const { name, joins, permissions } of userRoles) {
    const ofPolicies = permissions.flatMap(({ verbs }) => verbs).filter(verb => verb in policyVerbs)
    if (joins !== undefined) assert.deepEqual(ofPolicies, [], name)
  }
})

test('the roles for people can be left out, and the policies too', async () => {
  const manifests = await render({ rbac: { userRoles: false }, admission: { enabled: false } })
  const left = ofKind(manifests, 'ClusterRole', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding')
  assert.deepEqual(
    left
      .filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined)
      .map(({ metadata }) => metadata.name),
    ['rtcnode-system-rtcnode'],
  )
})

/** These are for people to write. */
const free: readonly string[] = [annotations.scaleInProtection, annotations.deletionPriority]

test('the policies guard every mark of the operator', () => {
  const template = readFileSync(join(chart, 'templates/admission.yaml'), 'utf8')
  for (const mark of [...Object.values(labels), ...Object.values(annotations), FINALIZER]) {
    assert.equal(template.includes(`"${mark}"`), !free.includes(mark), mark)
  }
})

test('each policy is bound, and each of its refusals begins with the field it is about', async () => {
  const manifests = await render()
  const policies = ofKind(manifests, 'ValidatingAdmissionPolicy')
  const bound = ofKind(manifests, 'ValidatingAdmissionPolicyBinding').map(({ spec }) => String(spec.policyName))
  assert.deepEqual(bound.sort(), policies.map(({ metadata }) => metadata.name).sort())
  for (const { metadata, spec } of policies) {
    for (const { message, messageExpression } of spec.validations as Record<string, string>[]) {
      assert.match(message ?? messageExpression ?? '', /^"?(spec|metadata)\.[^:]+: .+[;,] /, metadata.name)
    }
  }
})

test('looking after some namespaces, its policies ask nothing in the others', async () => {
  const manifests = await render({ watchNamespaces: ['eu', 'us'], sfu: { namespaces: ['eu'] } })
  const namespaces = (name: string): unknown => {
    const binding = ofKind(manifests, 'ValidatingAdmissionPolicyBinding').find(({ metadata }) =>
      metadata.name.endsWith(name),
    )
    return binding?.['spec'].matchResources.namespaceSelector.matchExpressions
  }
  const only = (values: string[]) => [{ key: 'kubernetes.io/metadata.name', operator: 'In', values }]
  assert.deepEqual(namespaces('sfu-namespaces'), only(['eu']))
  for (const name of ['class-of-rtcnodes', 'class-of-rtcnodepools', 'operator-pods', 'marks', 'marks-in-pools']) {
    assert.deepEqual(namespaces(name), only(['eu', 'us']), name)
  }
})
