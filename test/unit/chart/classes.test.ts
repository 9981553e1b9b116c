// The ready-made classes: off until asked for, the same as in examples/, and never deleted and made anew by an upgrade.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { RTCNodeClassKind, type RTCNodeClassSpec } from '../../../operator/api/rtcnodeclass.ts'
import { chart, helm, type Manifest, ofKind, one, render, root, variants } from './chart.ts'

const ready = variants['ready-made classes']
const kindIsThere = { args: ['--api-versions', 'rtcnode.io/v1alpha1/RTCNodeClass'] }

test('there is none until one is asked for', async () => {
  assert.deepEqual(ofKind(await render(), 'RTCNodeClass'), [])
  const asked = ofKind(await render({ classes: { livekit: { enabled: true } } }), 'RTCNodeClass')
  assert.deepEqual(
    asked.map(({ metadata }) => metadata.name),
    ['livekit'],
  )
})

test('they are those of examples/, with less rights and the image of this release', async () => {
  const manifests = await render(ready)
  for (const [name, file] of [
    ['livekit', 'livekit-class'],
    ['livekit-hostnetwork', 'livekit-class-hostnetwork'],
  ] as const) {
    const example = specOf(parse(readFileSync(join(root, 'examples', `${file}.yaml`), 'utf8')))
    const ours = specOf(one(manifests, 'RTCNodeClass', name))
    assert.equal(ours.agent.image, 'rtcnode/rtcnode-operator:0.1.0')
    assert.equal(ours.rollout, 'OnDelete', 'an upgrade of the chart must not replace anybody’s nodes')
    const [sfu, exampleSfu] = [sfuOf(ours), sfuOf(example)]
    assert.equal(sfu['securityContext'].runAsNonRoot, true)
    assert.deepEqual({ ...sfu, securityContext: undefined }, { ...exampleSfu, securityContext: undefined })
    assert.deepEqual([ours.network, ours.drain, ours.health], [example.network, example.drain, example.health])
    assert.deepEqual(ours.agent.env, example.agent.env)
  }
})

test('before its kind is there a class comes after all else; later it is an ordinary object, which Helm may take over', async () => {
  const annotationsOf = (manifests: Manifest[]) => one(manifests, 'RTCNodeClass', 'livekit').metadata.annotations ?? {}
  const first = annotationsOf(await render(ready))
  assert.equal(first['helm.sh/hook'], 'post-install,post-upgrade')
  const later = annotationsOf(await render(ready, kindIsThere))
  assert.equal(later['helm.sh/hook'], undefined)
  for (const annotations of [first, later]) {
    assert.equal(annotations['helm.sh/resource-policy'], 'keep')
    assert.equal(annotations['meta.helm.sh/release-name'], 'rtcnode')
    assert.equal(annotations['meta.helm.sh/release-namespace'], 'rtcnode-system')
  }
})

test('the notes tell two commands, those that come next', async () => {
  const notes = async (values: object): Promise<string> => {
    const install = ['install', 'rtcnode', chart, '-n', 'rtcnode-system', '--dry-run=client', '--values', '-']
    return (await helm(install, JSON.stringify(values))).split('NOTES:')[1] ?? ''
  }
  const commands = (text: string): string[] =>
    [...text.matchAll(/^ {5}(helm|kubectl) (\w+)/gm)].map(([, ...of]) => of.join(' '))
  const first = await notes({})
  assert.deepEqual(commands(first), ['helm test', 'helm upgrade'])
  const then = await notes(ready)
  assert.deepEqual(commands(then), ['kubectl create', 'kubectl apply'])
  assert.match(then, /className: livekit\b/)
  assert.match(await notes({ crds: { keep: false } }), /deletes the CRDs/)
})

const specOf = (manifest: Manifest): RTCNodeClassSpec =>
  RTCNodeClassKind.spec.parse(manifest['spec']) as RTCNodeClassSpec

// oxlint-disable-next-line typescript/no-explicit-any -- a container, of which one field is read
const sfuOf = ({ podTemplate }: RTCNodeClassSpec): any => (podTemplate.spec['containers'] as object[])[0]
