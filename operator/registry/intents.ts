// Writes what the operator wants of a node, and reads it. Each write is a compare-and-set on the revision it was decided
// on, fenced by the leader's claim: what an old leader decided never lands on what a new one wrote.
import { CompareResult, CompareTarget, type ICompare, type IRequestOp } from 'etcd3'
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import type { Intent } from '../api/intent.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import type { RegistryEntry } from './change.ts'
import type { RegistryConnection } from './connection.ts'
import { IntentConflictError, StaleLeaderError } from './errors.ts'
import { intentKey, leaderKey } from './keys.ts'
import { parseIntent } from './parse.ts'
import type { KnownIntent } from './registration.ts'
import { watchRegistry } from './watch.ts'

export interface IntentWriter {
  /**
   * Takes over the registry: from now on writes of whoever claimed it before throw StaleLeaderError. To be called when
   * leadership begins, and after a StaleLeaderError while still leading. Writes before the first claim are not fenced.
   */
  claim(leader: { identity: string; epoch: number }, signal?: AbortSignal): Promise<void>
  /** Throws IntentConflictError, StaleLeaderError, RegistryError, UnusableKeyError. */
  write(
    key: ObjectKey,
    intent: Intent,
    expect: { revision: number } | 'absent',
    signal?: AbortSignal,
  ): Promise<{ revision: number }>
  /** Done too when it is gone already. Throws as `write`. */
  remove(key: ObjectKey, expect: { revision: number }, signal?: AbortSignal): Promise<void>
}

export function intentWriter(connection: RegistryConnection): IntentWriter {
  const fence = Buffer.from(leaderKey(connection.prefix))
  let claimRevision: number | undefined

  /** One transaction: `change`, if the intent is at `expected` and our claim stands. Gives the found revision if not. */
  async function change(
    key: ObjectKey,
    expected: number | 'absent',
    make: (at: Buffer) => IRequestOp,
    signal: AbortSignal | undefined,
  ): Promise<{ done: true; revision: number } | { done: false; found: number | 'absent' }> {
    const at = Buffer.from(intentKey(connection.prefix, key))
    const standing = claimRevision
    const { header, succeeded, responses } = await connection.txn(
      {
        compare: [
          unchanged(at, expected === 'absent' ? 0 : expected),
          ...(standing === undefined ? [] : [unchanged(fence, standing)]),
        ],
        success: [make(at)],
        failure: [{ request_range: { key: at, keys_only: true } }, { request_range: { key: fence, keys_only: true } }],
      },
      signal,
    )
    if (succeeded) return { done: true, revision: Number(header.revision) }
    const [intent, claim] = responses.map(response => response.response_range.kvs[0]?.mod_revision)
    if (standing !== undefined && Number(claim ?? 0) !== standing) throw new StaleLeaderError(key)
    return { done: false, found: intent === undefined ? 'absent' : Number(intent) }
  }

  return {
    async claim(leader, signal) {
      const { header } = await connection.put({ key: fence, value: Buffer.from(JSON.stringify(leader)) }, signal)
      claimRevision = Number(header.revision)
    },
    async write(key, intent, expect, signal) {
      const expected = expect === 'absent' ? 'absent' : expect.revision
      const value = Buffer.from(JSON.stringify(intent))
      const result = await change(key, expected, at => ({ request_put: { key: at, value } }), signal)
      if (!result.done) throw new IntentConflictError(key, expected, result.found)
      return { revision: result.revision }
    },
    async remove(key, { revision }, signal) {
      const result = await change(key, revision, at => ({ request_delete_range: { key: at } }), signal)
      if (!result.done && result.found !== 'absent') throw new IntentConflictError(key, revision, result.found)
    },
  }
}

/** A key that is not there has the revision 0. */
const unchanged = (key: Buffer, revision: number): ICompare => ({
  key,
  target: CompareTarget.Mod,
  result: CompareResult.Equal,
  mod_revision: revision,
})

/** Tells the intent of one node whenever it changes, until the signal aborts. Says nothing while etcd is away. For the agent. */
export function watchIntent(
  deps: { connection: RegistryConnection; clock: Clock; random: Random; log: Logger },
  key: ObjectKey,
  onIntent: (intent: KnownIntent) => void,
  signal: AbortSignal,
): Promise<void> {
  const at = intentKey(deps.connection.prefix, key)
  let toldRevision: number | undefined

  function tell(entry: RegistryEntry | undefined): void {
    if (toldRevision === (entry?.revision ?? 0)) return
    toldRevision = entry?.revision ?? 0
    onIntent(entry ? readIntent(entry) : { state: 'absent' })
  }

  return watchRegistry(
    { ...deps, range: { key: at } },
    {
      onWhole: entries => tell(entries[0]),
      onChanges(changes) {
        for (const change of changes) tell(change.type === 'put' ? change.entry : undefined)
      },
    },
    signal,
  )
}

export function readIntent({ value, revision }: RegistryEntry): Extract<KnownIntent, { revision: number }> {
  const parsed = parseIntent(value)
  return parsed.form === 'intent'
    ? { state: 'known', revision, intent: parsed.intent }
    : { state: 'unreadable', revision }
}
