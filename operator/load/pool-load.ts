// The load of a pool as the sum of its nodes, kept up with each beat so that whoever has to enlarge the pool is told at once
// and nobody walks thousands of nodes to find out. Kept by loads.ts.
import type { Watermarks } from '../api/rtcautoscaler-spec.ts'
import type { NodeLoad } from './node-load.ts'
import type { Tier } from './tier.ts'

/** What one node adds. Pressure in millionths: whole numbers can be taken away again without a rest. */
export interface Share {
  readonly millionths: number
  readonly full: boolean
}

export interface PoolLoad {
  /** Over nodes that take rooms, or would if their load let them, and were heard. */
  millionths: number
  heard: number
  /** Of those: take no new rooms because of their load. */
  full: number
  readonly byTier: Record<Tier, number>
  /** What was told of last. */
  toldLevel: number
  toldSaturated: boolean
  /** The least mean since then. */
  lowest: number
}

export const emptyPool = (): PoolLoad => ({
  millionths: 0,
  heard: 0,
  full: 0,
  byTier: { open: 0, prewarm: 0, shed: 0, protect: 0 },
  toldLevel: 0,
  toldSaturated: false,
  lowest: 0,
})

export const shareOf = ({ reading, heard, tier }: NodeLoad): Share | undefined =>
  reading === undefined || !heard
    ? undefined
    : { millionths: Math.round(reading.pressure * 1e6), full: tier.shed.holds || tier.protect.holds }

export function add(pool: PoolLoad, { millionths, full }: Share): void {
  pool.millionths += millionths
  pool.heard += 1
  if (full) pool.full += 1
}

export function takeAway(pool: PoolLoad, { millionths, full }: Share): void {
  pool.millionths -= millionths
  pool.heard -= 1
  if (full) pool.full -= 1
}

/** Mean pressure; undefined while nobody is heard. */
export const meanOf = ({ millionths, heard }: PoolLoad): number | undefined =>
  heard === 0 ? undefined : millionths / heard / 1e6

/** A mean that has risen by this much may ask for another node. */
const RISE = 0.02
/** Fewer open nodes than this share of a pool: it is saturated. */
const OPEN_SHARE = 0.25

/** Whether more may be needed than when it was last told of. Notes that it was told of now. */
export function hasRisen(pool: PoolLoad, watermarks: Watermarks): boolean {
  const mean = meanOf(pool) ?? 0
  const { prewarm, shed, protect } = watermarks
  const level = Number(mean >= prewarm.enter) + Number(mean >= shed.enter) + Number(mean >= protect.enter)
  const isSaturated = pool.heard > 0 && pool.heard - pool.full < OPEN_SHARE * pool.heard
  const rises = level > pool.toldLevel || (isSaturated && !pool.toldSaturated) || mean >= pool.lowest + RISE
  pool.toldLevel = level
  pool.toldSaturated = isSaturated
  pool.lowest = rises ? mean : Math.min(pool.lowest, mean)
  return rises
}
