// What must be made or renewed now. All the judgement about certificates, and no I/O: called by keep-certificates.ts with
// what it found, until there is nothing left to do. So it does not matter where an earlier run was stopped.
import type { Instant } from '../ambient/clock.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { Identity } from './identities.ts'

export interface Rules {
  readonly certificateMs: number
  /** A certificate with less time left is renewed. */
  readonly renewMs: number
  readonly authorityMs: number
  readonly renewAuthorityMs: number
  /** So long a new authority is trusted by all before it signs anything: time for everybody to hear of it. */
  readonly overlapMs: number
}

const DAY_MS = 24 * 3_600_000

export const rulesOf = (certificateDays: number, renewDays: number): Rules => ({
  certificateMs: certificateDays * DAY_MS,
  renewMs: renewDays * DAY_MS,
  authorityMs: 3_650 * DAY_MS,
  renewAuthorityMs: 365 * DAY_MS,
  overlapMs: DAY_MS,
})

/** `id` is the fingerprint: two with the same are the same. */
export interface Authority {
  readonly id: string
  readonly notBefore: Instant
  readonly notAfter: Instant
}

export interface Certificate {
  readonly commonName: string
  readonly hosts: readonly string[]
  readonly notAfter: Instant
  /** The authority that signed it; undefined when it is none of those we know. */
  readonly signedBy: string | undefined
}

/** What a Secret of ours holds. `because`: why what is there cannot be used. */
export type Held<T> =
  | { readonly state: 'absent' }
  | { readonly state: 'foreign'; readonly because: string }
  | { readonly state: 'unusable'; readonly because: string }
  | ({ readonly state: 'held' } & T)

export type HeldAuthority = Held<{
  readonly current: Authority
  /** Trusted already, and to sign from the next step on. */
  readonly next?: Authority
  /** Ids of all that are to be trusted. */
  readonly trusted: readonly string[]
  /** Those of them whose time is over. */
  readonly ended: readonly string[]
}>

export type HeldCertificate = Held<{ readonly certificate: Certificate; readonly trusted: readonly string[] }>

export type AuthorityAct =
  /** A new one that signs at once: nobody trusts another. */
  | { readonly do: 'found'; readonly because: string }
  /** A new one that is trusted beside the current one. */
  | { readonly do: 'announce'; readonly because: string }
  /** The announced one signs from now on; the former stays trusted. */
  | { readonly do: 'promote'; readonly because: string }
  /** Those that have ended are trusted no more. */
  | { readonly do: 'prune'; readonly because: string }

/** What to do about the authority; undefined when it is well. `foreign` is no question of this function. */
export function decideAuthority(held: HeldAuthority, rules: Rules, now: Instant): AuthorityAct | undefined {
  if (held.state === 'foreign') return undefined
  if (held.state === 'absent') return { do: 'found', because: 'there is none' }
  if (held.state === 'unusable') return { do: 'found', because: held.because }
  const { current, next, ended } = held
  const isUsable = next !== undefined && next.notAfter > now
  if (current.notAfter <= now && !isUsable) return { do: 'found', because: 'the former one has ended' }
  if (isUsable && (now >= next.notBefore + rules.overlapMs || current.notAfter <= now))
    return { do: 'promote', because: 'everybody trusts it by now' }
  if (!isUsable && current.notAfter - now < rules.renewAuthorityMs)
    return { do: 'announce', because: 'the current one comes to its end' }
  if (ended.length > 0) return { do: 'prune', because: 'their time is over' }
  return undefined
}

export type CertificateAct =
  | { readonly do: 'issue'; readonly identity: Identity; readonly because: string }
  /** The certificate stays, those to be trusted have changed. */
  | { readonly do: 'spread'; readonly identity: Identity; readonly because: string }

/** What to do about one certificate, of an authority that is well. */
export function decideCertificate(
  identity: Identity,
  held: HeldCertificate,
  authority: Extract<HeldAuthority, { state: 'held' }>,
  rules: Rules,
  now: Instant,
): CertificateAct | undefined {
  if (held.state === 'foreign') return undefined
  const because = reasonToIssue(identity, held, authority.current, rules, now)
  if (because !== undefined) return { do: 'issue', identity, because }
  const isSpread = held.state === 'held' && sameSet(held.trusted, authority.trusted)
  return isSpread ? undefined : { do: 'spread', identity, because: 'other authorities are to be trusted' }
}

function reasonToIssue(
  { commonName, hosts }: Identity,
  held: Exclude<HeldCertificate, { state: 'foreign' }>,
  current: Authority,
  rules: Rules,
  now: Instant,
): string | undefined {
  if (held.state === 'absent') return 'there is none'
  if (held.state === 'unusable') return held.because
  const { certificate } = held
  if (certificate.signedBy !== current.id) return 'another authority signs now'
  if (certificate.commonName !== commonName) return `it is issued to ${certificate.commonName}`
  if (!sameSet(certificate.hosts, hosts)) return 'the registry has other addresses now'
  if (certificate.notAfter <= now) return 'it has expired'
  if (certificate.notAfter - now < rules.renewMs) return 'it expires soon'
  return undefined
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every(item => b.includes(item))

/** One line a Secret that somebody else has made, with what to do. */
export const foreignSecret = (secret: ObjectKey, because: string): string =>
  `Secret ${secret} ${because}: delete or rename it, it is not overwritten`
