// The class `livekit` for one real host only, for tests that have to know which host their node is on.
import assert from 'node:assert/strict'
import { parseAllDocuments } from 'yaml'
import { demoClass } from '../cluster/classes.ts'
import type { Host } from '../cluster/hosts.ts'

export const classOf = ({ name }: Host): string => `livekit-on-${name}`

/** Lets a node be unwell for so short a time that whoever believes the host alone gives it up while a test looks on. */
export const UNWELL_SECONDS = 5

export function pinnedClass(host: Host): object {
  const [, livekit] = parseAllDocuments(demoClass())
  assert.ok(livekit)
  livekit.setIn(['metadata', 'name'], classOf(host))
  livekit.setIn(['spec', 'podTemplate', 'spec', 'nodeSelector'], { 'kubernetes.io/hostname': host.name })
  livekit.setIn(['spec', 'health', 'unhealthyAfterSeconds'], UNWELL_SECONDS)
  return livekit.toJS() as object
}
