// W1 to W8: late joins, node-hours and people cut of our policy beside what people use today, by simulation.
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { TUNED_LATE_SHARE } from '../../operator/simulate/contest.ts'
import livekit from '../../operator/simulate/models/livekit.json' with { type: 'json' }
import { joinP99Ms, sfuModelSchema } from '../../operator/simulate/sfu-model.ts'
import { type WorkloadName, workloadNames, workloadOf } from '../../operator/simulate/workloads.ts'
import { type Estimate, estimate, shares } from './estimate.ts'
import type { Benchmark, Figure, Log } from './figure.ts'
import { type Match, PEAK_NODES, type Played, tuned } from './workload-match.ts'

const SEEDS = [1, 2, 3, 4, 5] as const
/** Percent. */
const GOALS = { late: 0.16, cut: 0.005 } as const
const model = sfuModelSchema.parse(livekit)

export const workloads: Benchmark = {
  name: 'workloads',
  title: 'Eight workloads, our policy and others',
  method: `\`rtcnode simulate\`, seeds ${SEEDS.join(', ')}: two working days after a week to learn from; at the peak of a usual day the streams would fill ${PEAK_NODES} nodes. Late is a join that takes longer than ${Math.round(joinP99Ms(model, 0.8))} ms because of load. KEDA sums the participants of all pods, or of those that serve, and has the most participants a pod that leave ${TUNED_LATE_SHARE * 100} % late on W1 with a seed of its own, as somebody would find who tunes it on usual days; its
pods and our nodes are given two hours to empty (W5: twelve), those with “10 min grace” ten minutes. The clairvoyant minimum packs everybody perfectly and needs no time to start nodes. Figures are means with
95 % intervals over the seeds. SFU model: ${livekit.sfu}; ${livekit.origin}.

${workloadNames.map(name => `- **${name}** ${workloadOf(name, { model, seed: 1, peakNodes: 1 }).title}`).join('\n')}`,
  async run(log) {
    const participants = tuned(model)
    log(`KEDA tuned: ${participants.all} participants a pod, ${participants.serving} a serving pod`)
    const matches = workloadNames.flatMap(workload => SEEDS.map(seed => ({ workload, seed, participants })))
    const played = await playAll(matches, log)
    return { figures: figuresOf(played), details: [...tables(played), losses(played)] }
  },
}

async function playAll(matches: readonly Match[], log: Log): Promise<Played[]> {
  const left = [...matches]
  const played: Played[] = []
  const thread = async (): Promise<void> => {
    for (let match = left.shift(); match !== undefined; match = left.shift()) {
      played.push(await inThread(match))
      log(`${match.workload}, seed ${match.seed} (${played.length} of ${matches.length})`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, thread))
  return played.toSorted((a, b) => a.workload.localeCompare(b.workload) || a.seed - b.seed)
}

const inThread = (match: Match): Promise<Played> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./workload-match.ts', import.meta.url), { workerData: match })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code =>
      reject(new Error(`the thread of ${match.workload}, seed ${match.seed} ended with ${code}`)),
    )
  })

type Policy = Played['scores'][number]
type Measure = (policy: Policy, played: Played) => number

/** As workload-match.ts plays them. */
const [DEFAULT, APPLIED, KEDA, KEDA_SERVING] = [0, 1, 2, 3]

const late: Measure = ({ score }) => 100 * score.lateShare
const cut: Measure = ({ score }) => 100 * score.cutShare
const nodeHours: Measure = ({ score }) => score.nodeHours
const overMinimum: Measure = ({ score }, { minimumNodeHours }) => 100 * (score.nodeHours / minimumNodeHours - 1)
const minutes: Measure = ({ score }) => score.minutesOverGoal
const reversals: Measure = ({ score }) => score.reversals

const over = (played: readonly Played[], policy: number, measure: Measure): Estimate =>
  estimate(played.map(it => measure(it.scores[policy] as Policy, it)))

const of = (played: readonly Played[], workload: WorkloadName): Played[] =>
  played.filter(it => it.workload === workload)

function figuresOf(played: readonly Played[]): Figure[] {
  const whole = (policy: number, measure: Measure): number => over(played, policy, measure).mean
  const worst = (policy: number, measure: Measure) =>
    workloadNames
      .map(name => ({ name, mean: over(of(played, name), policy, measure).mean }))
      .reduce((a, b) => (b.mean > a.mean ? b : a))
  const goal = (what: string, policy: number, measure: Measure, most: number): Figure => {
    const [mean, hardest] = [whole(policy, measure), worst(policy, measure)]
    return {
      what: `${what}, mean of W1–W8`,
      measured: `${shares(mean)} (worst: ${hardest.name}, ${shares(hardest.mean)})`,
      goal: `≤ ${most} %`,
      isMet: mean <= most,
      baseline: `KEDA tuned ${shares(whole(KEDA, measure))}`,
      ratio: mean / whole(KEDA, measure),
    }
  }
  const hours = (what: string, policy: number): Figure => ({
    what: `node-hours of two days, ${what}, mean of W1–W8`,
    measured: whole(policy, nodeHours).toFixed(0),
    goal: '≤ KEDA tuned',
    isMet: whole(policy, nodeHours) <= whole(KEDA, nodeHours),
    baseline: `KEDA tuned ${whole(KEDA, nodeHours).toFixed(0)}`,
    ratio: whole(policy, nodeHours) / whole(KEDA, nodeHours),
  })
  const [calm, faulty] = [
    over(of(played, 'W1'), APPLIED, nodeHours).mean,
    over(of(played, 'W8'), APPLIED, nodeHours).mean,
  ]
  return [
    goal('late joins, forecast applied', APPLIED, late, GOALS.late),
    goal('late joins, defaults', DEFAULT, late, GOALS.late),
    hours('forecast applied', APPLIED),
    hours('defaults', DEFAULT),
    goal('people cut, forecast applied', APPLIED, cut, GOALS.cut),
    goal('people cut, defaults', DEFAULT, cut, GOALS.cut),
    {
      what: 'W8: more node-hours because joins are slow for no reason of load',
      measured: shares(100 * (faulty / calm - 1)),
      goal: '≤ 1 %',
      isMet: faulty / calm <= 1.01,
    },
  ]
}

function tables(played: readonly Played[]): string[] {
  const policies = played[0]?.scores.map(({ policy }) => policy) ?? []
  const table = (title: string, measure: Measure, show: (value: Estimate) => string): string =>
    [
      `**${title}**\n`,
      `| | ${policies.join(' | ')} |`,
      `|---|${policies.map(() => '---').join('|')}|`,
      ...workloadNames.map(
        name => `| ${name} | ${policies.map((_, index) => show(over(of(played, name), index, measure))).join(' | ')} |`,
      ),
    ].join('\n')
  const whole = ({ mean, half }: Estimate): string => `${mean.toFixed(0)} ± ${half.toFixed(0)}`
  const fine = ({ mean, half }: Estimate): string => `${mean.toFixed(3)} ± ${half.toFixed(3)}`
  return [
    table('Late joins, %', late, fine),
    table('Node-hours', nodeHours, whole),
    table('Node-hours over the clairvoyant minimum, %', overMinimum, whole),
    table('People cut, % of joins', cut, fine),
    table('Minutes in which more than one join in a hundred was late', minutes, whole),
    table('Changes of size taken back within 15 minutes', reversals, whole),
  ]
}

/** Where others are better than we are. */
function losses(played: readonly Played[]): string {
  const policies = played[0]?.scores.map(({ policy }) => policy) ?? []
  const cheaper = policies.slice(KEDA_SERVING + 1).flatMap((policy, index) => {
    const [hours, lateness, cuts] = [nodeHours, late, cut].map(
      measure => over(played, KEDA_SERVING + 1 + index, measure).mean,
    )
    const saved = 100 * (1 - (hours ?? 0) / over(played, APPLIED, nodeHours).mean)
    if (saved <= 0) return []
    return [
      `- ${policy}: ${saved.toFixed(0)} % fewer node-hours, for ${shares(lateness ?? 0)} late joins and ${shares(cuts ?? 0)} of people cut`,
    ]
  })
  const lost = (other: number): string[] => {
    const found = workloadNames.flatMap(name => lossesTo(other, of(played, name)).map(loss => `- ${name}, ${loss}`))
    return found.length === 0 ? ['- nowhere'] : found
  }
  return [
    '**Where we lose** (forecast applied)\n',
    'Workloads that miss a goal for themselves:\n',
    ...missed(played),
    '\nTo the tuned KEDA that sums over all pods:\n',
    ...lost(KEDA),
    '\nTo the tuned KEDA that leaves out pods which are being deleted:\n',
    ...lost(KEDA_SERVING),
    '\nTo those that do not keep the goals:\n',
    ...cheaper,
  ].join('\n')
}

function missed(played: readonly Played[]): string[] {
  const found = workloadNames.flatMap(name => {
    const [lateness, cuts] = [late, cut].map(measure => over(of(played, name), APPLIED, measure).mean)
    return [
      ...((lateness ?? 0) > GOALS.late ? [`- ${name}: ${shares(lateness ?? 0)} late joins`] : []),
      ...((cuts ?? 0) > GOALS.cut ? [`- ${name}: ${shares(cuts ?? 0)} of people cut`] : []),
    ]
  })
  return found.length === 0 ? ['- none'] : found
}

function lossesTo(other: number, played: readonly Played[]): string[] {
  const figures = [
    { what: 'late joins', measure: late, unit: ' %', digits: 3 },
    { what: 'node-hours', measure: nodeHours, unit: '', digits: 0 },
    { what: 'people cut', measure: cut, unit: ' %', digits: 3 },
    { what: 'minutes over the goal', measure: minutes, unit: '', digits: 0 },
  ]
  return figures.flatMap(({ what, measure, unit, digits }) => {
    const [we, they] = [over(played, APPLIED, measure), over(played, other, measure)]
    if (we.mean <= they.mean) return []
    const isSure = we.mean - they.mean > Math.hypot(we.half, they.half)
    const pair = `${we.mean.toFixed(digits)}${unit} against ${they.mean.toFixed(digits)}${unit}`
    return [`${what}: ${pair}${isSure ? '' : ' (within the intervals)'}`]
  })
}
