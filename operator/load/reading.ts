// What a decision needs of one heartbeat. Pure. Made by the keeper (loads.ts) and by the simulator, read by the autoscaler.
import type { Heartbeat, PlainLoad } from '../api/heartbeat.ts'
import type { Targets } from '../api/rtcautoscaler-spec.ts'
import { type Dimension, type Fullness, isFullHeartbeat, pressureOf } from './pressure.ts'

/** All fields are always present and in the same order: thousands of these are walked at each tick. */
export interface Reading {
  /** From 0; 1 is full; may be more. Of a keeper: with the joins that are too new to show in it. */
  readonly pressure: number
  /** The dimension that binds. */
  readonly by: Dimension
  /** How much is carried: forwarded streams, or sessions where the SFU does not tell them. */
  readonly units: number
  readonly sessions: number | undefined
  readonly rooms: number | undefined
  /** So many joins are behind `joinLatencyP99Ms`: at least one when that is told and their number is not. */
  readonly joins: number
  /** Undefined too when nobody has joined. */
  readonly joinLatencyP99Ms: number | undefined
  /** The worst of join latency, forwarding latency and loss, each divided by its goal; above 1 it is missed. */
  readonly quality: number | undefined
}

/** Undefined: the beat tells nothing of load. Whether a beat can be believed is another question: see plausible.ts. */
export function readingOf(beat: Heartbeat | PlainLoad, targets: Targets, full: Fullness): Reading | undefined {
  const pressed = pressureOf(beat, full)
  if (pressed === undefined) return undefined
  const { pressure, by } = pressed
  if (!isFullHeartbeat(beat)) {
    return {
      pressure,
      by,
      units: beat.streams,
      sessions: undefined,
      rooms: undefined,
      joins: 0,
      joinLatencyP99Ms: undefined,
      quality: undefined,
    }
  }
  const joins = beat.joinLatencyP99Ms === undefined ? 0 : (beat.joins ?? 1)
  const joinLatencyP99Ms = joins > 0 ? beat.joinLatencyP99Ms : undefined
  return {
    pressure,
    by,
    units: beat.streams ?? beat.sessions,
    sessions: beat.sessions,
    rooms: beat.rooms,
    joins,
    joinLatencyP99Ms,
    quality: worst(
      worst(
        towards(joinLatencyP99Ms, targets.joinLatencyP99Ms),
        towards(beat.forwardLatencyP99Ms, targets.forwardLatencyP99Ms),
      ),
      towards(beat.packetLossPercent, targets.packetLossPercent),
    ),
  }
}

const towards = (figure: number | undefined, goal: number | undefined): number | undefined =>
  figure === undefined || goal === undefined ? undefined : figure / goal

const worst = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b)
