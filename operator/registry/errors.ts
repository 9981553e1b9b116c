// What can go wrong with the registry, as classes with the fields a caller decides by.
import type { ObjectKey } from '../api/meta.ts'

/** Thrown when etcd did not answer, or refused. After an `unknown` outcome a write may have happened or not. */
export class RegistryError extends Error {
  readonly operation: string
  readonly outcome: 'refused' | 'unknown'

  /** `remedy`: what that may mean here. */
  constructor(operation: string, outcome: 'refused' | 'unknown', cause: unknown, remedy?: string) {
    const told = cause instanceof Error ? cause.message : String(cause)
    super(`registry ${operation}: ${remedy === undefined ? told : `${remedy} (${told})`}`, { cause })
    this.name = 'RegistryError'
    this.operation = operation
    this.outcome = outcome
  }
}

/** Thrown when an intent is not at the revision it was expected at: read it again and decide anew. */
export class IntentConflictError extends Error {
  readonly key: ObjectKey
  readonly expected: number | 'absent'
  readonly found: number | 'absent'

  constructor(key: ObjectKey, expected: number | 'absent', found: number | 'absent') {
    super(`the intent of ${key} is at ${found}, not at ${expected}`)
    this.name = 'IntentConflictError'
    this.key = key
    this.expected = expected
    this.found = found
  }
}

/** Thrown when another leader has taken over the registry since we did, or its data was lost: claim again if still leader. */
export class StaleLeaderError extends Error {
  readonly key: ObjectKey

  constructor(key: ObjectKey) {
    super(`the intent of ${key} was not written: the registry is claimed by another leader, or by none`)
    this.name = 'StaleLeaderError'
    this.key = key
  }
}

/** Thrown when a lease ended on the side of etcd. */
export class LeaseExpiredError extends Error {
  readonly leaseId: string

  constructor(leaseId: string) {
    super(`lease ${leaseId} has expired`)
    this.name = 'LeaseExpiredError'
    this.leaseId = leaseId
  }
}

/** Thrown when a key is to be put while no lease is held; `onChange` tells when one is held again. */
export class LeaseNotHeldError extends Error {
  readonly key: string

  constructor(key: string) {
    super(`${key} was not put: no lease is held`)
    this.name = 'LeaseNotHeldError'
    this.key = key
  }
}
