// How long it takes from `helm install` to the first SFU that serves, on real hosts; and what the operator costs there.
import { setTimeout as pause } from 'node:timers/promises'
import { startInstallation } from '../e2e/installation.ts'
import { firstServingAt, toReadyMs } from '../e2e/installation-times.ts'
import type { Benchmark } from './figure.ts'
import { all, seconds } from './statistics.ts'

const IDLE_SECONDS = 60

export const install: Benchmark = {
  name: 'install',
  title: 'Installation',
  method: `The chart on two real hosts (kubelet, containerd, kube-proxy, CoreDNS) that have the images: \`helm install\` with two operators and the embedded registry, then
the pool of examples/ with one LiveKit. The clock runs from the call of Helm, which waits until all is ready, to the first RTCNode that serves. Then both operators are killed: from the
start of their process to ready, as the API server sees it. Memory is the resident set of the operators after ${IDLE_SECONDS} s at rest.`,
  async run(log) {
    await using it = await startInstallation(log)
    const beganAt = Date.now()
    await it.install()
    const installedAt = Date.now()
    await it.applyPool(1)
    await it.until('a node that serves', () => !Number.isNaN(firstServingAt(it.history)))
    const firstMs = firstServingAt(it.history) - beganAt
    log(`helm install ${seconds(installedAt - beganAt)}, first node ${seconds(firstMs)}`)

    const operators = it.pods('operator')
    await Promise.all(operators.map(pod => it.kill(pod)))
    const starts = () => operators.map(pod => toReadyMs(it.history, pod, 1))
    await it.until('the operators to be back', () => starts().every(ms => !Number.isNaN(ms)))
    const slowest = Math.max(...starts())

    await pause(IDLE_SECONDS * 1_000)
    const resident = await Promise.all(it.pods('operator').map(it.residentMiB))
    const largest = Math.max(...resident)
    return {
      figures: [
        { what: 'install → first LiveKit serves', measured: seconds(firstMs), goal: '< 60 s', isMet: firstMs < 60_000 },
        {
          what: 'cold start of an operator to ready',
          measured: seconds(slowest),
          goal: '< 3 s',
          isMet: slowest < 3_000,
        },
        {
          what: 'memory of an operator at rest',
          measured: `${largest} MiB`,
          goal: '< 130 MB',
          isMet: largest * 2 ** 20 < 130e6,
        },
      ],
      details: [
        `\`helm install\` alone: ${seconds(installedAt - beganAt)}. Both cold starts: ${all(starts(), seconds)}; leader and standby at rest: ${resident.join(' and ')} MiB.`,
      ],
    }
  },
}
