// How Node is told to stay small. It sizes itself by the machine it sees, which is the host and not the pod, and would let its
// heap grow to four times what it holds before it tidies up. Used where processes of ours are started: pods, chart, benchmarks.

/** The agent sits beside every SFU: no compiler, and a heap that fits its 80 MB. */
export const agentNodeOptions = '--jitless --max-semi-space-size=1 --v8-pool-size=0 --max-old-space-size=64'

/** The operator with 10,000 nodes holds about 150 MB; a known limit makes the heap grow by half at a time, not fourfold. */
export const operatorEnvironment = {
  NODE_OPTIONS: '--max-old-space-size=768 --max-semi-space-size=2',
  // Each thread of glibc would keep memory of its own, and what was needed at the start would never be given back.
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
} as const
