// What the Secrets hold, as facts to decide by. Whatever cannot be read, or does not fit together, is unusable and said so;
// nothing here throws.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type Instant, instant } from '../ambient/clock.ts'
import type { Authority, Certificate, HeldAuthority, HeldCertificate } from './decide.ts'
import { canonicalHost } from './hosts.ts'
import type { SeenSecret } from './secrets.ts'

/** What is in `ca.crt`: one certificate or more. Those that cannot be read are left out. */
export const bundleOf = (pem = ''): readonly X509Certificate[] =>
  [...pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].flatMap(([text]) => {
    try {
      return [new X509Certificate(text)]
    } catch {
      return []
    }
  })

/** As `ca.crt`: each once, in an order that does not depend on who is first. */
export function bundleText(certificates: readonly X509Certificate[]): string {
  const byId = new Map(certificates.map(it => [it.fingerprint256, it]))
  return [...byId.keys()]
    .toSorted()
    .map(id => byId.get(id)?.toString() ?? '')
    .join('')
}

export function heldAuthority(secret: SeenSecret, now: Instant): HeldAuthority {
  if (secret.state !== 'ours') return secret
  const { data } = secret
  const current = readPair(data['tls.crt'], data['tls.key'])
  if (typeof current === 'string') return { state: 'unusable', because: current }
  const next = readPair(data['next.crt'], data['next.key'])
  const trusted = bundleOf(data['ca.crt'])
  return {
    state: 'held',
    current: authorityOf(current),
    ...(typeof next === 'string' ? {} : { next: authorityOf(next) }),
    trusted: trusted.map(it => it.fingerprint256),
    ended: trusted.filter(it => Date.parse(it.validTo) <= now).map(it => it.fingerprint256),
  }
}

/** `authorities`: those that may have signed it. */
export function heldCertificate(secret: SeenSecret, authorities: readonly X509Certificate[]): HeldCertificate {
  if (secret.state !== 'ours') return secret
  const { data } = secret
  const found = readPair(data['tls.crt'], data['tls.key'])
  if (typeof found === 'string') return { state: 'unusable', because: found }
  const signer = authorities.find(it => found.checkIssued(it) && found.verify(it.publicKey))
  const trusted = bundleOf(data['ca.crt']).map(it => it.fingerprint256)
  return { state: 'held', certificate: certificateOf(found, signer), trusted }
}

/** The certificate, when the key is its own; else what is wrong. */
function readPair(certificate: string | undefined, key: string | undefined): X509Certificate | string {
  if (certificate === undefined || key === undefined) return 'it is not complete'
  try {
    const found = new X509Certificate(certificate)
    return found.checkPrivateKey(createPrivateKey(key)) ? found : 'its key belongs to another certificate'
  } catch {
    return 'it cannot be read'
  }
}

const authorityOf = ({ fingerprint256, validFrom, validTo }: X509Certificate): Authority => ({
  id: fingerprint256,
  notBefore: instant(Date.parse(validFrom)),
  notAfter: instant(Date.parse(validTo)),
})

const certificateOf = (found: X509Certificate, signer: X509Certificate | undefined): Certificate => ({
  commonName: /^CN=(.*)$/m.exec(found.subject)?.[1] ?? '',
  hosts: hostsOf(found.subjectAltName),
  notAfter: instant(Date.parse(found.validTo)),
  signedBy: signer?.fingerprint256,
})

const hostsOf = (alternatives = ''): string[] =>
  alternatives.split(', ').flatMap(text => {
    const host = /^(?:DNS|IP Address):(.+)$/.exec(text)?.[1]
    return host === undefined ? [] : [canonicalHost(host)]
  })
