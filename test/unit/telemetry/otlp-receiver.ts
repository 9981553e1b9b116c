// A collector for tests: takes OTLP over HTTP on the loopback and shows the spans as data. It reads the few fields of the
// protocol that tests ask for (opentelemetry-proto, trace/v1 and common/v1).
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import protobuf from 'protobufjs'
import { until } from '../../cluster/until.ts'

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
    repeated KeyValue attributes = 9; repeated Event events = 11; Status status = 15;
  }
  message Event { string name = 2; repeated KeyValue attributes = 3; }
  message Status { string message = 2; int32 code = 3; }
  message KeyValue { string key = 1; Value value = 2; }
  message Value { oneof value { string text = 1; bool truth = 2; int64 number = 3; double fraction = 4; } }
`)
const Request = root.lookupType('Request')

type Attributes = Readonly<Record<string, string | number | boolean>>

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Attributes
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[]
  /** What went wrong; undefined when nothing did. */
  readonly failure: string | undefined
  readonly resource: Attributes
}

export interface OtlpReceiver extends AsyncDisposable {
  /** Without a path. */
  readonly url: string
  readonly spans: readonly ReceivedSpan[]
  /** Of the requests, each as `METHOD path`. */
  readonly requests: readonly string[]
  /** Resolves with what `found` gives as soon as it gives something. */
  expect<T extends object>(what: string, found: (spans: readonly ReceivedSpan[]) => T | undefined): Promise<T>
  /** Connections are refused until `open`. */
  close(): Promise<void>
  open(): Promise<void>
  /** From now on requests are answered with it; undefined: never. Default 200. */
  answer(status: number | undefined): void
}

export async function otlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const requests: string[] = []
  let status: number | undefined = 200
  let port = 0
  let server: Server | undefined

  async function open(): Promise<void> {
    const opened = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`)
      void buffer(request).then(body => {
        if (status === undefined) return
        if (status === 200) spans.push(...spansIn(body))
        response.writeHead(status).end()
      })
    })
    await new Promise<void>((resolve, reject) => opened.once('error', reject).listen(port, '127.0.0.1', resolve))
    port = (opened.address() as AddressInfo).port
    server = opened
  }

  async function close(): Promise<void> {
    const closing = server
    server = undefined
    if (closing === undefined) return
    const closed = new Promise(resolve => closing.close(resolve))
    closing.closeAllConnections()
    await closed
  }

  await open()
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    requests,
    expect: (what, found) =>
      until(what, () => found(spans), { withinMs: 30_000 }).catch((error: unknown) => {
        throw new Error(`${String(error)}; spans: ${spans.map(({ name }) => name).join(', ')}`, { cause: error })
      }),
    close,
    open,
    answer: next => void (status = next),
    [Symbol.asyncDispose]: close,
  }
}

interface Pair {
  readonly key: string
  readonly value?: {
    readonly text?: string
    readonly truth?: boolean
    readonly number?: string
    readonly fraction?: number
  }
}
interface WireSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes?: readonly Pair[]
  readonly events?: readonly { readonly name: string; readonly attributes?: readonly Pair[] }[]
  readonly status?: { readonly code?: number; readonly message?: string }
}
interface WireRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] }
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[]
  }[]
}

const STATUS_ERROR = 2

function spansIn(body: Buffer): ReceivedSpan[] {
  const { resourceSpans } = Request.toObject(Request.decode(body), { longs: String, bytes: String }) as WireRequest
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(span => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentId: span.parentSpanId ? hex(span.parentSpanId) : undefined,
        name: span.name,
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
        attributes: attributesIn(span.attributes),
        events: (span.events ?? []).map(({ name, attributes }) => ({ name, attributes: attributesIn(attributes) })),
        failure: span.status?.code === STATUS_ERROR ? (span.status.message ?? '') : undefined,
        resource: attributesIn(resource.attributes),
      })),
    ),
  )
}

const hex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex')

function attributesIn(pairs: readonly Pair[] = []): Attributes {
  return Object.fromEntries(
    pairs.map(({ key, value = {} }) => [key, value.text ?? value.truth ?? value.fraction ?? Number(value.number)]),
  )
}
