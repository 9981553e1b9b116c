// In which order people are moved off a LiveKit server: the rooms with most people in them go first.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { livekitAdapter } from '../../../operator/agent/livekit/livekit.ts'
import { systemClock } from '../../../operator/ambient/clock.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { until } from '../../cluster/until.ts'

/** So many rooms does the adapter end side by side. */
const SIDE_BY_SIDE = 8
const sizes = [3, 40, 1, 17, 25, 2, 90, 8, 61, 12, 5, 33]

test('the biggest rooms are ended first, and all in the end', async () => {
  const told: number[] = []
  const ended: number[] = []
  const mayGoOn = Promise.withResolvers<void>()
  await using server = await fakeLivekit({
    async SendData(size) {
      told.push(size)
      await mayGoOn.promise
    },
    DeleteRoom: async size => void ended.push(size),
  })
  const livekitKey = { id: 'key', secret: 'secret' }
  const access = { url: server.url, metricsUrl: server.url, livekitKey }
  const adapter = livekitAdapter(access, { clock: systemClock, log: silentLogger })
  const evicting = adapter.evict(AbortSignal.timeout(30_000))
  // Should the order be wrong, then that is what went wrong.
  evicting.catch(() => undefined)
  await until('the first to be told', () => told.length >= SIDE_BY_SIDE, { withinMs: 20_000 })
  assert.deepEqual(told.toSorted(falling), sizes.toSorted(falling).slice(0, SIDE_BY_SIDE))
  mayGoOn.resolve()
  assert.deepEqual(await evicting, { moved: sizes.reduce((sum, size) => sum + size) })
  assert.deepEqual(ended.toSorted(falling), sizes.toSorted(falling))
})

const falling = (a: number, b: number): number => b - a

/** Rooms of those sizes; what is done to one is handed its size. */
async function fakeLivekit(calls: Record<'SendData' | 'DeleteRoom', (size: number) => Promise<void>>) {
  const rooms = sizes.map(size => ({ name: `of ${size}`, num_participants: size }))
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { room = '' } = JSON.parse(await text(request)) as { room?: string }
    const method = request.url?.split('/').at(-1)
    if (method === 'SendData' || method === 'DeleteRoom') await calls[method](Number(room.replace('of ', '')))
    response.end(JSON.stringify(method === 'ListRooms' ? { rooms } : {}))
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
