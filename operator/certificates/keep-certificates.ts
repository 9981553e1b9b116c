// The Secrets with certificates, made and renewed by an authority of our own. A thin shell: sees, asks decide.ts, writes, and
// sees again until there is nothing left to do. Two at once do no harm: who is overtaken looks again.
import type { X509Certificate } from 'node:crypto'
import { type Clock, type Instant, later, toTimestamp } from '../ambient/clock.ts'
import { objectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import {
  type AuthorityAct,
  type CertificateAct,
  decideAuthority,
  decideCertificate,
  foreignSecret,
  type Rules,
} from './decide.ts'
import { type Identity, identities, type Registry, ROOT } from './identities.ts'
import { CertificatesError, type Problems } from './problems.ts'
import { bundleOf, bundleText, heldAuthority, heldCertificate } from './read.ts'
import type { Entries, Secrets, SeenSecret } from './secrets.ts'
import { issue, makeAuthority, type Pair, type Validity } from './x509.ts'

export interface KeepDeps {
  readonly secrets: Secrets
  readonly clock: Clock
  readonly log: Logger
  /** Told what could not be done, while all else is. */
  readonly problems: Problems
}

/** Nothing needs more looks than these, unless somebody writes against us. */
const MAX_LOOKS = 20
/** Clocks differ: what is made now must be valid for those who are behind. */
const BACKDATED_MS = 3_600_000
const ROOT_MS = 3_600_000

type OurSecret = Extract<SeenSecret, { state: 'ours' }>

/** Gives an identity for the setting up of users, which is kept nowhere. Throws CertificatesError when there is no authority. */
export async function keepCertificates(
  registry: Registry,
  rules: Rules,
  deps: KeepDeps,
): Promise<Pair & { ca: string }> {
  const secret = await keepAuthority(registry, rules, deps)
  const ca = secret.data['ca.crt'] ?? ''
  const authority = signerIn(secret)
  for (const identity of identities(registry)) {
    await deps.problems.collect(() => keepCertificate(identity, secret, rules, deps))
  }
  const now = deps.clock.wall()
  const root = await issue(authority, { commonName: ROOT, hosts: [], ...valid(now, ROOT_MS) })
  return { ...root, ca }
}

/** Resolves with the Secret of an authority that is well. */
async function keepAuthority(registry: Registry, rules: Rules, { secrets, clock, log }: KeepDeps): Promise<OurSecret> {
  const key = objectKey(`${registry.registryName}-ca`, registry.namespace)
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const seen = await secrets.read(key)
    if (seen.state === 'foreign') throw new CertificatesError([foreignSecret(key, seen.because)])
    const now = clock.wall()
    const act = decideAuthority(heldAuthority(seen, now), rules, now)
    if (act !== undefined) {
      const outcome = await secrets.write(key, seen, await authorityEntries(act, seen, registry, rules, now))
      if (outcome === 'written') log.info('authority', { secret: key, ...act })
    } else if (seen.state === 'ours') return seen
  }
  throw new CertificatesError([`Secret ${key} is changed by somebody else again and again`])
}

async function authorityEntries(
  { do: what }: AuthorityAct,
  seen: SeenSecret,
  registry: Registry,
  rules: Rules,
  now: Instant,
): Promise<Entries> {
  const data = seen.state === 'ours' ? seen.data : {}
  const trusted = bundleOf(data['ca.crt']).filter(it => Date.parse(it.validTo) > now)
  if (what === 'prune') return { 'ca.crt': bundleText(trusted) }
  if (what === 'promote') {
    return { 'tls.crt': data['next.crt'] ?? '', 'tls.key': data['next.key'] ?? '', 'next.crt': null, 'next.key': null }
  }
  const made = await makeAuthority(`${registry.registryName} ${toTimestamp(now)}`, valid(now, rules.authorityMs))
  const ca = { 'ca.crt': bundleText([...bundleOf(made.certificate), ...trusted]) }
  return what === 'announce'
    ? { ...ca, 'next.crt': made.certificate, 'next.key': made.key }
    : { ...ca, 'tls.crt': made.certificate, 'tls.key': made.key, 'next.crt': null, 'next.key': null }
}

async function keepCertificate(
  identity: Identity,
  authority: OurSecret,
  rules: Rules,
  { secrets, clock, log }: KeepDeps,
): Promise<void> {
  const trusted = bundleOf(authority.data['ca.crt'])
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const seen = await secrets.read(identity.secret)
    if (seen.state === 'foreign') throw new CertificatesError([foreignSecret(identity.secret, seen.because)])
    const now = clock.wall()
    const held = heldAuthority(authority, now)
    if (held.state !== 'held') throw new CertificatesError(['the authority cannot be used'])
    const act = decideCertificate(identity, heldCertificate(seen, trusted), held, rules, now)
    if (act === undefined) return
    const entries = await certificateEntries(act, authority, trusted, rules, now)
    const outcome = await secrets.write(identity.secret, seen, entries)
    if (outcome === 'written') log.info('certificate', told(act, rules, now))
  }
  throw new CertificatesError([`Secret ${identity.secret} is changed by somebody else again and again`])
}

async function certificateEntries(
  act: CertificateAct,
  authority: OurSecret,
  trusted: readonly X509Certificate[],
  rules: Rules,
  now: Instant,
): Promise<Entries> {
  const ca = { 'ca.crt': bundleText(trusted) }
  if (act.do === 'spread') return ca
  const { commonName, hosts } = act.identity
  const made = await issue(signerIn(authority), { commonName, hosts, ...valid(now, rules.certificateMs) })
  return { ...ca, 'tls.crt': made.certificate, 'tls.key': made.key }
}

const signerIn = ({ data }: OurSecret): Pair => ({ certificate: data['tls.crt'] ?? '', key: data['tls.key'] ?? '' })

const valid = (now: Instant, forMs: number): Validity => ({
  notBefore: later(now, -BACKDATED_MS),
  notAfter: later(now, forMs),
})

const told = ({ do: what, identity, because }: CertificateAct, rules: Rules, now: Instant) => ({
  do: what,
  because,
  secret: identity.secret,
  commonName: identity.commonName,
  ...(what === 'issue' && { expiresAt: toTimestamp(later(now, rules.certificateMs)) }),
})
