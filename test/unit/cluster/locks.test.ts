// What keeps parallel test clusters apart: locks, ports, and the bounded wait they all use.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { tryLock } from '../../cluster/lock.ts'
import { createPorts } from '../../cluster/ports.ts'
import { NotInTime, until } from '../../cluster/until.ts'

const unique = () => `test-${process.pid}-${Math.random()}`

test('a lock is held by one and free after its release', async () => {
  const name = unique()
  const lock = await tryLock(name)
  assert.ok(lock)
  assert.equal(await tryLock(name), undefined)
  await lock.release()
  const again = await tryLock(name)
  assert.ok(again)
  await again.release()
})

test('the lock of a killed process is free', async () => {
  const name = unique()
  const lockPath = join(import.meta.dirname, '../../cluster/lock.ts')
  const script = `const { tryLock } = await import(${JSON.stringify(lockPath)})
    await tryLock(${JSON.stringify(name)}); console.log('held'); setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  assert.equal(await tryLock(name), undefined)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const lock = await until('the lock', () => tryLock(name), { withinMs: 30_000 })
  await lock.release()
})

test('no port is given twice before its release, and each can be listened on', async () => {
  const [one, other] = [createPorts(), createPorts()]
  try {
    const taken = await Promise.all(Array.from({ length: 200 }, (_, index) => (index % 2 ? one : other).take()))
    assert.equal(new Set(taken).size, taken.length)
    const server = createServer().listen(taken[0], '127.0.0.1')
    await once(server, 'listening')
    server.close()
  } finally {
    await one.release()
    await other.release()
  }
})

test('a wait gives what its probe found, and takes errors for "not yet"', async () => {
  let tries = 0
  const found = await until(
    'third try',
    () => {
      tries += 1
      if (tries === 1) throw new Error('not there')
      return tries === 3 && 'here'
    },
    { withinMs: 30_000, everyMs: 1 },
  )
  assert.equal(found, 'here')
})

test('a wait that is over says what it waited for and what went wrong last', async () => {
  const probe = () => Promise.reject(new Error('connection refused'))
  await assert.rejects(until('the server', probe, { withinMs: 20, everyMs: 1 }), (error: unknown) => {
    assert.ok(error instanceof NotInTime)
    assert.match(error.message, /the server.*connection refused/)
    return true
  })
})

test('a wait ends with the reason of its signal, and ends a probe that hangs', async () => {
  const abandon = new AbortController()
  const hanging = (signal: AbortSignal) =>
    new Promise<boolean>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const waiting = until('never', hanging, { withinMs: 60_000, signal: abandon.signal })
  abandon.abort(new Error('no longer wanted'))
  await assert.rejects(waiting, /no longer wanted/)
})
