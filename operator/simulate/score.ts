// What a run was worth: the figures of the table, and the curves of the pictures, one point a minute. Filled by the world.
import type { Tally } from './doors.ts'
import { joinP99Ms, type SfuModel, utilisationAt } from './sfu-model.ts'
import type { SimNode } from './sim-node.ts'

export interface Score {
  readonly joins: number
  /** Share of joins that took longer than the goal, because of load. */
  readonly lateShare: number
  /** Minutes in which more than one join in a hundred was late: the 99th percentile was over the goal. */
  readonly minutesOverGoal: number
  /** Every node that exists costs: starting, serving, emptying. */
  readonly nodeHours: number
  /** Share of people, of all who joined, whose node the scaler took away under them. */
  readonly cutShare: number
  readonly cut: number
  /** People whose host was taken away under them; no policy has a say in that. */
  readonly moved: number
  readonly changes: number
  /** Changes of replicas that took back the one before within a quarter of an hour. */
  readonly reversals: number
  /** Minutes that people spent on nodes with more than 95 % of all CPU in use. */
  readonly overloadedPeopleMinutes: number
}

/** One value a minute of the scored time. */
export interface Curves {
  readonly nodes: number[]
  readonly open: number[]
  readonly replicas: number[]
  readonly streams: number[]
  /** Mean utilisation of the nodes that take rooms. */
  readonly utilisation: number[]
  readonly joinP99Ms: number[]
  /** Joins that took longer than the goal, in that minute. */
  readonly late: number[]
  readonly cut: number[]
}

const REVERSAL_SECONDS = 900
const LATE_SHARE = 0.01
const OVERLOADED = 0.95
const MINUTE = 60

export interface Scorer {
  step(step: number, nodes: readonly SimNode[], replicas: number, tally: Tally): void
  changed(step: number, from: number, to: number): void
  readonly score: Score
  readonly curves: Curves
}

export function scorer(model: SfuModel, stepSeconds: number): Scorer {
  const curves: Curves = {
    nodes: [],
    open: [],
    replicas: [],
    streams: [],
    utilisation: [],
    joinP99Ms: [],
    late: [],
    cut: [],
  }
  const stepsPerMinute = MINUTE / stepSeconds
  let begin: Tally | undefined
  let minute: Tally | undefined
  let last: Tally = { joins: 0, late: 0, left: 0, cut: 0, moved: 0 }
  let nodeSteps = 0
  let minutesOverGoal = 0
  let overloadedPeopleMinutes = 0
  let changes = 0
  let reversals = 0
  let lastChange: { readonly at: number; readonly up: boolean } | undefined

  function endMinute(nodes: readonly SimNode[], replicas: number, tally: Tally): void {
    let [open, streams, used, worst, worstPeople] = [0, 0, 0, 0, 0]
    for (const node of nodes) {
      const utilisation = utilisationAt(model, node.streams)
      streams += node.streams
      if (utilisation > OVERLOADED) overloadedPeopleMinutes += node.people
      if (node.phase === 'open') {
        open += 1
        used += utilisation
      }
      if (node.people > 0 && utilisation > worst) {
        worst = utilisation
        worstPeople = node.people
      }
    }
    const joins = tally.joins - (minute?.joins ?? 0)
    const late = tally.late - (minute?.late ?? 0)
    if (joins > 0 && late / joins > LATE_SHARE) minutesOverGoal += 1
    curves.late.push(late)
    curves.nodes.push(nodes.length)
    curves.open.push(open)
    curves.replicas.push(replicas)
    curves.streams.push(streams)
    curves.utilisation.push(open === 0 ? 0 : used / open)
    curves.joinP99Ms.push(worstPeople === 0 ? 0 : joinP99Ms(model, worst))
    curves.cut.push(tally.cut - (begin?.cut ?? 0))
    minute = { ...tally }
  }

  return {
    step(step, nodes, replicas, tally) {
      begin ??= { ...tally }
      minute ??= { ...tally }
      nodeSteps += nodes.length
      last = tally
      if (step % stepsPerMinute === 0) endMinute(nodes, replicas, tally)
    },
    changed(step, from, to) {
      const up = to > from
      changes += 1
      if (lastChange !== undefined && lastChange.up !== up && (step - lastChange.at) * stepSeconds < REVERSAL_SECONDS) {
        reversals += 1
      }
      lastChange = { at: step, up }
    },
    get score() {
      const since = (figure: keyof Tally): number => last[figure] - (begin?.[figure] ?? 0)
      const joins = Math.max(1, since('joins'))
      return {
        joins: since('joins'),
        lateShare: since('late') / joins,
        minutesOverGoal,
        nodeHours: (nodeSteps * stepSeconds) / 3_600,
        cutShare: since('cut') / joins,
        cut: since('cut'),
        moved: since('moved'),
        changes,
        reversals,
        overloadedPeopleMinutes,
      }
    },
    curves,
  }
}
