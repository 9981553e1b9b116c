// The adapter with a trace of each thing that is done to the SFU. Readings are not told: there is one every few seconds.
// Wired up by agent.ts.
import type { Random } from '../ambient/random.ts'
import type { Attributes, Note, Traces } from '../telemetry/traces.ts'
import type { SfuAdapter } from './adapter.ts'

/** `about` is asked each time: what node this is, and which intent it obeys. */
export function tracedAdapter(
  adapter: SfuAdapter,
  { traces, random }: { traces: Traces; random: Random },
  about: () => Attributes,
): SfuAdapter {
  const traced = <T>(what: string, work: (note: Note) => Promise<T>): Promise<T> =>
    traces.reconcile({ name: `agent ${what}`, id: random.uuid(), attributes: about() }, () =>
      traces.call(`sfu ${what}`, { 'rtcnode.adapter': adapter.name }, work),
    )
  const { closeAdmission, openAdmission, notifyDrain } = adapter
  return {
    ...adapter,
    evict: signal =>
      traced('evict', async note => {
        const result = await adapter.evict(signal)
        note({ 'rtcnode.moved': result.moved })
        return result
      }),
    ...(closeAdmission && { closeAdmission: signal => traced('close-admission', () => closeAdmission(signal)) }),
    ...(openAdmission && { openAdmission: signal => traced('open-admission', () => openAdmission(signal)) }),
    ...(notifyDrain && {
      notifyDrain: (notice, signal) => traced('notify-drain', () => notifyDrain(notice, signal)),
    }),
  }
}
