// What the latest beat of a node said is kept until the next one comes. Kept as new objects, those of ten thousand nodes grow old
// and fill the heap with what is of no use any more, and clearing that away costs as much as all the reading. Written over the
// objects of the beat before, they cost nothing. So whoever is given such an object reads it at once, or copies it.
// docs/decisions/0021-beats-in-place.md

/**
 * Writes the fields of `now` over those of `kept` and gives `kept`. When that has other fields, or none may write to it, a copy of
 * `now` is given, to be kept from then on. Fields that are objects are not looked into.
 */
export function inPlace<T extends object>(kept: T | undefined, now: T): T {
  if (kept === undefined || !haveSameFields(kept, now) || Object.isFrozen(kept)) return { ...now }
  for (const field in now) {
    // An equal text stays the one that it was.
    if (!Object.is(kept[field], now[field])) kept[field] = now[field]
  }
  return kept
}

function haveSameFields(a: object, b: object): boolean {
  let more = 0
  for (const field in a) {
    if (!Object.hasOwn(b, field)) return false
    more += 1
  }
  for (const _ in b) more -= 1
  return more === 0
}
