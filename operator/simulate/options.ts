// The options of `rtcnode simulate`, apart from the rest: the help must not load what draws and reckons.

/** Each option and its line in the help. */
export const simulateOptions = {
  trace: 'load to replay: CSV with time and participants, or the answer of a Prometheus range query (JSON)',
  workload: 'instead of a trace, a built-in workload: W1 to W8, see docs/scaling.md',
  autoscaler: 'manifest of the RTCAutoscaler to try (YAML); required with --trace',
  classModel: 'how your SFU bears load (JSON, as make calibrate writes it); default: LiveKit',
  drainSeconds: 'how long people may stay on a node that goes; default: 7200, for W5 43200',
  peakNodes: 'how many nodes a built-in workload would fill to the brim at its peak; default: 30',
  seed: 'another seed, another run; default: 1',
  out: 'HTML page with table, curves and decisions to write',
} as const

export type SimulateFlags = Readonly<Partial<Record<keyof typeof simulateOptions, string>>>
