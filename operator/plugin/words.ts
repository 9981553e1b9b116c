// How the plugin says times, numbers and names. Pure; used by everything that it prints.
import { fromTimestamp, type Instant } from '../ambient/clock.ts'
import type { KubeObject } from '../api/meta.ts'

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000]

/** `42 s`, `12 min`, `3 h 5 min`, `2 d 4 h`: as exact as anybody would say it. Below zero it is `0 s`. */
export function spanOf(ms: number): string {
  if (ms < 2 * MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  const [unit, part, names] = ms < DAY ? [HOUR, MINUTE, ['h', 'min']] : [DAY, HOUR, ['d', 'h']]
  const [whole, rest] = [Math.floor(ms / unit), Math.floor((ms % unit) / part)]
  return rest === 0 ? `${whole} ${names[0]}` : `${whole} ${names[0]} ${rest} ${names[1]}`
}

/** A clock that runs down: `4:05`, `1:04:05`. Past zero it stays at `0:00`. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / SECOND))
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)]
  const two = (value: number): string => String(value).padStart(2, '0')
  const tail = two(seconds % 60)
  return hours > 0 ? `${hours}:${two(minutes)}:${tail}` : `${minutes}:${tail}`
}

/** Since a time in an object; undefined when it has none that can be read. */
export function sinceMs(timestamp: string | undefined, now: Instant): number | undefined {
  const at = fromTimestamp(timestamp)
  return at === undefined ? undefined : now - at
}

export const ago = (timestamp: string | undefined, now: Instant): string => {
  const ms = sinceMs(timestamp, now)
  return ms === undefined ? 'at an unknown time' : `${spanOf(ms)} ago`
}

/** `12 min left (until 2030-01-01T00:12:00Z)`, or that it has passed. */
export function leftUntil(timestamp: string | undefined, now: Instant): string {
  const ms = sinceMs(timestamp, now)
  if (ms === undefined) return 'no deadline on record'
  return ms < 0 ? `${spanOf(-ms)} left (until ${timestamp})` : `the deadline ${timestamp} has passed`
}

export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
export const people = (count: number): string => (count === 0 ? 'nobody' : counted(count, 'participant'))

/** `a`, `a and b`, `a, b and c`; of many the first few and how many more. */
export function listed(names: readonly string[], most = 5): string {
  const shown = names.length > most ? [...names.slice(0, most), `${names.length - most} more`] : names
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}

/** A figure with as many digits as anybody reads: 1.31k, 451, 0.49. */
export function figure(value: number): string {
  if (Math.abs(value) >= 1_000) return `${Number((value / 1_000).toPrecision(3))}k`
  return String(Number(value.toPrecision(3)))
}

export const nameOf = ({ kind, metadata }: Pick<KubeObject, 'kind' | 'metadata'>): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`
