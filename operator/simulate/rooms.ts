// Who is in which room: rooms open, fill over minutes and end, whatever the nodes under them do. The world tells where each is;
// nothing here knows of nodes but a number. In typed arrays, because a week of a large pool is millions of rooms.

export interface RoomPlan {
  /** How many people come. */
  readonly size: number
  /** They come over so long. */
  readonly gatherSeconds: number
  /** From its opening until all leave. */
  readonly lengthSeconds: number
  /** Tracks that a stage sends to everybody; undefined: everybody sends. */
  readonly stageTracks?: number
}

/** Nobody watches more people than fit on a screen. */
const MOST_ON_SCREEN = 12
const TRACKS_EACH = 2
/** People come in so many groups at most after the first has opened the room. */
const GROUPS = 4
export const NOWHERE = -1
const NEVER = -1

/** Tracks that an SFU forwards, published plus subscribed, for `people` in one room. */
export const streamsOf = (people: number, stageTracks: number): number =>
  people * (stageTracks > 0 ? stageTracks : TRACKS_EACH * Math.min(people, MOST_ON_SCREEN))

export interface RoomEvents {
  /** `people` more want to be in the room. */
  join(room: number, people: number): void
  /** All who are there leave, and the room is no more. */
  end(room: number): void
}

export interface Rooms {
  /** People in the room; those who wait for a place are not. */
  people(room: number): number
  streams(room: number): number
  node(room: number): number
  waiting(room: number): number
  place(room: number, node: number): void
  admit(room: number, people: number): void
  wait(room: number, people: number): void
  /** They lost their node and want to be back. */
  evict(room: number): number
  open(plan: RoomPlan, step: number): void
  /** Ends some room before its time: traces need that, people hang up early. */
  endOne(events: RoomEvents): void
  /** All that happens in this step. */
  advance(step: number, events: RoomEvents): void
  on(node: number): number[]
  /** All who have come, or will yet, to the rooms that are open. */
  readonly invited: number
}

export function rooms(stepSeconds: number, steps: number): Rooms {
  let capacity = 1_024
  const ints = (length: number): Int32Array => new Int32Array(length)
  const grown = (array: Int32Array): Int32Array => {
    const larger = ints(capacity)
    larger.set(array)
    return larger
  }
  let people = ints(capacity)
  let waiting = ints(capacity)
  let toCome = ints(capacity)
  let group = ints(capacity)
  let gap = ints(capacity)
  let endsAt = ints(capacity)
  let node = ints(capacity)
  let stage = ints(capacity)
  /** The next room of the same step. */
  let following = ints(capacity)
  const firstAt = ints(steps + 2).fill(NEVER)
  const free: number[] = []
  let known = 0
  let invited = 0
  let eldest = 0

  const grow = (): void => {
    capacity *= 2
    people = grown(people)
    waiting = grown(waiting)
    toCome = grown(toCome)
    group = grown(group)
    gap = grown(gap)
    endsAt = grown(endsAt)
    node = grown(node)
    following = grown(following)
    stage = grown(stage)
  }
  const at = (array: Int32Array, room: number): number => array[room] as number
  const schedule = (room: number, step: number): void => {
    const when = Math.min(step, steps + 1)
    following[room] = at(firstAt, when)
    firstAt[when] = room
  }
  const inSteps = (seconds: number): number => Math.round(seconds / stepSeconds)
  const isOpen = (room: number): boolean => at(endsAt, room) !== NEVER
  const close = (room: number, end: RoomEvents['end']): void => {
    end(room)
    invited -= at(people, room) + at(waiting, room) + at(toCome, room)
    people[room] = 0
    waiting[room] = 0
    toCome[room] = 0
    node[room] = NOWHERE
    endsAt[room] = NEVER
  }

  return {
    people: room => at(people, room),
    streams: room => streamsOf(at(people, room), at(stage, room)),
    node: room => at(node, room),
    waiting: room => at(waiting, room),
    place: (room, to) => void (node[room] = to),
    admit(room, count) {
      people[room] = at(people, room) + count
    },
    wait(room, count) {
      waiting[room] = at(waiting, room) + count
    },
    evict(room) {
      const count = at(people, room)
      people[room] = 0
      node[room] = NOWHERE
      return count
    },
    open({ size, gatherSeconds, lengthSeconds, stageTracks = 0 }, step) {
      if (known === capacity && free.length === 0) grow()
      const room = free.pop() ?? known++
      const groups = Math.min(GROUPS, size - 1, Math.max(1, inSteps(gatherSeconds)))
      people[room] = 0
      waiting[room] = 0
      toCome[room] = size
      group[room] = groups === 0 ? 0 : Math.ceil((size - 1) / groups)
      gap[room] = groups === 0 ? 1 : Math.max(1, inSteps(gatherSeconds / groups))
      endsAt[room] = step + Math.max(2, inSteps(lengthSeconds))
      node[room] = NOWHERE
      stage[room] = stageTracks
      invited += size
      schedule(room, step)
    },
    endOne({ end }) {
      for (let tried = 0; tried < known; tried += 1) {
        eldest = eldest + 1 >= known ? 0 : eldest + 1
        if (!isOpen(eldest)) continue
        // It stays in the list of a later step, and its number is free only then.
        close(eldest, end)
        return
      }
    },
    advance(step, { join, end }) {
      // A list is walked from a copy of its head: what is scheduled meanwhile goes to later steps.
      for (let room = at(firstAt, step), next = NEVER; room !== NEVER; room = next) {
        next = at(following, room)
        if (step >= at(endsAt, room)) {
          if (isOpen(room)) close(room, end)
          free.push(room)
          continue
        }
        const left = at(toCome, room)
        const isFirst = at(people, room) + at(waiting, room) === 0
        const count = Math.min(left, isFirst ? 1 : at(group, room))
        toCome[room] = left - count
        if (count > 0) join(room, count)
        schedule(room, left - count > 0 ? Math.min(step + at(gap, room), at(endsAt, room)) : at(endsAt, room))
      }
    },
    on(wanted) {
      const found: number[] = []
      for (let room = 0; room < known; room += 1) if (isOpen(room) && at(node, room) === wanted) found.push(room)
      return found
    },
    get invited() {
      return invited
    },
  }
}
