// Traces over OTLP/HTTP. Loaded by run.ts only when there is an endpoint for them. An endpoint that is down, slow or wrong
// costs spans, some memory up to a bound, and one line in the log.
import { AsyncLocalStorage } from 'node:async_hooks'
import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type IdGenerator, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import type { Logger } from './log.ts'
import type { MetricsOf } from './metrics.ts'
import type { Attributes, Traces, traceMetricTable } from './traces.ts'

export interface TracesOptions {
  /** An http or https URL; without a path it is that of the protocol, `/v1/traces`. */
  readonly endpoint: string
  /** As collectors group by it. */
  readonly service: string
  readonly version: string
  /** Of this process among those of the service. */
  readonly identity: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: MetricsOf<typeof traceMetricTable>
}

/** In a second at most so many traces begin: ten thousand nodes that all change at once are no reason to drown a collector. */
export const TRACES_PER_SECOND = 50
/** About 4 MB. What comes while it is full is lost. */
const MOST_SPANS_WAITING = 2_048
const SEND_EVERY_MS = 2_000
const SEND_WITHIN_MS = 3_000
const CLOSE_WITHIN_MS = 2_000
const LONGEST_TEXT = 1_000

/** A reconcile under way. Its span begins with the first call: of looks at objects that need nothing there would be thousands. */
interface UnderWay {
  /** Undefined when too many traces began in this second. */
  begun(): Span | undefined
  /** By one clock for all spans of a trace, so that they lie within each other. */
  now(): number
  isOver: boolean
}

export function otlpTraces(options: TracesOptions): Traces {
  const { clock, random } = options
  const ids = traceIds(random)
  const processor = new BatchSpanProcessor({
    exporter: watched(new OTLPTraceExporter({ url: urlOf(options.endpoint), timeoutMillis: SEND_WITHIN_MS }), options),
    maxQueueSize: MOST_SPANS_WAITING,
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: SEND_WITHIN_MS,
  })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.service,
      'service.version': options.version,
      'service.instance.id': options.identity,
    }),
    idGenerator: ids,
    spanLimits: { attributeValueLengthLimit: LONGEST_TEXT },
    spanProcessors: [processor],
  })
  const tracer = provider.getTracer('rtcnode')
  const mayBegin = upTo(TRACES_PER_SECOND, clock)
  const underWay = new AsyncLocalStorage<UnderWay>()

  return {
    async reconcile({ name, id, attributes }, work) {
      const wall = clock.wall()
      const startedAt = clock.monotonic()
      const now = (): number => wall + (clock.monotonic() - startedAt)
      const noted: Record<string, Attributes[string]> = {}
      let span: Span | undefined
      let isLeftOut = false
      const begun = (): Span | undefined => {
        if (span !== undefined || isLeftOut) return span
        isLeftOut = !mayBegin()
        if (isLeftOut) return undefined
        ids.next(id)
        span = tracer.startSpan(name, { root: true, attributes, startTime: wall }, ROOT_CONTEXT)
        return span
      }
      const it: UnderWay = { begun, now, isOver: false }
      try {
        return await underWay.run(it, () => work(more => Object.assign(noted, more)))
      } catch (error) {
        fail(begun(), error, now())
        throw error
      } finally {
        // What it has set going, such as events that are told later, is not part of it any more.
        it.isOver = true
        span?.setAttributes(noted).end(now())
      }
    },
    async call(name, attributes, work) {
      const it = underWay.getStore()
      const above = it === undefined || it.isOver ? undefined : it.begun()
      if (it === undefined || above === undefined) return work(() => {})
      const begin = { kind: SpanKind.CLIENT, attributes, startTime: it.now() }
      const span = tracer.startSpan(name, begin, trace.setSpan(ROOT_CONTEXT, above))
      try {
        return await work(more => span.setAttributes(more))
      } catch (error) {
        fail(span, error, it.now())
        throw error
      } finally {
        span.end(it.now())
      }
    },
    async close() {
      const late = Promise.withResolvers<void>()
      const cancel = clock.after(CLOSE_WITHIN_MS, late.resolve)
      await Promise.race([provider.shutdown().catch(() => {}), late.promise])
      cancel()
    },
  }
}

function fail(span: Span | undefined, error: unknown, at: number): void {
  const told = error instanceof Error ? error : new Error(String(error))
  span?.recordException(told, at)
  span?.setStatus({ code: SpanStatusCode.ERROR, message: told.message.slice(0, LONGEST_TEXT) })
}

function urlOf(endpoint: string): string {
  const url = new URL(endpoint)
  if (url.pathname === '/') url.pathname = '/v1/traces'
  return url.href
}

/** The library asks for the ID of a trace while its first span begins: it is given that of the reconcile, which the log has too. */
function traceIds(random: Random): IdGenerator & { next(id: string): void } {
  const hex = (uuid: string): string => uuid.replaceAll('-', '')
  let traceId = hex(random.uuid())
  return {
    next: id => void (traceId = hex(id)),
    generateTraceId: () => traceId,
    generateSpanId: () => hex(random.uuid()).slice(-16),
  }
}

function upTo(most: number, clock: Clock): () => boolean {
  let since = clock.monotonic()
  let count = 0
  return () => {
    if (clock.monotonic() - since >= 1_000) {
      since = clock.monotonic()
      count = 0
    }
    count += 1
    return count <= most
  }
}

/** Counts, and complains once of an endpoint that does not take them, however long it does not. */
function watched(exporter: SpanExporter, { endpoint, log, metrics }: TracesOptions): SpanExporter {
  // A URL may hold a password.
  const where = new URL(endpoint).host
  let areTaken = true
  for (const result of ['sent', 'lost']) metrics.rtcnode_trace_spans_total.inc({ result }, 0)
  return {
    export(spans, settle) {
      exporter.export(spans, outcome => {
        const { error } = outcome
        metrics.rtcnode_trace_spans_total.inc({ result: error === undefined ? 'sent' : 'lost' }, spans.length)
        if (error !== undefined && areTaken) log.warn('traces are not taken, and lost', { endpoint: where, error })
        if (error === undefined && !areTaken) log.info('traces are taken again', { endpoint: where })
        areTaken = error === undefined
        settle(outcome)
      })
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  }
}
