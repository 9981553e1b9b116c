// Why a node is where it is: Pending, serving, closed or draining, in whose name, until when, and what helps. Pure.
import { type Instant, later, toTimestamp } from '../ambient/clock.ts'
import { type ClosingReason, closedByPool } from '../api/closed-by-pool.ts'
import type { Pod } from '../api/core.ts'
import { annotations } from '../api/marks.ts'
import { type NodeReason, nodeReasons, startTroubles, unwellReasons } from '../api/reasons.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodeClass } from '../api/rtcnodeclass.ts'
import { conditionOf } from '../kube/conditions.ts'
import { poolOf } from '../kube/owner.ts'
import { startsSince } from '../lifecycle/pod-view.ts'
import { type EventRead, type Explanation, fact, problem, type Sentence, toldBy } from './explanation.ts'
import { nodeRemedies, remedyFor } from './remedies.ts'
import { whoSet, writerText } from './who-set.ts'
import { ago, figure, leftUntil, listed, people, sinceMs, spanOf } from './words.ts'

export interface NodeEvidence {
  readonly node: RTCNode
  /** Of these, undefined: there is none, or the caller may not read it. */
  readonly nodeClass: RTCNodeClass | undefined
  readonly pod: Pod | undefined
  readonly events: readonly EventRead[]
  /** By the API server’s clock. */
  readonly now: Instant
}

export function explainNode(evidence: NodeEvidence): Explanation {
  const { node, events } = evidence
  const { kind, metadata } = node
  const { name, namespace } = metadata
  return {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    headline: headlineOf(evidence),
    sentences: [...whereItIs(evidence), ...skipped(node), ...marksOf(node), ...hostOf(evidence)],
    events: toldBy(events),
  }
}

/** A reason of another version of the operator is shown as it is. */
export const meaningOf = (reason: string): string | undefined =>
  (nodeReasons as Readonly<Record<string, string>>)[reason]?.replace(/\.$/, '')

/** In one line, as for the lists of other explanations. */
export function nodeInBrief(node: RTCNode, now: Instant): string {
  const ready = conditionOf(node.status?.conditions, 'Ready')
  const reason = ready?.reason ?? 'Pending'
  const message = ready?.message ?? meaningOf(reason) ?? ''
  const who = peopleOn(node)
  const where = `${node.metadata.name} (${reason}${who === undefined ? '' : `, ${people(who)}`})`
  const drain = node.status?.drain
  if (drain !== undefined) return `${where}: ${leftUntil(drain.deadline, now)}`
  return `${where}: ${message}`
}

export const peopleOn = ({ status }: RTCNode): number | undefined =>
  status?.drain === undefined ? status?.load?.sessions : status.drain.sessionsRemaining

const reasonOf = ({ status }: RTCNode): NodeReason =>
  (conditionOf(status?.conditions, 'Ready')?.reason as NodeReason | undefined) ?? 'Pending'

function headlineOf({ node, now }: NodeEvidence): string {
  const { name, namespace, creationTimestamp } = node.metadata
  const phase = node.status?.phase ?? 'Pending'
  const since = conditionOf(node.status?.conditions, 'Ready')?.lastTransitionTime ?? creationTimestamp
  const pool = poolOf(node)
  const whose = pool === undefined ? 'belongs to no pool' : `of pool ${pool.split('/').at(-1)}`
  return `RTCNode ${namespace}/${name} (${whose}) is ${phase}: ${reasonOf(node)}, ${stateOf(node)} for ${spanOf(sinceMs(since, now) ?? 0)}`
}

const stateOf = ({ metadata, status }: RTCNode): string => {
  if (metadata.deletionTimestamp !== undefined) return 'not taking rooms'
  return conditionOf(status?.conditions, 'Ready')?.status === 'True' ? 'ready' : 'not ready'
}

function whereItIs(evidence: NodeEvidence): Sentence[] {
  const { node } = evidence
  if (node.metadata.deletionTimestamp !== undefined) return draining(evidence)
  return (node.status?.phase ?? 'Pending') === 'Pending' ? pending(evidence) : running(evidence)
}

const troubles: ReadonlySet<string> = new Set(startTroubles)

/** The operator’s sentence, with what the reason means in general and what helps. */
function reasonSentence({ node }: NodeEvidence, isProblem: boolean): Sentence {
  const reason = reasonOf(node)
  const message = conditionOf(node.status?.conditions, 'Ready')?.message
  const says = [meaningOf(reason) ?? reason, ...(message === undefined || message === '' ? [] : [message])].join(': ')
  const names = { name: node.metadata.name, pool: poolOf(node)?.split('/').at(-1), className: node.spec.className }
  const remedy = remedyFor(nodeRemedies[reason], names)
  if (isProblem) return problem(says, remedy)
  return remedy === undefined ? fact(says) : { ...fact(says), remedy }
}

/** Longer than any operator that works leaves a new node without a word. */
const UNTOUCHED_MS = 30_000

function pending(evidence: NodeEvidence): Sentence[] {
  const { node, nodeClass, pod, now } = evidence
  const ageMs = sinceMs(node.metadata.creationTimestamp, now) ?? 0
  const isUntouched = node.status?.conditions === undefined
  const reason = reasonOf(node)
  const timeoutSeconds = nodeClass?.spec.health.startupTimeoutSeconds
  const startedAt = pod && startsSince(pod)
  const givesUp =
    startedAt === undefined || timeoutSeconds === undefined
      ? []
      : [
          fact(
            `it is given up at ${toTimestamp(later(startedAt, timeoutSeconds * 1_000))} if it is not Running by then (health.startupTimeoutSeconds of its class is ${timeoutSeconds}); ${poolOf(node) === undefined ? 'nobody makes another' : 'its pool makes another'}`,
          ),
        ]
  return [
    reasonSentence(evidence, troubles.has(reason) || (isUntouched && ageMs > UNTOUCHED_MS)),
    ...(isUntouched && ageMs > UNTOUCHED_MS
      ? [problem(`it was made ${spanOf(ageMs)} ago and no operator has said a word about it`, 'kubectl rtc doctor')]
      : []),
    ...givesUp,
  ]
}

const unwell: ReadonlySet<string> = new Set<NodeReason>([...unwellReasons, 'StartupTimeout'])

function running(evidence: NodeEvidence): Sentence[] {
  const { node, now } = evidence
  const load = node.status?.load
  const about = [
    ...(load?.rooms === undefined ? [] : [`${load.rooms} rooms`]),
    ...(load?.cpuPercent === undefined ? [] : [`${figure(load.cpuPercent)} % CPU`]),
    ...(load?.joinLatencyP99Ms === undefined ? [] : [`99 of 100 joins within ${figure(load.joinLatencyP99Ms)} ms`]),
  ]
  return [
    reasonSentence(evidence, unwell.has(reasonOf(node))),
    ...closed(evidence),
    ...(load === undefined
      ? []
      : [fact([`${people(load.sessions)} there ${ago(load.observedAt, now)}`, ...about].join(', '))]),
  ]
}

const whyClosed: Readonly<Record<ClosingReason, string>> = {
  ScaleIn: 'it was one too many',
  RollOut: 'it is of an older revision',
  HostGoing: 'its host is about to go',
}

/** In whose name it takes no rooms, and what becomes of it. */
function closed({ node, now }: NodeEvidence): Sentence[] {
  if (!node.spec.cordoned) return []
  const { name } = node.metadata
  const byPool = closedByPool(node)
  if (byPool !== undefined) {
    const why = whyClosed[byPool.reason]
    return [
      fact(
        `its pool closed it because ${why}; it goes when nobody has been there for a while, or at the deadline: ${leftUntil(byPool.deadline, now)}`,
      ),
      fact(`until then it can be taken back: kubectl rtc undrain ${name}`),
    ]
  }
  const by = whoSet(node, 'spec', 'cordoned')
  return [
    fact(
      `people have cordoned it${by === undefined ? '' : ` (${writerText(by, now)})`}: its pool makes another in its place, and neither opens nor deletes it; open it with kubectl rtc uncordon ${name}`,
    ),
  ]
}

function draining(evidence: NodeEvidence): Sentence[] {
  const { node, now } = evidence
  const { drain } = node.status ?? {}
  const { deletionTimestamp } = node.metadata
  const isLate = drain !== undefined && (sinceMs(drain.deadline, now) ?? 0) > LATE_MS
  const because = drain?.reason ?? 'Deleted'
  const who = drain?.sessionsRemaining
  return [
    fact(`it was deleted ${ago(deletionTimestamp, now)}, which drains it: ${meaningOf(because) ?? because}`),
    reasonSentence(evidence, false),
    ...(drain === undefined
      ? [problem('no operator has begun the drain', 'kubectl rtc doctor')]
      : [
          fact(
            `${who === undefined ? 'it is not known how many people are left' : `${people(who)} left`}; they may stay: ${leftUntil(drain.deadline, now)}`,
          ),
        ]),
    ...(isLate
      ? [
          problem(
            'deadline and grace are over and it is still there',
            `kubectl rtc doctor; what holds it are its finalizers: ${listed(node.metadata.finalizers ?? [])}`,
          ),
        ]
      : []),
    fact('a deletion cannot be taken back; its pool, if it has one, makes another node at once'),
  ]
}

/** The grace of a class is ten minutes at most. */
const LATE_MS = 600_000

const skipped = ({ status }: RTCNode): Sentence[] =>
  status?.drain?.skipped === undefined
    ? []
    : [
        problem(
          `given up after deadline and grace, because nobody answered: ${listed(status.drain.skipped, 8)}`,
          'the logs of its agent, if they are kept, and kubectl rtc doctor tell why',
        ),
      ]

function marksOf({ metadata }: RTCNode): Sentence[] {
  const { [annotations.scaleInProtection]: isProtected, [annotations.deletionPriority]: priority } =
    metadata.annotations ?? {}
  return [
    ...(isProtected === 'true'
      ? [fact(`neither scale-in nor a roll-out takes it: ${annotations.scaleInProtection} is "true"`)]
      : []),
    ...(priority === undefined
      ? []
      : [fact(`its ${annotations.deletionPriority} is ${priority}; the highest goes first`)]),
  ]
}

function hostOf({ node: { status } }: NodeEvidence): Sentence[] {
  const told = conditionOf(status?.conditions, 'Disrupted')
  if (status?.disruption === undefined || told?.status !== 'True') return []
  const host = status.nodeName ?? ''
  if (status.disruption.kind === 'Advisory')
    return [fact(`its host ${host} may go, so it gets fewer rooms: ${told.message}`)]
  return [
    problem(
      `its host ${host} is about to go, so it takes no new rooms and its pool replaces it: ${told.message}`,
      `nothing, if that is wanted; to keep the host, take the notice back, for example kubectl uncordon ${host}: then it takes rooms again`,
    ),
  ]
}
