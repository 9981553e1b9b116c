// The rules that hold: the built-in table, and what `hosts.signals` of the chart adds to it, replaces or switches off. What
// people wrote is checked here, once, at the start.
import { z } from 'zod'
import type { DisruptionKind } from './disruption.ts'
import { builtInRules, nameOf, type Rule, type Signal } from './signals.ts'

/** A rule of people's own. None: what it names is no signal. */
export interface OwnRule {
  readonly signal: Signal
  readonly kind: DisruptionKind | 'None'
  readonly reason: string | undefined
  readonly by: string | undefined
  readonly leadSeconds: number | undefined
}

/** What an event of people's own counts for: as long as most servers keep it. */
const EVENT_COUNTS_FOR_SECONDS = 3_600

const text = z.string().min(1).max(253)

const given = z.strictObject({
  taint: text.optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  condition: text.optional(),
  status: z.enum(['True', 'False', 'Unknown']).optional(),
  says: text.optional(),
  nodeClaim: text.optional(),
  event: text.optional(),
  host: z.enum(['Unschedulable', 'Deleting', 'Gone']).optional(),
  pod: text.optional(),
  kind: z.enum(['Advisory', 'Planned', 'Imminent', 'None']),
  reason: z
    .string()
    .regex(/^[A-Z][A-Za-z0-9]{0,127}$/, 'use one CamelCase word')
    .optional(),
  by: text.optional(),
  leadSeconds: z.int().min(0).max(604_800).optional(),
})
type Given = z.infer<typeof given>

const sources = ['taint', 'condition', 'nodeClaim', 'event', 'host', 'pod'] as const

const rules = z
  .array(
    given
      .superRefine((rule, context) => {
        const misuse = misuseOf(rule)
        if (misuse !== undefined) context.addIssue({ code: 'custom', message: misuse })
      })
      .transform((rule): OwnRule => {
        const { kind, reason, by, leadSeconds } = rule
        return { signal: signalOf(rule), kind, reason, by, leadSeconds }
      }),
    'write a list of rules, as JSON',
  )
  .max(100)

/** JSON: the list in `hosts.signals`. */
export const ownRules = z
  .string()
  .transform((json, context): readonly OwnRule[] => {
    const read = rules.safeParse(parsed(json))
    const problem = read.success ? twiceIn(read.data) : inWords(read.error)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
    return read.data ?? []
  })
  .default([])

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown
  } catch {
    return undefined
  }
}

function inWords({ issues }: z.ZodError): string {
  const { path = [], message = 'not usable' } = issues[0] ?? {}
  return path.length === 0 ? message : `rule ${path.join('.')}: ${message}`
}

function twiceIn(own: readonly OwnRule[]): string | undefined {
  const names = own.map(({ signal }) => nameOf(signal))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined ? undefined : `two rules for ${twice}: write one`
}

function misuseOf(rule: Given): string | undefined {
  const { taint, effect, condition, status, says, kind, leadSeconds } = rule
  if (sources.filter(source => rule[source] !== undefined).length !== 1)
    return `name exactly one of ${sources.join(', ')}`
  if (effect !== undefined && taint === undefined) return 'effect goes with taint'
  if ((status ?? says) !== undefined && condition === undefined) return 'status and says go with condition'
  if (leadSeconds !== undefined && kind === 'Advisory') return 'an Advisory has no deadline: leave leadSeconds out'
  return undefined
}

function signalOf({
  taint,
  effect,
  condition,
  status = 'True',
  says,
  nodeClaim,
  event,
  host,
  pod = '',
}: Given): Signal {
  if (taint !== undefined) return { source: 'taint', key: taint, ...(effect !== undefined && { effect }) }
  if (condition !== undefined)
    return { source: 'condition', type: condition, status, ...(says !== undefined && { says }) }
  if (nodeClaim !== undefined) return { source: 'nodeClaim', condition: nodeClaim }
  if (event !== undefined) return { source: 'event', reason: event }
  return host === undefined ? { source: 'pod', reason: pod } : { source: 'host', is: host }
}

/** An own rule takes the place of the built-in one for the same signal, and keeps of it what it does not say itself. */
export function rulesWith(own: readonly OwnRule[]): readonly Rule[] {
  const ownByName = new Map(own.map(rule => [nameOf(rule.signal), rule]))
  const builtInNames = new Set(builtInRules.map(({ signal }) => nameOf(signal)))
  const kept = builtInRules.flatMap(rule => {
    const replacement = ownByName.get(nameOf(rule.signal))
    return replacement === undefined ? [rule] : completed(replacement, rule)
  })
  const added = own.filter(({ signal }) => !builtInNames.has(nameOf(signal)))
  return [...added.flatMap(rule => completed(rule, unnamed(rule.signal))), ...kept]
}

function completed({ signal, kind, reason, by, leadSeconds }: OwnRule, before: Omit<Rule, 'kind'>): Rule[] {
  if (kind === 'None') return []
  return [
    {
      ...before,
      signal,
      kind,
      ...(reason !== undefined && { reason }),
      ...(by !== undefined && { by }),
      ...(leadSeconds !== undefined && { deadline: { afterSeconds: leadSeconds }, countsFromSight: true as const }),
    },
  ]
}

const unnamed = (signal: Signal): Omit<Rule, 'kind'> => ({
  signal,
  reason: 'HostSignal',
  by: 'somebody',
  says: 'has announced that the host goes',
  lead: '',
  ...(signal.source === 'event' && { countsForSeconds: EVENT_COUNTS_FOR_SECONDS }),
})
