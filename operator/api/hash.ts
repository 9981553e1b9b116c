// What a node was made from, as a short text: equal texts, same node. The lifecycle puts that of the class on every pod, the
// pool names its revisions after both. A default that a later version adds to a schema must not change them, or an upgrade
// of the operator would roll out every fleet; so values that equal their default are left out.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type RTCNodeClass, rtcNodeClassSpecSchema } from './rtcnodeclass.ts'
import { type RTCNodeTemplate, rtcNodeTemplateSchema } from './rtcnodepool.ts'

/** Fit for names and labels, and without vowels, so that no word comes of it. */
export const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
const LENGTH = 8

/** Of all that the template says of a node. */
export const templateHash = (template: RTCNodeTemplate): string => hashOf(essential(rtcNodeTemplateSchema, template))

/** Of what shapes the pod. How nodes are drained, given up and rolled out can be changed without replacing any. */
export const classHash = ({ spec }: RTCNodeClass): string => hashOf(essential(podShapeSchema, spec))

const podShapeSchema = rtcNodeClassSpecSchema.pick({
  adapter: true,
  network: true,
  sfuContainer: true,
  podTemplate: true,
  agent: true,
})

/** Of any value; the order of its keys makes no difference. */
export function hashOf(value: unknown): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(withSortedKeys(value)))
    .digest()
  return [...digest.subarray(0, LENGTH)].map(byte => SAFE_ALPHABET.charAt(byte % SAFE_ALPHABET.length)).join('')
}

/** The value without what the schema would fill in, and without fields that it does not know; undefined when nothing is left. */
function essential(schema: unknown, value: unknown): unknown {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    const { innerType, defaultValue } = schema.def
    const kept = essential(innerType, value)
    return isSame(kept, essential(innerType, defaultValue)) ? undefined : kept
  }
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodReadonly) return essential(schema.def.innerType, value)
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.map(item => essential(schema.def.element, item))
  }
  // A loose object is somebody else's to define: it counts as it is written.
  if (schema instanceof z.ZodObject && schema.def.catchall === undefined && isRecord(value)) {
    return Object.fromEntries(
      Object.entries(schema.def.shape).map(([name, field]) => [name, essential(field, value[name])]),
    )
  }
  return value
}

const isSame = (a: unknown, b: unknown): boolean =>
  JSON.stringify(withSortedKeys(a)) === JSON.stringify(withSortedKeys(b))

function withSortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSortedKeys)
  if (!isRecord(value)) return value
  const sorted = Object.keys(value).sort()
  return Object.fromEntries(sorted.map(name => [name, withSortedKeys(value[name])]))
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
