// Why a pool has the number of nodes it has: who asked for how many, what each of its nodes is to it, and what is in the way. Pure.
import type { Instant } from '../ambient/clock.ts'
import type { Condition } from '../api/meta.ts'
import { type PoolReason, poolReasons } from '../api/reasons.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { PoolConditionType, RTCNodePool } from '../api/rtcnodepool.ts'
import { conditionOf } from '../kube/conditions.ts'
import { nodeInBrief, peopleOn } from './explain-node.ts'
import { type EventRead, type Explanation, fact, problem, type Sentence, toldBy } from './explanation.ts'
import { type Members, membersOf, type Standing } from './members.ts'
import { poolRemedies, remedyFor } from './remedies.ts'
import { whoSet, writerText } from './who-set.ts'
import { ago, counted, listed, people, sinceMs, spanOf } from './words.ts'

export interface PoolEvidence {
  readonly pool: RTCNodePool
  /** Those whose controller it is. */
  readonly nodes: readonly RTCNode[]
  /** Those that name it, in its namespace. */
  readonly autoscalers: readonly RTCAutoscaler[]
  readonly events: readonly EventRead[]
  readonly now: Instant
}

export function explainPool(evidence: PoolEvidence): Explanation {
  const { pool, nodes, events } = evidence
  const { kind, metadata } = pool
  const members = membersOf(nodes)
  const { name, namespace } = metadata
  return {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    headline: headlineOf(pool, members),
    sentences: [
      ...whoAsked(evidence),
      ...unanswered(pool),
      ...judged(pool),
      ...rollOut(pool),
      ...announced(evidence),
      ...inTheWay(evidence, members),
      ...onTop(evidence, members),
    ],
    events: toldBy(events),
  }
}

function headlineOf({ metadata, spec }: RTCNodePool, members: Members): string {
  const parts = describedStandings
    .filter(([standing]) => members[standing].length > 0)
    .map(([standing, words]) => `${members[standing].length} ${words}`)
  const all = Object.values(members).reduce((sum, nodes) => sum + nodes.length, 0)
  const made = all === 0 ? 'no node' : `${counted(all, 'node')}: ${parts.join(', ')}`
  return `RTCNodePool ${metadata.namespace}/${metadata.name} shall have ${counted(spec.replicas, 'node')} that take rooms, and has ${made}`
}

const describedStandings: readonly (readonly [Standing, string])[] = [
  ['open', 'open'],
  ['full', 'full for now'],
  ['starting', 'starting'],
  ['troubled', 'unable to start'],
  ['unwell', 'unwell'],
  ['closed', 'closed by the pool'],
  ['cordoned', 'cordoned by people'],
  ['draining', 'being deleted'],
]

/** Who is behind spec.replicas, and in its own words why. */
function whoAsked({ pool, autoscalers, now }: PoolEvidence): Sentence[] {
  const { replicas } = pool.spec
  const living = autoscalers.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const acting = living.find(({ spec }) => spec.mode === 'Apply')
  const by = whoSet(pool, 'spec', 'replicas')
  const set = by === undefined ? 'is the default' : `was set by ${writerText(by, now)}`
  const asked = fact(`spec.replicas is ${replicas}: it ${set}`)
  const others = living
    .filter(it => it !== acting)
    .map(it =>
      fact(`RTCAutoscaler ${it.metadata.name} would want ${it.status?.desiredReplicas ?? '?'}; it only recommends`),
    )
  if (acting === undefined) return [asked, ...others]
  const { lastDecision } = acting.status ?? {}
  const why = lastDecision === undefined ? '' : `; last, ${ago(lastDecision.at, now)}: ${lastDecision.why}`
  const more = `kubectl rtc explain autoscaler ${acting.metadata.name}`
  return [
    asked,
    { ...fact(`RTCAutoscaler ${acting.metadata.name} sets it${why}`), remedy: `the whole reckoning: ${more}` },
    ...others,
  ]
}

function unanswered({ metadata, status }: RTCNodePool): Sentence[] {
  if (status?.conditions === undefined)
    return [problem('no operator has said a word about it yet', 'kubectl rtc doctor')]
  return status.observedGeneration === metadata.generation
    ? []
    : [fact('what follows is about its spec as it was before the last change; the operator has not looked at it since')]
}

/** Conditions that tell of something only when they are as here, each of which somebody should know of. */
const alarms: readonly (readonly [PoolConditionType, Condition['status']])[] = [
  ['Available', 'False'],
  ['Degraded', 'True'],
  ['ScalingInhibited', 'True'],
  ['Contested', 'True'],
]

function judged(pool: RTCNodePool): Sentence[] {
  const { conditions } = pool.status ?? {}
  const progressing = conditionOf(conditions, 'Progressing')
  const stalled = conditionOf(conditions, 'Stalled')?.status === 'True'
  const told = alarms.flatMap(([type, status]) => {
    const condition = conditionOf(conditions, type)
    return condition?.status === status ? [sentenceOf(pool, condition, true)] : []
  })
  return progressing === undefined
    ? told
    : [sentenceOf(pool, progressing, stalled || progressing.status === 'False'), ...told]
}

function sentenceOf({ metadata, spec }: RTCNodePool, { reason, message }: Condition, isProblem: boolean): Sentence {
  const meaning = (poolReasons as Readonly<Record<string, string>>)[reason]?.replace(/\.$/, '')
  const names = { name: metadata.name, className: spec.template.spec.className }
  const remedy = remedyFor(poolRemedies[reason as PoolReason], names)
  const says = `${reason}: ${meaning === undefined ? message : `${meaning}: ${message}`}`
  if (isProblem) return problem(says, remedy)
  return remedy === undefined ? fact(says) : { ...fact(says), remedy }
}

function rollOut({ metadata, spec, status }: RTCNodePool): Sentence[] {
  const { pinnedRevision } = spec.strategy
  const { currentRevision, updateRevision, failedStarts } = status ?? {}
  return [
    ...(pinnedRevision === undefined
      ? []
      : [
          {
            ...fact(
              `nodes are made from revision ${pinnedRevision}, because spec.strategy.pinnedRevision says so; spec.template waits`,
            ),
            remedy: `when spec.template is right again: kubectl rtc rollout unpin ${metadata.name}`,
          },
        ]),
    ...(currentRevision === undefined || updateRevision === undefined || currentRevision === updateRevision
      ? []
      : [
          fact(
            `it moves from revision ${currentRevision} to ${updateRevision}: ${status?.updatedReplicas ?? 0} of ${counted(status?.replicas ?? 0, 'node')} there`,
          ),
        ]),
    ...(failedStarts === undefined
      ? []
      : [
          problem(
            `${counted(failedStarts.count, 'node')} of revision ${failedStarts.revision} in a row did not start or did not last; others are tried later and later, one at a time`,
            `see why: kubectl get events --field-selector reason=StartupTimeout; or go back: kubectl rtc rollout undo ${metadata.name}`,
          ),
        ]),
  ]
}

/** What a schedule asks for soon, and who has its hosts made. */
function announced({ pool, now }: PoolEvidence): Sentence[] {
  const it = pool.status?.announced
  if (it === undefined) return []
  const who = it.schedule === undefined ? 'minReplicas of its autoscaler' : `schedule “${it.schedule}”`
  const inMs = -(sinceMs(it.startsAt, now) ?? 0)
  const when = inMs > 0 ? `in ${spanOf(inMs)}` : 'now'
  const words = it.message === undefined ? '' : `: ${it.message}`
  const asked = `${who} asks for ${counted(it.nodes, 'node')} more ${when}`
  return it.by === 'Nothing'
    ? [problem(`${asked}, and no hosts are made for them before${words}`, 'keep room by spec.headroom: {nodes: auto}')]
    : [fact(`${asked}; room on hosts is made by ${it.by === 'Headroom' ? 'spec.headroom' : it.by}${words}`)]
}

const MOST_NODES = 5

/** Nodes that ought to take rooms and do not: the first of them, each in a line. */
function inTheWay({ now }: PoolEvidence, { troubled, unwell, starting }: Members): Sentence[] {
  const amiss = [...troubled, ...unwell]
  const more = (nodes: readonly RTCNode[], what: string): Sentence[] =>
    nodes.length > MOST_NODES ? [fact(`${counted(nodes.length - MOST_NODES, 'node')} more ${what}`)] : []
  return [
    ...amiss
      .slice(0, MOST_NODES)
      .map(node => problem(nodeInBrief(node, now), `kubectl rtc explain node ${node.metadata.name}`)),
    ...more(amiss, 'of the same kind'),
    ...starting.slice(0, MOST_NODES).map(node => fact(nodeInBrief(node, now))),
    ...more(starting, 'on their way'),
  ]
}

/** Nodes that are there and do not count, and why. */
function onTop({ now }: PoolEvidence, { closed, cordoned, draining }: Members): Sentence[] {
  const briefly = (nodes: readonly RTCNode[]): string =>
    listed(
      nodes.map(node => `${node.metadata.name} (${peopleOn(node) === undefined ? '?' : people(peopleOn(node) ?? 0)})`),
    )
  return [
    ...(closed.length === 0
      ? []
      : [
          fact(
            `closed, on top of the others, until they are empty or their deadline comes: ${briefly(closed)}; they are reopened before any node is made`,
          ),
        ]),
    ...(cordoned.length === 0
      ? []
      : [fact(`cordoned by people, so they count no more and stay: ${briefly(cordoned)}`)]),
    ...(draining.length === 0
      ? []
      : [
          fact(
            `deleted, on top of the others, while people finish: ${listed(draining.map(node => nodeInBrief(node, now)))}`,
          ),
        ]),
  ]
}
