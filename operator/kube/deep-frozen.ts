// Freezing cached objects: cheaper than cloning them for every reader, and a reader that writes fails at once. On the way, texts
// that thousands of them share are kept once. Used by the store.

/** Gives the same text back, as the one copy of it that is kept. */
export type Share = (text: string) => string

export function deepFrozen<T>(value: T, share: Share): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const fields = value as Record<string, unknown>
  for (const key of Object.keys(fields)) {
    const inner = fields[key]
    if (typeof inner === 'string') fields[key] = share(inner)
    else deepFrozen(inner, share)
  }
  return Object.freeze(value)
}

/** The engine itself keeps shorter ones once when it parses them; longer ones are hardly ever the same. */
const [SHORTEST, LONGEST] = [11, 200]
/** Names and UIDs come too, and are not seen again: from time to time all begins anew. */
const MOST = 10_000

export function sharedTexts(): Share {
  const known = new Map<string, string>()
  return text => {
    if (text.length < SHORTEST || text.length > LONGEST) return text
    const first = known.get(text)
    if (first !== undefined) return first
    if (known.size >= MOST) known.clear()
    known.set(text, text)
    return text
  }
}
