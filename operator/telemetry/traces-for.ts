// Traces for an endpoint, or none. Called by run.ts and by main.ts for the agent. The libraries are large and most do without,
// so they are loaded only here.
import { type MetricRegistry, metricsFrom } from './metrics.ts'
import type { TracesOptions } from './otlp-traces.ts'
import { noTraces, type Traces, traceMetricTable } from './traces.ts'

export async function tracesFor(
  endpoint: string | undefined,
  { registry, ...others }: Omit<TracesOptions, 'endpoint' | 'metrics'> & { registry: MetricRegistry },
): Promise<Traces> {
  if (endpoint === undefined) return noTraces
  const { otlpTraces } = await import('./otlp-traces.ts')
  return otlpTraces({ ...others, endpoint, metrics: metricsFrom(registry, traceMetricTable) })
}
