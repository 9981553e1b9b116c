// What can be traced, and that nothing is unless somebody asks for it. The controllers and the two clients speak to this
// interface; run.ts hands them the one of otlp-traces.ts when there is an endpoint, and the libraries are loaded only then.
import type { MetricDefinition } from './metrics.ts'

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>
/** Adds to the span what was not known when it began. */
export type Note = (more: Attributes) => void

export interface Traces {
  /** One trace: the work with the calls that are made in it. Settles as the work does. */
  reconcile<T>(subject: ReconcileSubject, work: (note: Note) => Promise<T>): Promise<T>
  /** A span in the trace of the reconcile that makes this call; outside of one it is not told of. Settles as the work does. */
  call<T>(name: string, attributes: Attributes, work: (note: Note) => Promise<T>): Promise<T>
  /** Sends what is left. Never rejects, and takes 2 s at most. */
  close(): Promise<void>
}

export interface ReconcileSubject {
  readonly name: string
  /** A UUID; without its hyphens it is the ID of the trace. */
  readonly id: string
  readonly attributes: Attributes
}

export const notNoted: Note = () => {}

export const noTraces: Traces = {
  reconcile: (_subject, work) => work(notNoted),
  call: (_name, _attributes, work) => work(notNoted),
  close: async () => {},
}

export const traceMetricTable = {
  rtcnode_trace_spans_total: {
    kind: 'counter',
    help: 'Spans by what became of them: sent, or lost because the endpoint did not take them. None without `tracesEndpoint`.',
    labels: ['result'],
  },
} as const satisfies Record<string, MetricDefinition>
