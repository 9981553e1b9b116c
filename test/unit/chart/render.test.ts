// What the chart makes of its values: pods that Pod Security calls restricted, names that meet, and each way to install it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { kinds } from '../../../operator/api/kinds.ts'
import { GROUP } from '../../../operator/api/meta.ts'
import { runConfig, runSettings, variableName } from '../../../operator/config.ts'
import { operatorEnvironment } from '../../../operator/node-options.ts'
import {
  chart,
  containersOf,
  helm,
  type Manifest,
  manifestsIn,
  ofKind,
  one,
  render,
  root,
  title,
  variants,
  workloadsOf,
} from './chart.ts'

test('helm lint finds nothing, strictly', async () => {
  for (const variant of ['as it comes', 'every knob', 'ready-made classes'] as const) {
    const values = variants[variant]
    await helm(['lint', chart, '--strict', '--values', '-'], JSON.stringify(values)).catch((error: Error) => {
      assert.fail(`${variant}: ${error.message}`)
    })
  }
})

for (const [variant, values] of Object.entries(variants)) {
  test(`${variant}: each pod asks for little, is bounded, and may do nothing`, async () => {
    const workloads = workloadsOf(await render(values))
    assert.ok(workloads.length >= 2)
    for (const workload of workloads) {
      const { spec, of } = workload
      const { seccompProfile, ...user } = { ...spec.securityContext }
      assert.deepEqual(
        [seccompProfile, user['runAsNonRoot'], user['runAsUser']],
        [{ type: 'RuntimeDefault' }, true, 65_532],
        of,
      )
      assert.equal(typeof spec.automountServiceAccountToken, 'boolean', of)
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) assert.equal(spec[field], undefined, of)
      for (const { name, resources, securityContext, image } of containersOf(workload)) {
        const { requests, limits } = resources as Record<string, Record<string, string>>
        assert.ok(requests?.['cpu'] && requests['memory'] && limits?.['memory'], `${of} ${name}: resources`)
        assert.deepEqual(
          securityContext,
          { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
          `${of} ${name}`,
        )
        assert.match(String(image), /:[^:/]+$/, `${of} ${name}: image without tag or digest`)
      }
    }
  })

  test(`${variant}: each name that one object says is the name of another`, async () => {
    const manifests = await render(values)
    const has = (kind: string, name: string): boolean => ofKind(manifests, kind).some(it => it.metadata.name === name)
    for (const { of, spec } of workloadsOf(manifests)) {
      const { serviceAccountName, priorityClassName } = spec
      if (spec.automountServiceAccountToken) assert.ok(has('ServiceAccount', String(serviceAccountName)), of)
      if (priorityClassName !== undefined) assert.ok(has('PriorityClass', priorityClassName), of)
    }
    for (const binding of ofKind(manifests, 'RoleBinding', 'ClusterRoleBinding')) {
      const { roleRef, subjects = [] } = binding as Manifest & { subjects?: { kind: string; name: string }[] }
      assert.ok(has(roleRef.kind, roleRef.name) || roleRef.name.startsWith('system:'), title(binding))
      for (const { kind, name } of subjects) if (kind === 'ServiceAccount') assert.ok(has(kind, name), title(binding))
    }
  })

  test(`${variant}: what selects pods selects some`, async () => {
    const manifests = await render(values)
    const pods = workloadsOf(manifests)
    for (const manifest of ofKind(manifests, 'Service', 'PodDisruptionBudget', 'Deployment', 'StatefulSet')) {
      const selector: Record<string, string> = manifest['spec'].selector.matchLabels ?? manifest['spec'].selector
      const selected = pods.filter(({ labels }) => Object.entries(selector).every(([key, is]) => labels[key] === is))
      assert.equal(
        selected.length,
        1,
        `${title(manifest)} selects ${selected.map(({ of }) => of).join(', ') || 'none'}`,
      )
    }
  })
}

test('every pod that Helm makes has its network policy, and each policy has its pod', async () => {
  const manifests = await render()
  const component = 'app.kubernetes.io/component'
  const selectors = ofKind(manifests, 'NetworkPolicy').map(({ spec }) => spec.podSelector.matchLabels[component])
  const components = workloadsOf(manifests).map(({ labels }) => labels[component])
  assert.deepEqual(new Set(selectors.filter(it => it !== undefined)), new Set(components))
})

test('the operator is started as the benchmarks start it, with settings that it knows', async () => {
  const { workers, ...defaults } = runConfig({}, await environmentIn(await render()))
  assert.deepEqual(
    [defaults.registryEndpoints, defaults.registryPrefix, defaults.namespace, workers],
    [['https://rtcnode-registry.rtcnode-system.svc:2379'], '/sfu', 'metadata.namespace', 64],
  )
  assert.equal(defaults.registryCaFile, '/etc/rtcnode/registry/ca.crt')

  const environment = await environmentIn(await render(variants['every knob']))
  for (const [name, value] of Object.entries(operatorEnvironment)) assert.equal(environment[name], value)
  const tuned = runConfig({}, environment)
  assert.deepEqual([tuned.logLevel, tuned.workers, tuned.leaseDurationSeconds], ['debug', 128, 30])
  assert.deepEqual(
    tuned.hostSignals.map(({ kind, by, leadSeconds }) => [kind, by, leadSeconds]),
    [
      ['Planned', 'our “tool” <1>', 604_800],
      ['Imminent', undefined, undefined],
      ['None', undefined, undefined],
    ],
  )

  const { watchNamespaces } = runConfig({}, await environmentIn(await render(variants.namespaced)))
  assert.deepEqual([watchNamespaces, defaults.watchNamespaces], [['eu', 'us'], undefined])

  const known = new Set(Object.keys(runSettings).map(variableName))
  for (const values of Object.values(variants)) {
    for (const name of Object.keys(await environmentIn(await render(values)))) {
      assert.ok(known.has(name) || name in operatorEnvironment, `${name} is no setting of rtcnode run`)
    }
  }
})

test('an etcd of the user is reached with its certificates, and without TLS there are none', async () => {
  const withTls = await render(variants['an etcd of the user with mTLS'])
  const environment = await environmentIn(withTls)
  assert.equal(environment['RTCNODE_REGISTRY_ENDPOINTS'], 'https://etcd-0.db:2379,https://etcd-1.db:2379')
  assert.equal(environment['RTCNODE_AGENT_REGISTRY_SECRET'], 'etcd')
  assert.equal(one(withTls, 'Deployment')['spec'].template.spec.volumes[0].secret.secretName, 'etcd')
  assert.deepEqual(ofKind(withTls, 'StatefulSet'), [])

  const plain = await render(variants['an etcd of the user without TLS'])
  assert.equal((await environmentIn(plain))['RTCNODE_REGISTRY_CA_FILE'], undefined)
  assert.equal(one(plain, 'Deployment')['spec'].template.spec.volumes, undefined)
})

test('the CRDs are those of the repository, marked to stay or to go', async () => {
  const spec = (manifest: Manifest): unknown => manifest['spec']
  for (const keep of [true, false]) {
    const crds = ofKind(await render({ crds: { keep } }), 'CustomResourceDefinition')
    assert.equal(crds.length, kinds.length)
    for (const crd of crds) {
      const file = join(root, 'crds', `${GROUP}_${crd.metadata.name.split('.')[0]}.yaml`)
      assert.deepEqual(spec(crd), spec(parse(readFileSync(file, 'utf8'))), crd.metadata.name)
      assert.equal(crd.metadata.annotations?.['helm.sh/resource-policy'], keep ? 'keep' : undefined)
    }
  }
  assert.deepEqual(ofKind(await render({ crds: { install: false } }), 'CustomResourceDefinition'), [])
})

test('namespaces for SFUs are made, marked and kept; one that is the release’s own is not made', async () => {
  const made = ofKind(await render({ sfu: { namespaces: ['eu', 'rtcnode-system'] } }), 'Namespace')
  assert.deepEqual(
    made.map(({ metadata }) => metadata.name),
    ['eu'],
  )
  assert.equal(made[0]?.metadata.labels?.['pod-security.kubernetes.io/enforce'], 'privileged')
  assert.equal(made[0]?.metadata.annotations?.['helm.sh/resource-policy'], 'keep')
  assert.deepEqual(ofKind(await render({ sfu: { createNamespaces: false } }), 'Namespace'), [])
})

test('two releases share no name of the cluster, and none of a namespace that both look after', async () => {
  const install = (release: string, sfu: string) =>
    render(
      { watchNamespaces: [sfu, 'shared'], sfu: { namespaces: [sfu] }, crds: { install: false } },
      { release, namespace: `${release}-system` },
    )
  const names = (manifests: Manifest[]) => new Set(manifests.map(title))
  const [first, second] = [names(await install('rtcnode', 'eu')), names(await install('media', 'us'))]
  assert.deepEqual(
    [...first].filter(name => second.has(name)),
    [],
  )
  assert.ok(second.has('Deployment media-system/media-rtcnode'))
})

test('a namespaced release has no right over a whole cluster but to see what has no namespace', async () => {
  const manifests = await render(variants.namespaced)
  const bound = new Set(ofKind(manifests, 'ClusterRoleBinding').map(({ roleRef }) => roleRef.name))
  for (const role of ofKind(manifests, 'ClusterRole').filter(({ metadata }) => bound.has(metadata.name))) {
    for (const { resources = [] } of (role['rules'] ?? []) as { resources?: string[] }[]) {
      assert.ok(!resources.some(it => /^(pods|rtcnodes|rtcnodepools|rtcautoscalers|secrets)\b/.test(it)), title(role))
    }
  }
  const check = ofKind(manifests, 'Job').find(({ metadata }) => metadata.name === 'rtcnode-uninstall-check')
  assert.deepEqual(check?.['spec'].template.spec.containers[0].args.at(-1), '--namespaces=eu,us')
})

test('the plain YAML is the chart without what only Helm understands', async () => {
  const { plainManifests } = await import('../../../scripts/manifests.ts')
  const plain = manifestsIn(await plainManifests())
  const hooks = (await render()).filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] !== undefined)
  assert.notEqual(hooks.length, 0)
  assert.deepEqual(plain.map(title), [
    'Namespace rtcnode-system',
    ...(await render()).filter(it => !hooks.some(hook => title(hook) === title(it))).map(title),
  ])
})

/** Of the operator's container; what Kubernetes fills in is given as the path it comes from. */
async function environmentIn(manifests: Manifest[]): Promise<Record<string, string>> {
  const { env } = one(manifests, 'Deployment')['spec'].template.spec.containers[0] as {
    env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[]
  }
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom?.fieldRef.fieldPath ?? '']),
  )
}
