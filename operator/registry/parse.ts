// Registry values are written by others: bounded in bytes, then decoded, then checked against the schema, in this order.
// What fails is rejected with the field's name; it is never read as zero. Used by the fleet view and the intent watch.
import type { ZodError } from 'zod'
import { type Heartbeat, heartbeatSchema, type PlainLoad, plainLoadSchema } from '../api/heartbeat.ts'
import { type Intent, intentSchema } from '../api/intent.ts'
import { quickCheck } from '../api/quick-check.ts'

export const MAX_VALUE_BYTES = 16 * 1024

export const rejectionCauses = ['too-large', 'not-utf8', 'not-json', 'not-an-object', 'invalid'] as const
export type RejectionCause = (typeof rejectionCauses)[number]

/** `because` is for people: at most 200 characters, names of our fields only, nothing of the value itself. */
export interface Rejected {
  readonly form: 'rejected'
  readonly cause: RejectionCause
  readonly because: string
}

export type ParsedRegistration =
  | { readonly form: 'full'; readonly heartbeat: Heartbeat }
  | { readonly form: 'plain'; readonly load: PlainLoad }
  | Rejected

const isHeartbeat = quickCheck(heartbeatSchema.unwrap())

export function parseRegistration(bytes: Uint8Array): ParsedRegistration {
  const read = parseObject(bytes)
  if ('form' in read) return read
  const { object } = read
  if (isHeartbeat(object)) return { form: 'full', heartbeat: object }
  if (!('podUID' in object) && 'cpu' in object && 'mem' in object && 'streams' in object) {
    const plain = plainLoadSchema.safeParse(object)
    return plain.success ? { form: 'plain', load: plain.data } : invalid(plain.error)
  }
  const full = heartbeatSchema.safeParse(object)
  return full.success ? { form: 'full', heartbeat: full.data } : invalid(full.error)
}

export function parseIntent(bytes: Uint8Array): { readonly form: 'intent'; readonly intent: Intent } | Rejected {
  const read = parseObject(bytes)
  if ('form' in read) return read
  const intent = intentSchema.safeParse(read.object)
  return intent.success ? { form: 'intent', intent: intent.data } : invalid(intent.error)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseObject(bytes: Uint8Array): { object: object } | Rejected {
  if (bytes.length > MAX_VALUE_BYTES) return rejected('too-large', `the value is larger than ${MAX_VALUE_BYTES} bytes`)
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return rejected('not-utf8', 'the value is not valid UTF-8')
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return rejected('not-json', 'the value is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return rejected('not-an-object', 'the value is not a JSON object')
  }
  // Unknown fields pass through; under these names they would reach the prototype of a copy, or pose as a part of it.
  for (const name of ['__proto__', 'constructor', 'prototype']) Reflect.deleteProperty(value, name)
  return { object: value }
}

const rejected = (cause: RejectionCause, because: string): Rejected => ({ form: 'rejected', cause, because })

function invalid(error: ZodError): Rejected {
  const problems = error.issues.map(issue => `${issue.path.join('.') || 'value'}: ${issue.message}`)
  return rejected('invalid', problems.join('; ').slice(0, 200))
}
