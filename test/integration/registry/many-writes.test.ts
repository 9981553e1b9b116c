// A fleet that writes thousands of values a second, one by one: a watch tells each of them, once and in order, and yet comes
// to us in far fewer answers than there are writes.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { RegistryChange } from '../../../operator/registry/change.ts'
import { watchRegistry } from '../../../operator/registry/watch.ts'
import { until } from '../../cluster/until.ts'
import { ambient, type Rig, startRig } from './rig.ts'

let rig: Rig
before(
  async () => {
    rig = await startRig({ durable: false })
  },
  { timeout: 300_000 },
)
after(() => rig[Symbol.asyncDispose]())

const WRITERS = 50
const WRITES = 200
/** Each tenth write takes the key away again, each hundredth is of three keys at once. */
const isDelete = (n: number): boolean => n % 10 === 9
const isOfThree = (n: number): boolean => n % 100 === 50

test('each write is told once and in order, many in one answer', async t => {
  const connection = rig.connect()
  const told: string[] = []
  let answers = 0
  const causes: string[] = []
  const stop = new AbortController()
  t.after(() => stop.abort())
  const watching = watchRegistry(
    { ...ambient, connection, range: { prefix: '/sfu/' } },
    {
      onWhole: (_, cause) => causes.push(cause),
      onChanges(changes) {
        answers += 1
        told.push(...changes.map(lineOf))
      },
    },
    stop.signal,
  )
  await until('the watch has begun', () => causes.length === 1, { withinMs: 10_000 })

  const written = (await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))).flat()
  await until('all is told', () => told.length >= written.length, { withinMs: 30_000 })
  stop.abort()
  await watching

  assert.deepEqual(
    told,
    written.toSorted((a, b) => a.revision - b.revision).map(it => it.line),
  )
  assert.deepEqual(causes, ['start'])
  assert.ok(answers < written.length / 4, `${answers} answers for ${written.length} changes`)

  async function write(writer: number): Promise<{ revision: number; line: string }[]> {
    const lines: { revision: number; line: string }[] = []
    const key = `/sfu/nodes/default/node-${String(writer).padStart(2, '0')}`
    const value = Buffer.alloc(600, 'x')
    for (let n = 0; n < WRITES; n += 1) {
      const keys = isOfThree(n) ? [key, `${key}-b`, `${key}-c`] : [key]
      const success = keys.map(it =>
        isDelete(n)
          ? { request_delete_range: { key: Buffer.from(it) } }
          : { request_put: { key: Buffer.from(it), value } },
      )
      const { header } = await connection.txn({ success })
      const type = isDelete(n) ? 'delete' : 'put'
      for (const it of keys) lines.push({ revision: Number(header.revision), line: `${header.revision} ${type} ${it}` })
    }
    return lines
  }
})

const lineOf = (change: RegistryChange): string =>
  change.type === 'put' ? `${change.entry.revision} put ${change.entry.key}` : `${change.revision} delete ${change.key}`
