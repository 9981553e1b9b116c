// Writes a kubeconfig with everything inside it, for one identity against one API server.
import { writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import type { Identity } from './certificates.ts'

/** How to reach an API server, and as whom. */
export interface Access {
  server: string
  authorityPem: string
  identity: Identity
}

/** Writes the file, readable by its owner only, and gives its path. */
export function writeKubeconfig(path: string, { server, authorityPem, identity }: Access): string {
  const base64 = (pem: string) => Buffer.from(pem).toString('base64')
  const name = 'rtcnode-test'
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(authorityPem) } }],
    users: [
      {
        name,
        user: {
          'client-certificate-data': base64(identity.certificatePem),
          'client-key-data': base64(identity.keyPem),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  }
  writeFileSync(path, stringify(config), { mode: 0o600 })
  return path
}
