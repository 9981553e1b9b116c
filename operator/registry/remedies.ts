// Why the registry cannot be reached or says no, for whoever has to mend it: gRPC and OpenSSL tell what happened on the
// wire, this table what that means here. Used by connection.ts for the messages of its errors.
import type { Instant } from '../ambient/clock.ts'
import { toTimestamp } from '../ambient/clock.ts'
import type { ClientCertificate } from './tls-files.ts'

export interface Meeting {
  readonly endpoints: readonly string[]
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly certificate: ClientCertificate | undefined
  readonly now: Instant
}

type Words = (at: Meeting) => string

const where: Words = ({ endpoints }) => endpoints.join(', ')
const whoWeAre: Words = ({ certificate, certFile }) =>
  certificate === undefined ? 'we show no certificate' : `we show ${certFile}, issued to “${certificate.commonName}”`

/** The first that matches speaks. */
const remedies: readonly (readonly [sign: RegExp, words: Words])[] = [
  [
    /permission denied|user name is empty|user name not found|invalid user ID/i,
    at => `${whoWeAre(at)}: it has no right to do this`,
  ],
  [
    /database space exceeded/i,
    at => `the registry at ${where(at)} is full and takes no heartbeats: docs/operations.md`,
  ],
  [/certificate is not yet valid/i, () => 'the certificate of the registry is not valid yet: compare the clocks'],
  [
    /unsuitable certificate purpose/i,
    at => `what answers at ${where(at)} is not the registry: it shows the certificate of a client`,
  ],
  [/certificate has expired/i, () => 'the certificate of the registry has expired and must be renewed'],
  [
    /altnames|does not match certificate/i,
    at => `the certificate of the registry is for another address than ${where(at)}`,
  ],
  [
    /self.signed certificate|unable to (get|verify)|signature failure|unknown authority/i,
    at => `the certificate of the registry was not issued by the authority in ${at.caFile ?? 'the system'}`,
  ],
  [
    /alert|ECONNRESET|socket disconnected|EPIPE|EPROTO|Failed to connect/i,
    at =>
      `the registry hangs up while we greet each other: ${whoWeAre(at)}; perhaps it trusts another authority, or speaks ${at.caFile === undefined ? 'only TLS' : 'no TLS'}`,
  ],
  [/wrong version number|packet length too long/i, at => `what answers at ${where(at)} speaks no TLS`],
  [/ECONNREFUSED/, at => `nothing listens at ${where(at)}`],
  [/ENOTFOUND|EAI_AGAIN|name resolution/i, at => `there is no such host as in ${where(at)}`],
  [
    /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|no answer within|deadline/i,
    at => `${where(at)} does not answer: it is down, or a network policy is in between`,
  ],
]

/** A sentence to put behind the error's own words; undefined when they say it all. */
export function remedyFor(message: string, at: Meeting): string | undefined {
  return ownFault(message, at) ?? remedies.find(([sign]) => sign.test(message))?.[1](at)
}

/** An expired certificate of ours shows as a connection that is reset, which says nothing. */
function ownFault(message: string, { certificate, certFile, now }: Meeting): string | undefined {
  if (certificate === undefined || /permission denied/i.test(message)) return undefined
  const { notBefore, notAfter } = certificate
  if (now > notAfter) return `our certificate ${certFile} has expired at ${toTimestamp(notAfter)} and must be renewed`
  if (now < notBefore)
    return `our certificate ${certFile} is valid from ${toTimestamp(notBefore)} on: compare the clocks`
  return undefined
}
