// Two hundred values that must never be believed: made by hand, and drawn with a seed from what goes wrong on the way. Whether a
// drawn one is hostile is judged here by other means than those of the program, so that the two can disagree.

import type { Random } from '../../../operator/ambient/random.ts'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'

export interface HostileValue {
  readonly name: string
  readonly bytes: Buffer
}

export const goodBeat = { podUID: 'pod-1', bootId: 'boot-1', seq: 7, state: 'serving', sessions: 7 }
const json = JSON.stringify(goodBeat)

const texts: Record<string, string> = {
  nothing: '',
  blanks: ' \n\t ',
  'a NUL': '\0',
  'a NUL behind a good one': `${json}\0`,
  'a byte order mark inside': `{"a":1}\uFEFF${json}`,
  'two good ones': json + json,
  'a good one in a list': `[${json}]`,
  'a good one as a string': JSON.stringify(json),
  'a good one as a string of a string': JSON.stringify(JSON.stringify(json)),
  null: 'null',
  true: 'true',
  zero: '0',
  'minus zero': '-0',
  'a number without end': '9'.repeat(10_000),
  'an empty list': '[]',
  'an empty object': '{}',
  'deep lists': '['.repeat(8_000) + ']'.repeat(8_000),
  'deep objects': '{"a":'.repeat(2_500) + '1' + '}'.repeat(2_500),
  'lists that never end': '['.repeat(16_000),
  'an object that never ends': json.slice(0, -1),
  'a comment': `/* ${json} */`,
  'single quotes': json.replaceAll('"', "'"),
  'a trailing comma': json.replace('}', ',}'),
  'names without quotes': json.replaceAll(/"(\w+)":/g, '$1:'),
  YAML: 'podUID: pod-1\nbootId: boot-1\nseq: 7\nstate: serving\nsessions: 7\n',
  XML: '<node sessions="7"/>',
  'a shell': '$(rm -rf /)',
  'a template': '{{ .Values.secret }}',
  'a path': '../../../../etc/passwd',
  'an URL of metadata': 'http://169.254.169.254/latest/meta-data/',
  'a log line': `${json}\n{"level":"error","msg":"forged"}`,
  'terminal control': '\u001b[2J\u001b[31mforged',
  'NaN for people': json.replace('"sessions":7', '"sessions":NaN'),
  'Infinity for people': json.replace('"sessions":7', '"sessions":Infinity'),
  '1e999 for people': json.replace('"sessions":7', '"sessions":1e999'),
  '-1e999 for people': json.replace('"sessions":7', '"sessions":-1e999'),
  'hexadecimal people': json.replace('"sessions":7', '"sessions":0x0'),
  'octal people': json.replace('"sessions":7', '"sessions":00'),
  'a fraction that rounds to a person': json.replace('"sessions":7', '"sessions":0.9999'),
  'people, the last word of whom is wrong': json.replace('"sessions":7', '"sessions":7,"sessions":"0"'),
  'nobody, hidden in the prototype': `{"__proto__":${json}}`,
  'people in the prototype only': json.replace('"sessions":7', '"__proto__":{"sessions":0}'),
  'people in the constructor': json.replace('"sessions":7', '"constructor":{"prototype":{"sessions":0}}'),
  'names in another case': json.replaceAll('sessions', 'Sessions'),
  'a name with a homoglyph': json.replaceAll('sessions', 'sessi\u043Ens'),
  'a name with a zero-width space': json.replaceAll('sessions', 'sessions\u200B'),
  'a name written in escapes that end too soon': json.replace('"sessions"', '"\\u0073ession"'),
  'half a surrogate as an escape that is cut': '{"podUID":"\\ud8',
  '17 KiB of a good one': JSON.stringify({ ...goodBeat, pad: 'x'.repeat(17 * 1024) }),
  'a mebibyte of a good one': JSON.stringify({ ...goodBeat, pad: 'x'.repeat(1024 * 1024) }),
  'a mebibyte of blanks before a good one': ' '.repeat(1024 * 1024) + json,
  'a thousand keys, and none of ours': JSON.stringify(
    Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`k${n}`, n])),
  ),
  'the plain form with a pod and no more': '{"cpu":1,"mem":1,"streams":1,"podUID":"pod-1"}',
  'the plain form with text': '{"cpu":"1","mem":1,"streams":1}',
  'the plain form with less than nothing': '{"cpu":-1,"mem":1,"streams":1}',
  'the plain form with half a stream': '{"cpu":1,"mem":1,"streams":0.5}',
  'the plain form with null': '{"cpu":null,"mem":null,"streams":null}',
  'the plain form beyond measure': '{"cpu":1e308,"mem":1,"streams":1}',
  'the plain form without streams': '{"cpu":1,"mem":1}',
}

const encoded: Record<string, Buffer> = {
  'UTF-16, little end first': Buffer.from(json, 'utf16le'),
  'UTF-16 with a byte order mark': Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(json, 'utf16le')]),
  'Latin-1': Buffer.from(json.replace('pod-1', 'p\u00f6d'), 'latin1'),
  'an overlong slash': Buffer.concat([Buffer.from('{"podUID":"'), Buffer.of(0xc0, 0xaf), Buffer.from('"}')]),
  'half a surrogate as bytes': Buffer.concat([
    Buffer.from('{"podUID":"'),
    Buffer.of(0xed, 0xa0, 0x80),
    Buffer.from('"}'),
  ]),
  'beyond Unicode': Buffer.concat([Buffer.from('{"podUID":"'), Buffer.of(0xf4, 0x90, 0x80, 0x80), Buffer.from('"}')]),
  'a character that is cut': Buffer.concat([Buffer.from('{"podUID":"'), Buffer.of(0xe2, 0x82)]),
  'all bytes': Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
  gzip: Buffer.from('H4sIAAAAAAAAA6tWKi1OLVKyUoKyAFWm3R4TAAAA', 'base64'),
  'a protocol buffer': Buffer.of(0x0a, 0x05, 0x70, 0x6f, 0x64, 0x2d, 0x31, 0x10, 0x07),
  CBOR: Buffer.of(0xa1, 0x68, 0x73, 0x65, 0x73, 0x73, 0x69, 0x6f, 0x6e, 0x73, 0x00),
  'sixteen KiB of zeros': Buffer.alloc(16 * 1024),
  'a mebibyte of 0xff': Buffer.alloc(1024 * 1024, 0xff),
}

/** Of the fields that every heartbeat has: none, and what is not of their kind. */
const wrongOnes: Record<keyof typeof goodBeat, readonly unknown[]> = {
  podUID: [undefined, null, '', 1, true, [], {}, ['pod-1'], 'x'.repeat(65)],
  bootId: [undefined, null, '', 0, false, {}, 'x'.repeat(65)],
  seq: [undefined, null, -1, 1.5, '7', [7], 2 ** 53, 1e300],
  state: [undefined, null, '', 'SERVING', 'open', 0, ['serving'], { toString: 'serving' }],
  sessions: [undefined, null, -1, 0.5, '0', '', [], [0], {}, false, 1_000_001, 2 ** 53, 1e300],
}

/** One field that may be left out, and is there with nonsense. */
const nonsense: Record<string, unknown> = {
  cpu: -1,
  mem: '50',
  streams: 1.5,
  rooms: -1,
  bandwidthMbps: [],
  packetsPerSecond: 1e10,
  joinLatencyP99Ms: 'fast',
  joins: -1,
  forwardLatencyP99Ms: null,
  packetLossPercent: 101,
  jitterMs: {},
  rttMs: true,
  nackRate: -0.1,
  pliRate: '1',
  gpuMemoryFreeMiB: -1,
  nicQueueDepth: [1],
  migInstance: 7,
  address: 'a'.repeat(254),
  region: { region: 'eu' },
  version: 1,
  ackIntent: -1,
}

function byHand(): HostileValue[] {
  const objects = [
    ...Object.entries(wrongOnes).flatMap(([field, values]) =>
      values.map(
        value =>
          [
            `${field} is ${value === undefined ? 'left out' : JSON.stringify(value).slice(0, 20)}`,
            { ...goodBeat, [field]: value },
          ] as const,
      ),
    ),
    ...Object.entries(nonsense).map(
      ([field, value]) => [`${field} is nonsense`, { ...goodBeat, [field]: value }] as const,
    ),
  ]
  return [
    ...Object.entries(texts).map(([name, text]) => ({ name, bytes: Buffer.from(text) })),
    ...Object.entries(encoded).map(([name, bytes]) => ({ name, bytes })),
    ...objects.map(([name, object]) => ({ name, bytes: Buffer.from(JSON.stringify(object)) })),
  ]
}

/** What a broken writer, disk or network makes of a good value. */
const mishaps: Record<string, (good: Buffer, random: Random) => Buffer> = {
  flipped: (good, random) => {
    const bytes = Buffer.from(good)
    for (let n = 0; n < 1 + below(3, random); n += 1) {
      const at = below(bytes.length, random)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8, random))
    }
    return bytes
  },
  cut: (good, random) => good.subarray(0, below(good.length, random)),
  'without its head': (good, random) => good.subarray(1 + below(good.length - 1, random)),
  swollen: (good, random) => {
    const at = below(good.length, random)
    const middle = Buffer.from(Array.from({ length: 1 + below(40, random) }, () => below(256, random)))
    return Buffer.concat([good.subarray(0, at), middle, good.subarray(at)])
  },
  shuffled: (good, random) => {
    const at = 1 + below(good.length - 1, random)
    return Buffer.concat([good.subarray(at), good.subarray(0, at)])
  },
  noise: (_good, random) => Buffer.from(Array.from({ length: 1 + below(300, random) }, () => below(256, random))),
}

const below = (bound: number, random: Random): number => Math.floor(random.next() * bound)

function drawn(count: number, others: readonly HostileValue[]): HostileValue[] {
  const random = seededRandom()
  const known = new Set(others.map(({ bytes }) => bytes.toString('latin1')))
  const names = Object.keys(mishaps)
  const values: HostileValue[] = []
  for (let n = 0; values.length < count; n += 1) {
    const name = names[n % names.length] ?? ''
    const bytes = mishaps[name]?.(Buffer.from(json), random) ?? Buffer.alloc(0)
    if (couldBeHonest(bytes) || known.has(bytes.toString('latin1'))) continue
    known.add(bytes.toString('latin1'))
    values.push({ name: `${name}, the ${n}th`, bytes })
  }
  return values
}

/** By hand, and not by the schema: a lie in the right form is no broken value, and is met by the rights of who tells it. */
export function couldBeHonest(bytes: Buffer): boolean {
  const text = bytes.toString()
  if (bytes.length > 16 * 1024 || !Buffer.from(text).equals(bytes)) return false
  let value: Record<string, unknown>
  try {
    value = JSON.parse(text) as Record<string, unknown>
  } catch {
    return false
  }
  if (Object.prototype.toString.call(value) !== '[object Object]') return false
  const isCount = (it: unknown, max: number): boolean => Number.isInteger(it) && Number(it) >= 0 && Number(it) <= max
  const isWord = (it: unknown): boolean => typeof it === 'string' && it.length > 0 && it.length <= 64
  return (
    isWord(value['podUID']) &&
    isWord(value['bootId']) &&
    isCount(value['seq'], Number.MAX_SAFE_INTEGER) &&
    isCount(value['sessions'], 1_000_000) &&
    ['serving', 'closed', 'draining'].includes(value['state'] as string)
  )
}

const DRAWN = 120

const made = byHand()
export const hostileValues: readonly HostileValue[] = [...made, ...drawn(DRAWN, made)]
