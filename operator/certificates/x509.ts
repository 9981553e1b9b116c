// Makes keys and certificates: an authority, and what it signs. Elliptic curves (P-256), which every TLS of today takes.
// Loaded only by `rtcnode certificates`, because its library is large.
// oxlint-disable-next-line no-unassigned-import -- the x509 library refuses to load without it
import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import type { Instant } from '../ambient/clock.ts'

/** A certificate and its key, as PEM. */
export interface Pair {
  readonly certificate: string
  readonly key: string
}

export interface Validity {
  readonly notBefore: Instant
  readonly notAfter: Instant
}

export async function makeAuthority(name: string, validity: Validity): Promise<Pair> {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    ...datesOf(validity),
    signingAlgorithm,
    extensions: [
      // It signs certificates of holders, and no further authorities.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return pairOf(certificate, keys)
}

export interface Holder extends Validity {
  readonly commonName: string
  /** DNS names and IP addresses. With some it is the certificate of a server, which may call its like. */
  readonly hosts: readonly string[]
}

export async function issue(authority: Pair, holder: Holder): Promise<Pair> {
  const issuer = new x509.X509Certificate(authority.certificate)
  const keys = await generateKeys()
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [holder.commonName] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    ...datesOf(holder),
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // A client's certificate must not pass for the registry.
      new x509.ExtendedKeyUsageExtension(holder.hosts.length > 0 ? [serverAuth, clientAuth] : [clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(holder.hosts.length > 0 ? [new x509.SubjectAlternativeNameExtension(holder.hosts.map(nameOf))] : []),
    ],
  })
  return pairOf(certificate, keys)
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }

const generateKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(pem)
  if (der === undefined) throw new Error('the key of the authority is no PEM')
  return crypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign'])
}

const datesOf = ({ notBefore, notAfter }: Validity) => ({
  notBefore: new Date(notBefore),
  notAfter: new Date(notAfter),
})

const nameOf = (host: string): x509.JsonGeneralName => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host })

async function pairOf(certificate: x509.X509Certificate, { privateKey }: webcrypto.CryptoKeyPair): Promise<Pair> {
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY')
  return { certificate: `${certificate.toString('pem')}\n`, key: `${key}\n` }
}
