// With cert-manager: it makes and renews all certificates in the registry's namespace, because an issuer in a namespace of SFUs
// would let SFUs sign for each other. Here each SFU namespace is handed its own.
import { objectKey } from '../api/meta.ts'
import { foreignSecret } from './decide.ts'
import type { Registry } from './identities.ts'
import type { KeepDeps } from './keep-certificates.ts'
import { CertificatesError } from './problems.ts'
import type { Secrets } from './secrets.ts'
import type { Pair } from './x509.ts'

const parts = ['ca.crt', 'tls.crt', 'tls.key'] as const
type Complete = Readonly<Record<(typeof parts)[number], string>>

/** Gives the identity for the setting up of users. Throws CertificatesError when cert-manager has not made it. */
export async function handOnCertificates(
  registry: Registry,
  { secrets, log, problems }: Omit<KeepDeps, 'clock'>,
): Promise<Pair & { ca: string }> {
  const { namespace, registryName, sfuNamespaces, sfuSecret } = registry

  async function issued(name: string): Promise<Complete> {
    const key = objectKey(`${registryName}-${name}`, namespace)
    const data = await secrets.readAny(key)
    const missing = parts.filter(part => !data?.[part])
    if (data === undefined || missing.length > 0) {
      throw new CertificatesError([
        `Secret ${key} has no ${missing.join(', ')}: look at the Certificate of that name, cert-manager makes it`,
      ])
    }
    return { 'ca.crt': data['ca.crt'] ?? '', 'tls.crt': data['tls.crt'] ?? '', 'tls.key': data['tls.key'] ?? '' }
  }

  for (const sfus of sfuNamespaces) {
    await problems.collect(async () => {
      const target = objectKey(sfuSecret, sfus)
      if (await keepSame(secrets, target, await issued(`sfu-${sfus}`))) log.info('handed on', { secret: target })
    })
  }
  const root = await issued('root')
  return { certificate: root['tls.crt'], key: root['tls.key'], ca: root['ca.crt'] }
}

/** False when it was the same already, or somebody else is writing it: then it is looked at again at the next run. */
async function keepSame(secrets: Secrets, target: ReturnType<typeof objectKey>, wanted: Complete): Promise<boolean> {
  const seen = await secrets.read(target)
  if (seen.state === 'foreign') throw new CertificatesError([foreignSecret(target, seen.because)])
  if (seen.state === 'ours' && parts.every(part => seen.data[part] === wanted[part])) return false
  return (await secrets.write(target, seen, wanted)) === 'written'
}
