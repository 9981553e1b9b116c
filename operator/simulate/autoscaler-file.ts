// The RTCAutoscaler that is to be tried, from a YAML file: judged as the API server would, with the line where it stands.
import { isNode, LineCounter, parseAllDocuments } from 'yaml'
import type { z } from 'zod'
import { API_VERSION } from '../api/meta.ts'
import { RTCAutoscalerKind } from '../api/rtcautoscaler.ts'
import type { RTCAutoscalerSpec } from '../api/rtcautoscaler-spec.ts'
import { scheduleComplaints } from '../autoscaler/deciding/schedule.ts'
import { BadInputError, shown } from './bad-input.ts'

type Path = readonly PropertyKey[]

/** @throws {BadInputError} */
export function readAutoscaler(text: string, file: string): RTCAutoscalerSpec {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines })
  const broken = documents.flatMap(({ errors }) => errors)[0]
  if (broken !== undefined) {
    const line = broken.linePos?.[0].line
    throw new BadInputError(
      { file, line, field: 'YAML' },
      `cannot be read: ${broken.message.split('\n')[0]}`,
      'correct it',
      { cause: broken },
    )
  }
  const found = documents.find(it => it.get('kind') === RTCAutoscalerKind.kind && it.get('apiVersion') === API_VERSION)
  if (found === undefined) {
    throw new BadInputError(
      { file, field: 'kind' },
      `RTCAutoscaler of ${API_VERSION} is not in the file`,
      'hand in the manifest that you would apply; examples/autoscaler.yaml is one',
    )
  }
  const written = (found.toJS() as { readonly spec?: unknown }).spec
  const refuse = (path: Path, problem: string, remedy: string): never => {
    const node = found.getIn(['spec', ...path], true)
    const line = isNode(node) && node.range ? lines.linePos(node.range[0]).line : undefined
    throw new BadInputError({ file, line, field: fieldAt(path) }, problem, remedy)
  }
  const parsed = RTCAutoscalerKind.spec.safeParse(written)
  if (!parsed.success) {
    const issue = parsed.error.issues[0] as z.core.$ZodIssue
    refuse(issue.path, `is ${shown(valueAt(written, issue.path))}: ${issue.message}`, 'see docs/api.md')
  }
  const unknown = unknownIn(written, parsed.data, [])
  if (unknown !== undefined) refuse(unknown, 'is no field', 'correct its name, or take it out; see docs/api.md')
  const spec = parsed.data as RTCAutoscalerSpec
  for (const { path, problem, remedy } of contradictions(spec)) refuse(path, problem, remedy)
  const [complaint] = scheduleComplaints(spec.schedules)
  if (complaint !== undefined) refuse(['schedules'], `cannot be used: ${complaint}`, 'correct it')
  return spec
}

interface Contradiction {
  readonly path: Path
  readonly problem: string
  readonly remedy: string
}

/** The rules that the CRD has between fields (x-kubernetes-validations), which a schema cannot say. */
function* contradictions(spec: RTCAutoscalerSpec): Generator<Contradiction> {
  const { minReplicas, maxReplicas, targets, watermarks, fallback, schedules } = spec
  const { prewarm, shed, protect } = watermarks
  const orderly = 'make them rise: prewarm < shed < protect, and each exit below its enter'
  if (Object.keys(targets).length === 0) {
    yield { path: ['targets'], problem: 'is empty', remedy: 'set one at least, for example joinLatencyP99Ms: 1500' }
  }
  if (minReplicas > maxReplicas) {
    yield {
      path: ['minReplicas'],
      problem: `is ${minReplicas}, more than maxReplicas ${maxReplicas}`,
      remedy: 'raise maxReplicas or lower minReplicas',
    }
  }
  if ((fallback.replicas ?? 0) > maxReplicas) {
    yield {
      path: ['fallback', 'replicas'],
      problem: `is ${fallback.replicas}, more than maxReplicas ${maxReplicas}`,
      remedy: 'raise maxReplicas or lower it',
    }
  }
  for (const [name, { enter, exit }] of Object.entries(watermarks)) {
    if (exit >= enter)
      yield { path: ['watermarks', name], problem: `has exit ${exit} and enter ${enter}`, remedy: orderly }
  }
  if (!(prewarm.enter < shed.enter && shed.enter < protect.enter)) {
    yield {
      path: ['watermarks'],
      problem: `have enter ${prewarm.enter}, ${shed.enter}, ${protect.enter}`,
      remedy: orderly,
    }
  }
  if (!(prewarm.exit <= shed.exit && shed.exit <= protect.exit)) {
    yield { path: ['watermarks'], problem: `have exit ${prewarm.exit}, ${shed.exit}, ${protect.exit}`, remedy: orderly }
  }
  for (const [index, { minReplicas: least, maxReplicas: most, idealReplicas }] of schedules.entries()) {
    const path = ['schedules', index]
    if (least === undefined && most === undefined && idealReplicas === undefined) {
      yield { path, problem: 'does nothing', remedy: 'set minReplicas, maxReplicas or idealReplicas' }
    }
    if (least !== undefined && most !== undefined && least > most) {
      yield { path, problem: `has minReplicas ${least}, more than maxReplicas ${most}`, remedy: 'raise or lower one' }
    }
  }
}

/** What was written and did not come through the schema. */
function unknownIn(written: unknown, read: unknown, path: Path): Path | undefined {
  if (typeof written !== 'object' || written === null || typeof read !== 'object' || read === null) return undefined
  for (const [key, value] of Object.entries(written)) {
    const at = [...path, Array.isArray(written) ? Number(key) : key]
    if (!(key in read)) return at
    const below = unknownIn(value, (read as Readonly<Record<string, unknown>>)[key], at)
    if (below !== undefined) return below
  }
  return undefined
}

const fieldAt = (path: Path): string =>
  path.reduce<string>(
    (field, step) => (typeof step === 'number' ? `${field}[${step}]` : `${field}.${String(step)}`),
    'spec',
  )

const valueAt = (written: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, step) => (value as Record<PropertyKey, unknown> | undefined)?.[step], written)
