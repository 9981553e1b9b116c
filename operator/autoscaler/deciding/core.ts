// The whole of the pure core, for whoever drives it: the controller, the simulator and the tests. No I/O, no clock, no chance.
// `learn` folds a snapshot into the memory, `recommend` only reads: it may be asked at any moment, any number of times.

export { LEARNED_VERSION } from '../learning/saved.ts'
export { learn } from './learn.ts'
export { type Change, type Memory, newMemory, noteChange, restored, saved } from './memory.ts'
export { type Recommendation, recommend } from './recommend.ts'
export { scheduleComplaints } from './schedule.ts'
