// What goes wrong in a simulated world, and when. Pure data, written by workloads; the world asks what holds in a step.

export type Fault =
  /** Beats of this share of the nodes do not arrive, or arrive as something that is no heartbeat. */
  | { readonly kind: 'silent'; readonly from: number; readonly to: number; readonly share: number }
  /** The registry, and whatever others take their metrics from, is out of sight. */
  | { readonly kind: 'registry'; readonly from: number; readonly to: number }
  /** Joins take so many times as long, for a reason that has nothing to do with load. */
  | { readonly kind: 'latency'; readonly from: number; readonly to: number; readonly factor: number }
  /** In an hour this share of the hosts is told that it goes after the notice. */
  | {
      readonly kind: 'hosts'
      readonly from: number
      readonly to: number
      readonly sharePerHour: number
      readonly noticeSeconds: number
    }

export interface Faulty {
  readonly silentShare: number
  readonly registryIsOut: boolean
  readonly latencyFactor: number
  readonly hostWarnings: readonly Extract<Fault, { kind: 'hosts' }>[]
}

const sound: Faulty = { silentShare: 0, registryIsOut: false, latencyFactor: 1, hostWarnings: [] }

/** What holds in a step; `from` belongs to a fault, `to` does not. */
export function faultsAt(faults: readonly Fault[], step: number): Faulty {
  const active = faults.filter(({ from, to }) => step >= from && step < to)
  if (active.length === 0) return sound
  return {
    silentShare: Math.max(0, ...active.map(it => (it.kind === 'silent' ? it.share : 0))),
    registryIsOut: active.some(({ kind }) => kind === 'registry'),
    latencyFactor: active.reduce((factor, it) => (it.kind === 'latency' ? factor * it.factor : factor), 1),
    hostWarnings: active.filter(it => it.kind === 'hosts'),
  }
}
