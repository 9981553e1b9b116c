// A LiveKit server as the agent sees it: people, load and latency from its Prometheus page and its room list, eviction by
// deleting rooms. It has no switch that refuses rooms, so admission is closed in the registry alone. See adapters.ts.
import type { Clock, Monotonic } from '../../ambient/clock.ts'
import { type AdapterDeps, type SfuAccess, type SfuAdapter, type SfuReading, SfuUnreachableError } from '../adapter.ts'
import { httpCall } from '../http.ts'
import { comparable, loadOf, valueOf, wanted } from './load.ts'
import { parseScrape, type Scrape } from './metrics.ts'
import { type Room, type RoomService, roomService } from './room-service.ts'

/** LiveKit refreshes the counts in its room list every 5 s. Disagreement beyond that is no delay. */
const ROOM_LIST_LAG_MS = 7_000
const EVICT_CONCURRENCY = 8
const DRAIN_TOPIC = 'rtcnode.io/drain'

export function livekitAdapter(access: SfuAccess, { clock, log }: AdapterDeps): SfuAdapter {
  const key = access.livekitKey
  if (key === undefined) throw new Error('LIVEKIT_KEYS is needed to list and to end rooms')
  const rooms = roomService({ url: access.url, key, clock })
  const disagreement = disagreementTimer(clock)
  let history: readonly Scrape[] = []

  async function read(signal: AbortSignal): Promise<SfuReading> {
    const takenAt = clock.monotonic()
    const [page, list] = await Promise.all([getPage(access.metricsUrl, signal), rooms.listRooms(signal)])
    const scrape = parseScrape(page, wanted, takenAt)
    const startedAt = valueOf(scrape, 'startedAt')
    if (startedAt === undefined)
      throw new SfuUnreachableError(access.metricsUrl, 'process_start_time_seconds is missing')
    history = [...comparable(history, scrape), scrape]

    const listed = list.reduce((sum, room) => sum + room.participants, 0)
    const counted = valueOf(scrape, 'participants')
    const sessions =
      counted === undefined || counted < 0 || disagreement.lasts(counted === 0 && listed > 0) ? listed : counted
    // The room list may still count people who have left.
    const peopledRooms = sessions === 0 ? 0 : list.filter(room => room.participants > 0).length
    return { bootId: String(startedAt), sessions, load: { rooms: peopledRooms, ...loadOf(history, access.cpuCores) } }
  }

  return {
    name: 'livekit',
    read,
    async notifyDrain(notice, signal) {
      const list = await rooms.listRooms(signal)
      await each(list, room => rooms.sendData(room.name, DRAIN_TOPIC, { type: 'drain', ...notice }, signal))
    },
    async evict(signal) {
      const list = (await rooms.listRooms(signal)).sort((a, b) => b.participants - a.participants)
      log.info('evicting', { rooms: list.length })
      await each(list, room => evictRoom(rooms, room, signal))
      return { moved: list.reduce((sum, room) => sum + room.participants, 0) }
    },
  }
}

/** Told first, so that an application can tell this from a room that its own host has ended. */
async function evictRoom(rooms: RoomService, { name }: Room, signal: AbortSignal): Promise<void> {
  await rooms.sendData(name, DRAIN_TOPIC, { type: 'evicted' }, signal).catch(() => undefined)
  await rooms.deleteRoom(name, signal)
}

/** Starts in the order given, some at a time. One that fails does not keep the others; then the first error is thrown. */
async function each(rooms: readonly Room[], action: (room: Room) => Promise<void>): Promise<void> {
  const waiting = rooms.values()
  const errors: unknown[] = []
  const worker = async (): Promise<void> => {
    for (const room of waiting) await action(room).catch((error: unknown) => errors.push(error))
  }
  await Promise.all(Array.from({ length: EVICT_CONCURRENCY }, worker))
  if (errors.length > 0) throw errors[0]
}

async function getPage(url: string, signal: AbortSignal): Promise<string> {
  const { status, text } = await httpCall(url, { signal })
  if (status !== 200) throw new SfuUnreachableError(url, `answered ${status}`)
  return text
}

/** Whether something has been so without a break for longer than the room list may lag. */
function disagreementTimer(clock: Clock): { lasts(isSo: boolean): boolean } {
  let since: Monotonic | undefined
  return {
    lasts(isSo) {
      since = isSo ? (since ?? clock.monotonic()) : undefined
      return since !== undefined && clock.monotonic() - since > ROOM_LIST_LAG_MS
    },
  }
}
