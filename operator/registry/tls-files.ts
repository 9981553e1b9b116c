// The PEM files that an encrypted connection to the registry is made with, read as one set, and what our certificate says
// of us. Used by connection.ts.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Instant, instant } from '../ambient/clock.ts'

export interface TlsPaths {
  readonly caFile: string
  readonly certFile?: string
  readonly keyFile?: string
}

export interface TlsFiles {
  readonly ca: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

/** As whom the registry knows us, and from when until when. */
export interface ClientCertificate {
  readonly commonName: string
  readonly notBefore: Instant
  readonly notAfter: Instant
}

/** Throws when a file cannot be read. */
export function readTls({ caFile, certFile, keyFile }: TlsPaths): TlsFiles {
  return {
    ca: readFileSync(caFile),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  }
}

export const sameTls = (a: TlsFiles, b: TlsFiles): boolean =>
  a.ca.equals(b.ca) && sameBytes(a.cert, b.cert) && sameBytes(a.key, b.key)

const sameBytes = (a: Buffer | undefined, b: Buffer | undefined): boolean => (a && b ? a.equals(b) : a === b)

/** Undefined without a certificate of ours. Throws when the file holds none. */
export function clientCertificateOf({ cert }: TlsFiles): ClientCertificate | undefined {
  if (cert === undefined) return undefined
  const { subject, validFrom, validTo } = new X509Certificate(cert)
  return {
    commonName: /^CN=(.*)$/m.exec(subject)?.[1] ?? '',
    notBefore: instant(Date.parse(validFrom)),
    notAfter: instant(Date.parse(validTo)),
  }
}
