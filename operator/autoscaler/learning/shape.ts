// Nodes of one shape bear alike: same revision, instance type and MIG slice. What is remembered of each shape that a pool has, and
// of those it had lately. Kept by capacity.ts.
import { newSample, type Sample } from './sample.ts'

export interface Shape {
  readonly name: string
  /** Units at pressure 1: the median of the nodes that were measured, now or when there last were any; 0: never. */
  median: number
  /** Units and pressure of all beats, fading: what is known before anything was measured. */
  units: number
  pressure: number
  /** Nodes that stay, in the last snapshot. */
  living: number
  /** When there last were any, on the passage. */
  livedMs: number
  readonly measured: Sample
}

export const newShape = (name: string, median = 0): Shape => ({
  name,
  median,
  units: 0,
  pressure: 0,
  living: 0,
  livedMs: 0,
  measured: newSample(),
})
