// What can go wrong between us and the API server, as two errors: it answered "no" (ApiError), or it did not answer
// (TransportError). Controllers decide by the predicates below; the messages are the server's own words.
import { z } from 'zod'

const causeSchema = z.object({
  reason: z.string().optional(),
  message: z.string().optional(),
  field: z.string().optional(),
})

/** `metav1.Status`, as far as we read it. */
export const statusSchema = z.object({
  code: z.number().optional(),
  message: z.string().optional(),
  reason: z.string().optional(),
  details: z
    .object({
      name: z.string().optional(),
      kind: z.string().optional(),
      causes: z.array(causeSchema).optional(),
      retryAfterSeconds: z.number().optional(),
    })
    .optional(),
})
export type Status = z.infer<typeof statusSchema>
export type StatusDetails = NonNullable<Status['details']>

/** The API server answered with something other than success. */
export class ApiError extends Error {
  /** The HTTP status code. */
  readonly status: number
  /** The server's word for programs, such as `NotFound`; empty when it gave none. */
  readonly reason: string
  readonly details?: StatusDetails
  /** How long the server asked us to stay away. */
  readonly retryAfterSeconds?: number

  constructor(status: number, body: Status, retryAfterSeconds = body.details?.retryAfterSeconds) {
    super(body.message ?? `HTTP ${status}`)
    this.name = 'ApiError'
    this.status = status
    this.reason = body.reason ?? ''
    if (body.details) this.details = body.details
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds
  }
}

/** No usable answer came: whether a write took effect is unknown, and only a fresh look at the object can tell. */
export class TransportError extends Error {
  /** The socket's error code, or `TIMEOUT`, `BAD_BODY`, `BAD_FRAME`, `CLOSED`. */
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'TransportError'
    this.code = code
  }
}

/** A write was attempted without holding the leader lease. Nothing was sent. */
export class NotLeaderError extends Error {
  constructor(call: string) {
    super(`not the leader: ${call} was not sent`)
    this.name = 'NotLeaderError'
  }
}

/** The error for an answer's body, which is a Status for all but proxies and broken servers. */
export function apiErrorFrom(status: number, body: string, retryAfterSeconds?: number): ApiError {
  const parsed = statusSchema.safeParse(parseJson(body))
  return new ApiError(
    status,
    parsed.success ? parsed.data : { message: `HTTP ${status}: ${body.slice(0, 500)}` },
    retryAfterSeconds,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const hasStatus =
  (status: number) =>
  (error: unknown): error is ApiError =>
    error instanceof ApiError && error.status === status

export const isNotFound = hasStatus(404)
export const isUnauthorized = hasStatus(401)
export const isForbidden = hasStatus(403)
export const isInvalid = hasStatus(422)
/** The server will not take the object as it is: quota, admission or validation. */
export const isRefusal = (error: unknown): error is ApiError =>
  isForbidden(error) || isInvalid(error) || hasStatus(400)(error)
/** The resource version or the page asked for is no longer kept by the server. */
export const isGone = hasStatus(410)
export const isTooManyRequests = hasStatus(429)

/** Somebody else changed the object first, or a precondition of ours did not hold. */
export const isConflict = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status === 409 && error.reason !== 'AlreadyExists'

export const isAlreadyExists = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status === 409 && error.reason === 'AlreadyExists'

/** The resource version lies in the server's future: its store was restored from an older backup. */
export const isFromTheFuture = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.details?.causes?.some(it => it.reason === 'ResourceVersionTooLarge') ?? false)
