// What the API server refuses must say what is wrong and what to do: a test for each object of a table.
import assert from 'node:assert/strict'
import { test } from 'node:test'

/** Each object, and what kubectl must say of it. */
export type Refusals = Readonly<Record<string, { readonly object: object; readonly says: readonly RegExp[] }>>

export function areRefused(refused: Refusals, apply: (object: object) => Promise<unknown>): void {
  for (const [what, { object, says }] of Object.entries(refused)) {
    test(`refused: ${what}`, async () => {
      const answer = await apply(object).then(() => 'it was taken', String)
      for (const words of says) assert.match(answer, words)
    })
  }
}
