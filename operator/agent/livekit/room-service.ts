// The three calls of LiveKit's RoomService (Twirp, JSON) that a drain needs. Signs its own short-lived access tokens:
// HS256 JWTs with `video` grants. Called by livekit.ts.
import { createHmac } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../ambient/clock.ts'
import { SfuUnreachableError } from '../adapter.ts'
import { httpCall } from '../http.ts'

export interface Room {
  readonly name: string
  /** As LiveKit last stored it: up to 5 s old, without recorders and other dependents. */
  readonly participants: number
}

export interface RoomService {
  listRooms(signal: AbortSignal): Promise<Room[]>
  /** Everybody in it is disconnected and told ROOM_DELETED. A room that is gone already is fine. */
  deleteRoom(name: string, signal: AbortSignal): Promise<void>
  /** To everybody in the room, reliably, under `topic`. */
  sendData(room: string, topic: string, data: unknown, signal: AbortSignal): Promise<void>
}

interface Access {
  readonly url: string
  readonly key: { readonly id: string; readonly secret: string }
  readonly clock: Clock
}

const TOKEN_SECONDS = 60

// Names in proto style, the default of Twirp's servers; fields at their zero value may be left out.
const roomsSchema = z.object({
  rooms: z.array(z.object({ name: z.string(), num_participants: z.int().min(0).default(0) })).default([]),
})

export function roomService({ url, key, clock }: Access): RoomService {
  const call = async (method: string, grants: object, body: unknown, signal: AbortSignal): Promise<string> => {
    const target = `${url.replace(/\/+$/, '')}/twirp/livekit.RoomService/${method}`
    const token = accessToken(key, grants, Math.floor(clock.wall() / 1_000))
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const { status, text } = await httpCall(target, { method: 'POST', headers, body: JSON.stringify(body), signal })
    if (status === 404) return ''
    if (status !== 200) throw new SfuUnreachableError(target, `${status} ${text.slice(0, 200)}`)
    return text
  }
  return {
    async listRooms(signal) {
      const text = await call('ListRooms', { roomList: true }, {}, signal)
      const { rooms } = parseRooms(text, url)
      return rooms.map(room => ({ name: room.name, participants: room.num_participants }))
    },
    async deleteRoom(name, signal) {
      await call('DeleteRoom', { roomCreate: true }, { room: name }, signal)
    },
    async sendData(room, topic, data, signal) {
      const body = {
        room,
        topic,
        kind: 'RELIABLE',
        data: Buffer.from(JSON.stringify(data)).toString('base64'),
      }
      await call('SendData', { roomAdmin: true, room }, body, signal)
    },
  }
}

function parseRooms(text: string, url: string): z.infer<typeof roomsSchema> {
  try {
    return roomsSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new SfuUnreachableError(url, 'ListRooms gave no list of rooms', error)
  }
}

function accessToken({ id, secret }: Access['key'], video: object, nowSeconds: number): string {
  const claims = { iss: id, nbf: nowSeconds - TOKEN_SECONDS, exp: nowSeconds + TOKEN_SECONDS, video }
  const signed = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
