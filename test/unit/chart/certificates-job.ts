// The Job of the chart that makes certificates, as its program would understand it. For tests of both.
import assert from 'node:assert/strict'
import { type CertificatesConfig, certificatesSettings } from '../../../operator/certificates/settings.ts'
import { configOf } from '../../../operator/config.ts'
import type { Manifest } from './chart.ts'

export const certificatesJob = (manifests: readonly Manifest[]): Manifest =>
  manifests.find(it => it.kind === 'Job' && it.metadata.name.includes('-certificates-')) ?? assert.fail('no Job')

export const argsOf = (manifest: Manifest): string[] => manifest['spec'].template.spec.containers[0].args

/** `more`: instead of what the chart says. */
export function configOfJob(manifests: readonly Manifest[], more: Record<string, string> = {}): CertificatesConfig {
  const [command, ...flags] = argsOf(certificatesJob(manifests))
  assert.equal(command, 'certificates')
  const given = flags.map(flag => {
    const [, name = '', value = ''] = /^--([a-z-]+)=(.*)$/.exec(flag) ?? assert.fail(flag)
    const camel = name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    assert.ok(camel in certificatesSettings, `${flag} is no setting`)
    return [camel, value]
  })
  return configOf(certificatesSettings, { ...Object.fromEntries(given), ...more }, {})
}
