// What a check of `kubectl rtc doctor` is: a question to what was gathered (evidence.ts), answered with findings. All judgement of
// the doctor is in the checks, and they are pure.
import type { Evidence } from './evidence.ts'

/**
 * `ok`: looked at, and well. `note`: worth knowing, nothing is wrong. `warning`: it works, and will not for ever. `problem`: something
 * does not work. `unchecked`: it could not be looked at, and why.
 */
export type Level = 'ok' | 'note' | 'warning' | 'problem' | 'unchecked'

export interface Finding {
  readonly level: Level
  readonly says: string
  readonly remedy?: string
}

export interface Check {
  /** For programs, and for --only. */
  readonly name: string
  readonly title: string
  judge(evidence: Evidence): readonly Finding[]
}

export const ok = (says: string): Finding => ({ level: 'ok', says })
export const note = (says: string, remedy?: string): Finding => finding('note', says, remedy)
export const warning = (says: string, remedy?: string): Finding => finding('warning', says, remedy)
export const problem = (says: string, remedy?: string): Finding => finding('problem', says, remedy)
export const unchecked = (says: string, remedy?: string): Finding => finding('unchecked', says, remedy)

const finding = (level: Level, says: string, remedy: string | undefined): Finding =>
  remedy === undefined ? { level, says } : { level, says, remedy }

export const isFound = ({ level }: Finding): boolean => level === 'problem' || level === 'warning'
