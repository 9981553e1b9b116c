// The worked example of docs/scaling.md, computed by the core from heartbeats alone: every number of the page is looked for there,
// so that the page says what the code does.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Instant, instant, monotonic } from '../../../operator/ambient/clock.ts'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import { learn, type Memory, newMemory, recommend } from '../../../operator/autoscaler/deciding/core.ts'
import { roomArrivals } from '../../../operator/autoscaler/learning/arrivals.ts'
import { leadTimeOf } from '../../../operator/autoscaler/learning/lead-time.ts'
import type { NodeSample, Snapshot } from '../../../operator/autoscaler/learning/snapshot.ts'
import { hear, loadTerms, type NodeLoad, unheard } from '../../../operator/load/node-load.ts'
import { aSpec, MONDAY } from './learning/build.ts'

const spec = aSpec({
  minReplicas: 2,
  maxReplicas: 40,
  targets: { joinLatencyP99Ms: 1_500, streamsPerNode: 1_000 },
  forecast: { mode: 'Apply' },
})

/** Forwarded streams when nothing special happens: twelve nodes take rooms, three are closed. */
const OPEN = [380, 400, 420, 440, 460, 480, 480, 500, 520, 540, 560, 580]
const CLOSED = [80, 80, 80]
const STEP_SECONDS = 10
const TWO_MINUTES_TO_NINE = (8 * 60 + 58) * 60

/** Meetings begin with the hour: within a minute 40 % more, until twenty past. */
function risenBy(second: number): number {
  const minute = (second / 60) % 60
  return minute < 1 ? 0.4 * minute : minute < 20 ? 0.4 : minute < 21 ? 0.4 * (21 - minute) : 0
}

/** Joins take longer the fuller the node is, as in a queue. Each minute a room opens on each that takes any, and one ends. */
function beat(streams: number, isOpen: boolean, seq: number): Heartbeat {
  const pressure = streams / 1_000
  const rooms = Math.round(streams / 24) + (isOpen && seq % 6 < 3 ? 1 : 0)
  const joinLatencyP99Ms = 300 + (375 * pressure) / (1 - pressure)
  const who = { podUID: 'u', bootId: 'b', state: 'serving', seq } as const
  const sessions = Math.round(streams / 10)
  return { ...who, sessions, rooms, streams, cpu: 72 * pressure, joins: 5, joinLatencyP99Ms }
}

interface Node {
  readonly name: string
  readonly supply: NodeSample['supply']
  readonly load: NodeLoad
  readonly streams: (second: number) => number
}

const nodes = (): Node[] => [
  ...OPEN.map((usual, i) => node(`open-${i}`, 'open', second => usual * (1 + risenBy(second)))),
  ...CLOSED.map((usual, i) => node(`closed-${i}`, 'closed', () => usual)),
]

const node = (name: string, supply: Node['supply'], streams: Node['streams']): Node => ({
  name,
  supply,
  load: unheard(),
  streams,
})

/** From midnight until two minutes to nine. */
function night(): { readonly memory: Memory; readonly at: Snapshot } {
  const terms = loadTerms(spec)
  const memory = newMemory(MONDAY)
  const all = nodes()
  let at = snapshot(all, MONDAY)
  for (let second = 0; second <= TWO_MINUTES_TO_NINE; second += STEP_SECONDS) {
    for (const [place, { load, supply, streams }] of all.entries()) {
      const told = beat(streams(second), supply === 'open', second / STEP_SECONDS + place)
      hear(load, told, terms, monotonic(second * 1_000))
    }
    at = snapshot(all, instant(MONDAY + second * 1_000))
    learn(memory, at)
  }
  return { memory, at }
}

const snapshot = (all: readonly Node[], now: Instant): Snapshot => ({
  now,
  spec,
  replicas: OPEN.length,
  nodes: all.map(({ name, supply, load: { heard, beat: number, reading } }) => ({
    name,
    shape: 'a',
    supply,
    waitedForHost: false,
    heard,
    beat: number,
    reading,
  })),
  registry: { inSight: true, frozen: false },
})

/** Three digits, as the page shows them. */
const shown = (value: number | undefined): string => String(Number((value ?? Number.NaN).toPrecision(3)))

/** Of docs/scaling.md, between its heading and the next. */
function section(heading: string): string {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/scaling.md'), 'utf8')
  const [, after = ''] = page.split(`\n## ${heading}\n`)
  return after.split('\n## ')[0] ?? ''
}

test('the worked example of docs/scaling.md is what the core works out', () => {
  const { memory, at } = night()
  const { why, desired, terms } = recommend(memory, at)
  const { knee, trim, margin, safePressure, capacity, draining, demand, forecast, forecastBy, needed } = terms
  assert.deepEqual([desired, needed, forecastBy], [14, 14, 'hour'])
  const inBold = {
    knee: shown(knee),
    trim: shown(trim),
    margin: shown(margin),
    safePressure: shown(safePressure),
    capacity: shown(capacity),
    draining: shown(draining),
    demand: String(demand),
    leadTime: String(leadTimeOf(memory.learning).planSeconds),
    times: shown((forecast ?? 0) / (demand ?? 0)),
    forecast: String(forecast),
    needed: String(needed),
  }
  const page = section('A worked example')
  for (const [term, value] of Object.entries(inBold))
    assert.ok(page.includes(`**${value}**`), `the page has not ${term} ${value}`)
  assert.ok(page.includes(`\n${why}\n`), `the page has not: ${why}`)
})

test('what the page shows of a forecast is what the core says', () => {
  const { memory, at } = night()
  const { counts, demand, errorPercent } = recommend(memory, at).forecasts.hour
  const told = JSON.stringify({ counts, demand, errorPercent: Number(shown(errorPercent)) })
  assert.ok(section('Forecasts').includes(told), told)
})

test('a pocket calculator comes to the same', () => {
  const { memory, at } = night()
  const { terms } = recommend(memory, at)
  const { forecast = 0, draining = 0, capacity = 0, safePressure = 0, needed } = terms
  assert.equal(Math.ceil((forecast - draining) / (capacity * Number(shown(safePressure)))), needed)
  const arrivals = roomArrivals(memory.learning)
  assert.deepEqual([shown(arrivals?.perSecond), shown(arrivals?.meanSquarePressure)], ['0.2', '0.000565'])
  const burst = 2 * Math.sqrt(0.2 * 150 * 0.000_565) * capacity
  assert.ok(section('A worked example').includes(`**${Math.round(burst)}**`))
  assert.equal(Math.ceil((forecast - draining + burst) / (capacity * spec.watermarks.shed.enter)), 11)
})
