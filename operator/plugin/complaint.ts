// What went wrong, in words for people: what, and what helps; and the exit code that goes with it. Pure.
import { CredentialsError } from '../kube/credentials.ts'
import { ApiError, isConflict, isForbidden, isNotFound, isUnauthorized, TransportError } from '../kube/errors.ts'
import { USAGE, UsageError } from './errors.ts'

export interface Complaint {
  readonly text: string
  readonly exitCode: 1 | typeof USAGE
}

export function complaintOf(error: unknown): Complaint {
  const message = error instanceof Error ? error.message : String(error)
  const remedy = remedyFor(error)
  return {
    text: `kubectl rtc: ${message}${remedy === undefined ? '' : `\n  → ${remedy}`}`,
    exitCode: error instanceof UsageError ? USAGE : 1,
  }
}

function remedyFor(error: unknown): string | undefined {
  if (error instanceof CredentialsError)
    return 'name a kubeconfig with --kubeconfig or KUBECONFIG, and a context of it with --context (kubectl config get-contexts)'
  if (error instanceof TransportError)
    return 'the API server gave no answer: is it the right cluster (--context), and does kubectl get --raw /readyz answer?'
  if (isUnauthorized(error)) return 'the credentials of this context are not accepted: log in again'
  if (isForbidden(error))
    return 'ask for the role “view” or “edit” of the chart; kubectl rtc doctor lists what is missing'
  // Objects that are not there are told of with their names; this is a kind that the server does not have.
  if (isNotFound(error)) return 'the kinds of rtcnode.io are not installed in this cluster: kubectl rtc doctor'
  if (isConflict(error)) return 'somebody else changed it at the same time: try again'
  if (error instanceof ApiError) return 'the message is the API server’s'
  return undefined
}
