// `rtcnode simulate`: reads the files, runs all policies, prints the table, writes the page. Loaded by main.ts when it is chosen.
import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import type { RTCAutoscalerSpec } from '../api/rtcautoscaler-spec.ts'
import { readAutoscaler } from './autoscaler-file.ts'
import { BadInputError, shown } from './bad-input.ts'
import { type Contest, contest, goalOf, type Result } from './contest.ts'
import livekit from './models/livekit.json' with { type: 'json' }
import type { SimulateFlags } from './options.ts'
import { pageOf } from './page.ts'
import { type SfuModel, sfuModelSchema } from './sfu-model.ts'
import { inColumns, tableOf } from './table.ts'
import { readTrace } from './trace.ts'
import { traceWorkload } from './trace-workload.ts'
import { usualSpec } from './usual.ts'
import type { Workload } from './workload.ts'
import { type WorkloadName, workloadNames, workloadOf } from './workloads.ts'

/** @throws {BadInputError} whatever is wrong with flags and files. */
export function simulate(flags: SimulateFlags, print: (line: string) => void): void {
  const seed = numberOf(flags.seed, '--seed', { fallback: 1, least: 0, most: 2 ** 31 - 1 })
  const model = modelOf(flags.classModel)
  const workload = workloadFor(flags, model, seed)
  const fallback = workload.drainSeconds
  const drainSeconds = numberOf(flags.drainSeconds, '--drain-seconds', { fallback, least: 0, most: 604_800 })
  const spec = specFor(flags, model)
  const subject = { model, workload, spec, seed, drainSeconds } satisfies Contest
  const result = contest(subject)
  const notes = notesOn(subject, result)
  for (const note of notes) print(note)
  print('')
  print(inColumns(tableOf(result)))
  if (flags.out === undefined) return
  const title = flags.trace === undefined ? `${workload.name}: ${workload.title}` : `Trace ${flags.trace}`
  write(flags.out, pageOf(workload, result, { title, notes }))
  print(`\nwrote ${flags.out}`)
}

function workloadFor({ trace, workload, peakNodes }: SimulateFlags, model: SfuModel, seed: number): Workload {
  if (trace !== undefined && workload !== undefined) {
    throw new BadInputError(
      { file: 'rtcnode simulate', field: '--workload' },
      'and --trace were both given',
      'leave one out',
    )
  }
  if (trace !== undefined) return traceWorkload(readTrace(read(trace, '--trace'), trace), seed)
  if (workload === undefined) {
    throw new BadInputError(
      { file: 'rtcnode simulate', field: '--trace' },
      'is missing',
      'give a file, or --workload W1; examples/trace.csv is one to begin with',
    )
  }
  if (!(workloadNames as readonly string[]).includes(workload)) {
    throw new BadInputError(
      { file: 'rtcnode simulate', field: '--workload' },
      `is ${shown(workload)}`,
      `choose one of ${workloadNames.join(', ')}`,
    )
  }
  const peak = numberOf(peakNodes, '--peak-nodes', { fallback: 30, least: 1, most: 5_000 })
  return workloadOf(workload as WorkloadName, { model, seed, peakNodes: peak })
}

function specFor({ autoscaler, workload }: SimulateFlags, model: SfuModel): RTCAutoscalerSpec {
  if (autoscaler !== undefined) {
    // What it would do is the question, so it does it.
    return { ...readAutoscaler(read(autoscaler, '--autoscaler'), autoscaler), mode: 'Apply', paused: false }
  }
  if (workload !== undefined) return usualSpec(model)
  throw new BadInputError(
    { file: 'rtcnode simulate', field: '--autoscaler' },
    'is missing',
    'give the manifest you would apply; examples/autoscaler.yaml is one',
  )
}

function modelOf(file: string | undefined): SfuModel {
  if (file === undefined) return sfuModelSchema.parse(livekit)
  const text = read(file, '--class-model')
  let written: unknown
  try {
    written = JSON.parse(text)
  } catch (error) {
    throw new BadInputError({ file, field: 'file' }, `is no JSON: ${String(error)}`, 'correct it', { cause: error })
  }
  const parsed = sfuModelSchema.safeParse(written)
  if (parsed.success) return parsed.data
  const { path = [], message = '' } = parsed.error.issues[0] ?? {}
  const value = path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step], written)
  throw new BadInputError(
    { file, field: path.join('.') || 'file' },
    `is ${shown(value)}: ${message}`,
    'write it as make calibrate does',
  )
}

interface Range {
  readonly fallback: number
  readonly least: number
  readonly most: number
}

function numberOf(text: string | undefined, field: string, { fallback, least, most }: Range): number {
  if (text === undefined) return fallback
  const parsed = z.coerce
    .number()
    .int()
    .min(least)
    .max(most)
    .safeParse(text.trim() === '' ? undefined : text)
  if (parsed.success) return parsed.data
  throw new BadInputError(
    { file: 'rtcnode simulate', field },
    `is ${shown(text)}`,
    `write a whole number from ${least} to ${most}`,
  )
}

function read(file: string, field: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new BadInputError({ file, field }, `cannot be read: ${String(error)}`, 'check the path', { cause: error })
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new BadInputError({ file, field: '--out' }, `cannot be written: ${String(error)}`, 'check the path', {
      cause: error,
    })
  }
}

function notesOn({ workload, model, spec, drainSeconds }: Contest, { outcomes }: Result): string[] {
  const joins = outcomes[0]?.score.joins ?? 0
  const days = ((workload.steps - workload.scoredFrom) * workload.stepSeconds) / 86_400
  const { sfu, origin, measuredOn } = model
  return [
    `${workload.name === 'trace' ? 'The trace' : `${workload.name}, ${workload.title}`}: ${days.toFixed(1)} days, ${joins} joins; late is a join that takes longer than ${Math.round(goalOf(spec, model))} ms because of load.`,
    `SFU model: ${sfu}; ${origin}${measuredOn === undefined ? '' : ` (${measuredOn})`}.`,
    `People may stay for ${drainSeconds} s on a node that goes. KEDA's participants a pod are tuned on this very load. Others' pods are of a Deployment.`,
  ]
}
