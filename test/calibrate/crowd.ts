// The people of a calibration: a crowd that stays and sets the load, and guests who come and go all the time and whose joins
// are timed. Steered by ramp.ts.
import { type Join, type Load, type LoadOptions, launchLoad, type Moment } from '../load/loader.ts'

export interface Crowd extends AsyncDisposable {
  /** Adds or takes away from those who stay, whole groups at a time; resolves when all have come or gone. */
  become(people: number): Promise<void>
  /** So many guests a second join for so long, each for a few seconds. Resolves when all have joined. */
  receive(guestsPerSecond: number, seconds: number): Promise<void>
  /** Of crowd and guests. */
  readonly joined: readonly Join[]
  readonly failed: readonly Moment[]
  readonly cut: readonly Moment[]
}

interface Group {
  readonly load: Load
  readonly people: number
}

/** Groups meet in small rooms and in large ones by turns: else streams and people would grow alike, and what each costs could not be told. */
const ROOM_SIZES = [3, 6]
const GUESTS_STAY_SECONDS = 4
const GUESTS_IN_ROOM = 4
const JOINS_PER_SECOND = 4
/** People who wait for CPU would look like an SFU that is slow. */
const NICENESS = -10

export function createCrowd(target: Pick<LoadOptions, 'url' | 'key' | 'secret' | 'log'>): Crowd {
  const loads: Load[] = []
  let groups: Group[] = []
  let launched = 0

  async function launch(options: Partial<LoadOptions> & { participants: number }): Promise<Load> {
    launched += 1
    const name = `c${launched}`
    const load = await launchLoad({ ...target, niceness: NICENESS, room: name, prefix: `${name}-`, ...options })
    loads.push(load)
    return load
  }

  const all = <T>(of: (load: Load) => readonly T[]): T[] => loads.flatMap(of)

  return {
    async become(people) {
      const more = people - sum(groups)
      if (more > 0) {
        const roomSize = ROOM_SIZES[groups.length % ROOM_SIZES.length] ?? 1
        const participants = Math.ceil(more / roomSize) * roomSize
        const load = await launch({ participants, roomSize, rampSeconds: participants / JOINS_PER_SECOND })
        groups.push({ load, people: participants })
        await load.arrived()
      }
      const leaving: Group[] = []
      for (const group of groups) {
        if (sum(groups) - sum(leaving) - group.people >= people) leaving.push(group)
      }
      groups = groups.filter(group => !leaving.includes(group))
      await Promise.all(leaving.map(({ load }) => load.stop()))
    },
    async receive(guestsPerSecond, seconds) {
      const load = await launch({
        participants: Math.round(guestsPerSecond * seconds),
        roomSize: GUESTS_IN_ROOM,
        rampSeconds: seconds,
        staySeconds: GUESTS_STAY_SECONDS,
      })
      await load.arrived()
    },
    get joined() {
      return all(load => load.joined)
    },
    get failed() {
      return all(load => load.failed)
    },
    get cut() {
      return all(load => load.cut)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(loads.map(load => load.stop()))
    },
  }
}

const sum = (groups: readonly Group[]): number => groups.reduce((total, { people }) => total + people, 0)
