// Do the clocks agree: of this machine, of the operator and of the hosts, with the API server's? Deadlines are the API server's, so a
// wrong clock cuts nobody; but certificates, tokens and logs go wrong with it.
import { fromTimestamp } from '../../ambient/clock.ts'
import { counted, listed, spanOf } from '../words.ts'
import { type Check, type Finding, ok, unchecked, warning } from './check.ts'
import type { Evidence } from './evidence.ts'

const REMEDY = 'run NTP (chrony, systemd-timesyncd) there'
/** The Date header has whole seconds, and an answer takes its time. */
const OFF_MS = 5_000
/** A kubelet renews its Lease each 10 s; one that is older may be a slow host as well as a slow clock. */
const [HOST_AHEAD_MS, HOST_BEHIND_MS] = [3_000, 45_000]

export const clocksCheck: Check = {
  name: 'clocks',
  title: 'Clocks',
  judge(evidence) {
    const findings = [...here(evidence), ...ofLeader(evidence), ...ofHosts(evidence)]
    const { aheadMs, lease, hostLeases } = evidence
    const read = [
      ...(aheadMs.known ? ['this machine'] : []),
      ...(lease.known && lease.value?.renewed !== undefined ? ['the leading operator'] : []),
      ...(hostLeases.known ? ['hosts'] : []),
    ]
    const isWell = findings.every(({ level }) => level === 'unchecked') && read.length > 0
    return isWell ? [ok(`not far from the API server’s: ${listed(read)}`), ...findings] : findings
  },
}

const off = (ms: number): string => `${spanOf(Math.abs(ms))} ${ms > 0 ? 'ahead of' : 'behind'} the API server’s`

function here({ aheadMs }: Evidence): Finding[] {
  if (!aheadMs.known) return [unchecked(`the API server does not tell its time: ${aheadMs.because}`)]
  return Math.abs(aheadMs.value) > OFF_MS
    ? [
        warning(
          `the clock of this machine is ${off(aheadMs.value)}`,
          'what this program counts down goes by the API server’s clock; still, run NTP here',
        ),
      ]
    : []
}

/** Seen at the moment of a renewal, the time that the leader wrote is its clock. */
function ofLeader({ lease }: Evidence): Finding[] {
  const renewed = lease.known ? lease.value?.renewed : undefined
  const wroteAt = fromTimestamp(renewed?.lease.spec?.renewTime)
  if (renewed === undefined || wroteAt === undefined) return []
  const ms = wroteAt - renewed.seenAt
  return Math.abs(ms) > OFF_MS ? [warning(`the clock of the leading operator is ${off(ms)}`, REMEDY)] : []
}

function ofHosts({ hostLeases, hosts, now }: Evidence): Finding[] {
  if (!hostLeases.known) return [unchecked(`the clocks of hosts cannot be told: ${hostLeases.because}`)]
  const ready = new Set(
    hosts.known
      ? hosts.value
          .filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'))
          .map(({ metadata }) => metadata.name)
      : [],
  )
  const wrong = hostLeases.value.flatMap(({ metadata, spec }) => {
    const at = fromTimestamp(spec?.renewTime)
    // The Lease of a host that is gone tells nothing.
    if (at === undefined || !ready.has(metadata.name)) return []
    const ms = at - now
    return ms > HOST_AHEAD_MS || ms < -HOST_BEHIND_MS ? [`${metadata.name} (${off(ms)})`] : []
  })
  return wrong.length === 0
    ? []
    : [
        warning(
          `the clocks of ${counted(wrong.length, 'host')} are off, by the Leases of their kubelets: ${listed(wrong)}`,
          REMEDY,
        ),
      ]
}
