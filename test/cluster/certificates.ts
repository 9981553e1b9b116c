// X.509 identities of a test cluster, signed by an authority made for it: servers, clients by common name and
// organizations, and the key that signs service account tokens.
// oxlint-disable-next-line no-unassigned-import -- the x509 library refuses to load without it
import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

export interface Identity {
  certificatePem: string
  keyPem: string
}

export interface IdentityRequest {
  commonName: string
  /** Kubernetes reads them as the groups of a client. */
  organizations?: string[]
  /** DNS names and IP addresses: makes it a server's certificate. */
  hosts?: string[]
}

export interface CertificateAuthority {
  certificatePem: string
  issue(request: IdentityRequest): Promise<Identity>
}

export async function createAuthority(authorityName: string): Promise<CertificateAuthority> {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [authorityName] }],
    keys,
    ...validity(),
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })

  async function issue({ commonName, organizations = [], hosts = [] }: IdentityRequest): Promise<Identity> {
    const leaf = await generateKeys()
    const organization = organizations.map(name => ({ O: [name] }))
    const issued = await x509.X509CertificateGenerator.create({
      subject: [...organization, { CN: [commonName] }],
      issuer: certificate.subject,
      publicKey: leaf.publicKey,
      signingKey: keys.privateKey,
      ...validity(),
      signingAlgorithm,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        // etcd's own gateway dials etcd with the server certificate, so that one must do as a client's too.
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ...(hosts.length > 0 ? [new x509.SubjectAlternativeNameExtension(hosts.map(generalName))] : []),
      ],
    })
    return { certificatePem: issued.toString('pem'), keyPem: await exportPem('pkcs8', leaf.privateKey) }
  }

  return { certificatePem: certificate.toString('pem'), issue }
}

/** A bare key pair, as the API server signs and checks service account tokens with. */
export async function createSigningKey(): Promise<{ privatePem: string; publicPem: string }> {
  const keys = await generateKeys()
  return { privatePem: await exportPem('pkcs8', keys.privateKey), publicPem: await exportPem('spki', keys.publicKey) }
}

/** Writes `<name>.crt` and `<name>.key` into `folder` (made if missing) and gives their paths. */
export function writeIdentity(folder: string, name: string, identity: Identity): { cert: string; key: string } {
  return {
    cert: writePem(folder, `${name}.crt`, identity.certificatePem),
    key: writePem(folder, `${name}.key`, identity.keyPem),
  }
}

export function writePem(folder: string, file: string, pem: string): string {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, file)
  writeFileSync(path, pem, { mode: 0o600 })
  return path
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }

const generateKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])

/** Valid since yesterday: fault tests set clocks back. */
function validity(): { notBefore: Date; notAfter: Date } {
  const dayMs = 24 * 3_600_000
  return { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + 365 * dayMs) }
}

const generalName = (host: string): x509.JsonGeneralName => ({ type: isIP(host) ? 'ip' : 'dns', value: host })

async function exportPem(format: 'pkcs8' | 'spki', key: webcrypto.CryptoKey): Promise<string> {
  const tag = format === 'pkcs8' ? 'PRIVATE KEY' : 'PUBLIC KEY'
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey(format, key), tag)}\n`
}
