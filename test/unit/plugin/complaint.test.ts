// What people are told when something goes wrong, and the exit code with it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CredentialsError } from '../../../operator/kube/credentials.ts'
import { ApiError, TransportError } from '../../../operator/kube/errors.ts'
import { complaintOf } from '../../../operator/plugin/complaint.ts'
import { NotPossibleError, UsageError } from '../../../operator/plugin/errors.ts'

test('wrong usage exits with 2, everything else with 1', () => {
  assert.equal(complaintOf(new UsageError('--deadline is “x”')).exitCode, 2)
  for (const error of [new NotPossibleError('no'), new ApiError(403, {}), new TransportError('TIMEOUT', 'no'), 'odd'])
    assert.equal(complaintOf(error).exitCode, 1)
})

test('each says what went wrong and what helps', () => {
  const told: readonly (readonly [unknown, RegExp])[] = [
    [new CredentialsError('no credentials: none', undefined), /no credentials: none\n {2}→ .*--kubeconfig/],
    [new TransportError('ECONNREFUSED', 'GET /x: refused'), /GET \/x: refused\n {2}→ .*--context/],
    [new ApiError(401, { message: 'Unauthorized' }), /Unauthorized\n {2}→ .*log in/],
    [new ApiError(403, { message: 'pools is forbidden' }), /pools is forbidden\n {2}→ ask for the role/],
    [new ApiError(404, { message: 'could not find the requested resource' }), /not installed in this cluster/],
    [new ApiError(409, { message: 'conflict' }), /try again/],
    [new NotPossibleError('namespace rtc has no RTCNode “x”', 'it has y'), /has no RTCNode “x”; it has y$/],
  ]
  for (const [error, expected] of told) assert.match(complaintOf(error).text, expected)
})
