// What of the kernels of hosts hurts media over UDP, as far as it can be known without a privileged pod: what SFUs themselves log when
// they start. The rest is named, with how to look.
import { counted, listed } from '../words.ts'
import { type Check, note, ok, unchecked, warning } from './check.ts'
import type { Evidence, SfuLog } from './evidence.ts'

/** As LiveKit suggests: bursts of key frames must fit. */
export const RECEIVE_BUFFER_BYTES = 5_000_000
const BUFFER = `sysctl -w net.core.rmem_max=${RECEIVE_BUFFER_BYTES} net.core.wmem_max=${RECEIVE_BUFFER_BYTES}`

export const hostsCheck: Check = {
  name: 'hosts',
  title: 'Kernels of hosts, for UDP',
  judge(evidence) {
    const small = evidence.sfuLogs.flatMap(log => {
      const bytes = smallBuffer(log)
      return bytes === undefined ? [] : [{ host: log.host, bytes }]
    })
    const read = evidence.sfuLogs.filter(({ lines }) => lines.known)
    return [
      ...small.map(({ host, bytes }) =>
        warning(
          `host ${host}: an SFU got a UDP receive buffer of ${bytes} bytes only, so bursts of media are dropped`,
          `on the host, and for good in /etc/sysctl.d: ${BUFFER}; then replace its SFUs, a buffer is as large as when it was made`,
        ),
      ),
      ...(small.length === 0 && read.length > 0
        ? [ok(`no SFU on ${counted(read.length, 'host')} complained of its UDP buffers when it started`)]
        : []),
      ...kernels(evidence),
      unchecked(
        `not to be seen without a privileged pod: ${uncheckedLimits(evidence)}`,
        'to look: kubectl debug node/HOST -it --profile=sysadmin --image=busybox -- chroot /host sysctl net.core.rmem_max net.core.netdev_max_backlog net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_count',
      ),
      ...logsNotRead(evidence),
    ]
  },
}

/** What LiveKit logs when it starts: the size it got, doubled as the kernel does. */
export function smallBuffer({ lines }: SfuLog): number | undefined {
  if (!lines.known) return undefined
  for (const line of lines.value) {
    const [, bytes] = /UDP receive buffer is too small.*?"?current"?\s*[:=]\s*(\d+)/.exec(line) ?? []
    if (bytes !== undefined) return Number(bytes)
  }
  return undefined
}

const limits = [
  'net.core.rmem_max of hosts without an SFU that tells',
  'net.core.netdev_max_backlog',
  'rings of network cards',
]

/** Only with the pod network does each flow pass connection tracking. */
function uncheckedLimits({ classes }: Evidence): string {
  const usesPodNetwork = !classes.known || classes.value.some(({ spec }) => spec.network.mode === 'PodNetwork')
  return listed([
    ...limits,
    ...(usesPodNetwork ? ['net.netfilter.nf_conntrack_max, which flows to SFUs in the pod network fill'] : []),
  ])
}

function kernels({ hosts, nodes }: Evidence) {
  if (!hosts.known || !nodes.known) return []
  const used = new Set(nodes.value.map(({ status }) => status?.nodeName))
  const versions = new Set(
    hosts.value
      .filter(({ metadata }) => used.has(metadata.name))
      .map(({ status }) => status?.nodeInfo?.kernelVersion)
      .filter(version => version !== undefined && version !== ''),
  )
  return versions.size > 1 ? [note(`hosts with SFUs run different kernels: ${listed([...versions] as string[])}`)] : []
}

function logsNotRead({ sfuLogs }: Evidence) {
  const [first, ...more] = sfuLogs.flatMap(({ pod, lines }) => (lines.known ? [] : [`${pod}: ${lines.because}`]))
  if (first === undefined) return []
  return [unchecked(`logs of SFUs could not be read: ${first}${more.length === 0 ? '' : `; and ${more.length} more`}`)]
}
