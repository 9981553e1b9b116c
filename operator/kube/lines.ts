// A byte stream as lines, for watches. A line is one object; the API server never sends one near the limit.
import { TransportError } from './errors.ts'

const MAX_LINE_LENGTH = 32 * 1_024 * 1_024

/** Complete lines without their ends, empty ones left out. An unfinished last line is an error: the stream was cut. */
export async function* lines(bytes: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of bytes) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > MAX_LINE_LENGTH)
      throw new TransportError('BAD_FRAME', `a line of over ${MAX_LINE_LENGTH} characters`)
    for (const line of parts) if (line !== '') yield line
  }
  if (rest.trim() !== '') throw new TransportError('BAD_FRAME', 'the stream ended in the middle of a line')
}
