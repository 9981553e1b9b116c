// What `kubectl rtc explain` says: a headline and sentences, each with a remedy where somebody can do something. Made by the pure
// explain-*.ts, printed as text or as JSON.
import type { Instant } from '../ambient/clock.ts'
import type { KubeEvent } from '../kube/events.ts'
import { ago } from './words.ts'

export interface Sentence {
  /** `fact`: as it should be, or it passes. `problem`: somebody should do something, or at least know. */
  readonly level: 'fact' | 'problem'
  readonly says: string
  readonly remedy?: string
}

export interface Explanation {
  readonly kind: string
  readonly namespace?: string
  readonly name: string
  readonly headline: string
  readonly sentences: readonly Sentence[]
  /** What was told in Kubernetes events lately, the newest first. */
  readonly events: readonly Told[]
}

export interface Told {
  /** RFC 3339. */
  readonly at: string | undefined
  readonly type: string
  readonly reason: string
  readonly note: string
  readonly count: number
}

export const fact = (says: string): Sentence => ({ level: 'fact', says })
export const problem = (says: string, remedy: string | undefined): Sentence =>
  remedy === undefined ? { level: 'problem', says } : { level: 'problem', says, remedy }

export const hasProblem = ({ sentences }: Explanation): boolean => sentences.some(({ level }) => level === 'problem')

/** An Event as the API server keeps it: in the new form or the old one, whoever wrote it. */
export interface EventRead extends KubeEvent {
  readonly eventTime?: string
  readonly deprecatedLastTimestamp?: string
  readonly deprecatedCount?: number
}

const MOST_EVENTS = 5

/** The newest of those that are about one life of an object. */
export function toldBy(events: readonly EventRead[]): Told[] {
  return events
    .map(event => ({
      at: timeOf(event),
      type: event.type,
      reason: event.reason,
      note: event.note,
      count: event.series?.count ?? event.deprecatedCount ?? 1,
    }))
    .sort((a, b) => ((a.at ?? '') < (b.at ?? '') ? 1 : -1))
    .slice(0, MOST_EVENTS)
}

const timeOf = ({ series, eventTime, deprecatedLastTimestamp, metadata }: EventRead): string | undefined =>
  series?.lastObservedTime ?? eventTime ?? deprecatedLastTimestamp ?? metadata.creationTimestamp

export function explanationText({ headline, sentences, events }: Explanation, now: Instant): string[] {
  return [
    headline,
    '',
    ...sentences.flatMap(({ level, says, remedy }) => [
      `  ${level === 'problem' ? '✗' : '•'} ${says}`,
      ...(remedy === undefined ? [] : [`    → ${remedy}`]),
    ]),
    ...(events.length === 0 ? [] : ['', 'lately:']),
    ...events.map(
      ({ at, reason, note, count }) => `  ${ago(at, now)}  ${reason}${count > 1 ? ` (${count} times)` : ''}: ${note}`,
    ),
  ]
}
