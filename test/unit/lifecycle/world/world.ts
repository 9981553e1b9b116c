// A small world that goes by chance: people, an API server, a registry, SFUs, and one or two operators that see all of it
// late, partly or twice. One seed is one schedule. After the schedule the faults end, everything is deleted, and nothing
// may be left. `world.test.ts` runs many.
import { instant, later, toTimestamp } from '../../../../operator/ambient/clock.ts'
import { closedByPool, closingReasons } from '../../../../operator/api/closed-by-pool.ts'
import type { Pod } from '../../../../operator/api/core.ts'
import { FINALIZER } from '../../../../operator/api/marks.ts'
import { API_VERSION } from '../../../../operator/api/meta.ts'
import type { RTCNode } from '../../../../operator/api/rtcnode.ts'
import type { Disruption } from '../../../../operator/cluster/disruption.ts'
import { aClass, aDisruption, poolMark, T0 } from '../build.ts'
import { apiServer, type KindName } from './api-server.ts'
import { type Chance, chanceFrom, weighted } from './chance.ts'
import { host } from './host.ts'
import { monitors, Violation } from './monitors.ts'
import { Crash, type Operator, type Surroundings, startOperator, type Tampering } from './operator.ts'
import { registry } from './registry.ts'
import { agentRound, crash, end, type Ledger, type Sfu } from './sfu.ts'

const kinds: readonly KindName[] = ['RTCNode', 'Pod']

/** How often each thing happens, relative to the others; a swarm schedule draws its own mix. */
const ordinary = {
  steady: 30,
  tick: 8,
  reconcile: 25,
  hear: 12,
  hearRegistry: 8,
  join: 10,
  leave: 8,
  createNode: 8,
  deleteNode: 3,
  poolCloses: 1.5,
  poolReopens: 0.5,
  poolDeletes: 3,
  cordon: 1,
  editDeadline: 1,
  deletePod: 1,
  forcePod: 0.4,
  foreignPod: 0.3,
  stripFinalizer: 0.2,
  collectGarbage: 4,
  restartOperator: 2,
  loseEvents: 1,
  relist: 1,
  registryDown: 1,
  registryUp: 2,
  crashSfu: 0.7,
  hangSfu: 0.5,
  killAgent: 0.5,
  deafAgent: 0.2,
  neverEmpties: 0.5,
  failPod: 0.4,
  hostDark: 0.5,
  hostBack: 1.5,
  hostAnnounces: 0.7,
  hostStays: 1.5,
  classGone: 0.3,
  classBack: 1,
}
type Happening = keyof typeof ordinary

function swarm(chance: Chance): Record<Happening, number> {
  const drawn = Object.entries(ordinary).map(([name, weight]) => [
    name,
    chance.hits(0.3) ? 0 : weight * 8 ** (chance.next() * 2 - 1),
  ])
  return { ...Object.fromEntries(drawn), steady: 20, reconcile: 20, createNode: 8 } as Record<Happening, number>
}

export interface Outcome {
  readonly violation?: Violation
  readonly trace: readonly string[]
  /** What the schedule has reached, to show that the search visits the interesting places. */
  readonly goals: ReadonlySet<string>
}

const STEPS = 60
/** What takes time is looked at in one schedule of so many. */
const SOMETIMES = 8

export async function runSchedule(seed: number, tampering: Tampering = {}): Promise<Outcome> {
  const world = makeWorld(seed, tampering)
  try {
    for (let step = 0; step < STEPS; step++) await world.step()
    await world.endFaultsAndDeleteAll()
    return { trace: world.trace, goals: world.goals }
  } catch (error) {
    if (!(error instanceof Violation))
      throw new Error(`seed ${seed}: ${(error as Error).stack}\n${world.trace.join('\n')}`, { cause: error })
    return { violation: error, trace: [...world.trace, error.message], goals: world.goals }
  }
}

function makeWorld(seed: number, tampering: Tampering) {
  const chance = chanceFrom(seed)
  const pick = weighted(seed % 2 === 0 ? ordinary : swarm(chance))
  const names = chance.hits(0.3) ? ['a', 'b'] : ['a']
  const trace: string[] = []
  const goals = new Set<string>()
  let now = T0
  let calm = false
  let nodeClass: ReturnType<typeof aClass> | undefined = aClass({
    drain: { deadlineSeconds: 20, evictGraceSeconds: 10, emptySamples: 2 },
    health: { startupTimeoutSeconds: 60, unhealthyAfterSeconds: 15 },
  })
  const everyClass = nodeClass
  const clock = () => now
  const api = apiServer(clock)
  const etcd = registry(clock)
  const sfus = new Map<string, Sfu>()
  let notice: Disruption | undefined
  const watching = monitors({ api, etcd, sfus, now: clock, notice: () => notice })
  const ledger: Ledger = {
    ended(sfu, how, sessions) {
      trace.push(`  ${sessions} on ${sfu.podUID}: ${how}`)
      goals.add(`sessions ${how}`)
      watching.sessionsEnded(sfu, how, sessions)
    },
  }

  const machine = host(api, sfus, ledger, clock)

  const surroundings: Surroundings = {
    api,
    etcd: watched(etcd),
    watching,
    nodeClass: () => nodeClass,
    notice: () => notice,
    now: clock,
    note: line => trace.push(line),
    aroundCall(moment) {
      if (calm) return
      if (chance.hits(0.05)) happen(chance.oneOf(meanwhile)!)
      if (moment !== 'read' && chance.hits(0.01)) throw new Crash(`crash ${moment} a write`)
    },
  }
  let operators: Operator[] = [startOperator(surroundings, tampering, { RTCNode: 0, Pod: 0 })]

  /** The registry as the operators write to it: every intent goes by the monitors. */
  function watched(real: typeof etcd): typeof etcd {
    return {
      ...real,
      get up() {
        return real.up
      },
      writeIntent(name, intent, expect) {
        const before = real.intent(name)?.intent
        const answer = real.writeIntent(name, intent, expect)
        watching.intentWritten(name, before, intent)
        if (before?.drain?.reason === 'Disrupted' && intent?.drain === undefined) goals.add('its host stays')
        return answer
      },
    }
  }

  const someName = (): string => chance.oneOf(names)!
  const someSfu = (): Sfu | undefined => chance.oneOf([...sfus.values()])
  const someOperator = (): number => chance.below(operators.length)

  function restart(index: number, fresh = false): void {
    const from = (kind: KindName): number => {
      const { length } = api.history[kind]
      return fresh || chance.hits(0.4) ? length : Math.max(0, length - chance.below(12))
    }
    operators[index] = startOperator(surroundings, tampering, { RTCNode: from('RTCNode'), Pod: from('Pod') })
  }

  async function asOperator(index: number, act: (operator: Operator) => Promise<void>): Promise<void> {
    try {
      await act(operators[index]!)
    } catch (error) {
      if (!(error instanceof Crash)) throw error
      trace.push(`  operator ${index}: ${error.message}`)
      restart(index)
    }
  }

  function tick(ms: number): void {
    now = instant(now + ms)
    for (const sfu of sfus.values()) if (calm || chance.hits(0.9)) agentRound(sfu, etcd, now, ledger)
    etcd.expire()
    machine.round()
  }

  /** Orphans go by their own grace, whenever the collector comes to it. */
  function collectGarbage(): void {
    for (const pod of api.pods()) {
      const owner = pod.metadata.ownerReferences?.[0]
      if (owner === undefined || pod.metadata.deletionTimestamp !== undefined) continue
      if (api.node(owner.name)?.metadata.uid === owner.uid) continue
      goals.add('orphan collected')
      watching.deletedByOthers(pod.metadata.uid)
      api.delete('Pod', pod.metadata.name, {})
    }
  }

  // --- what may happen ------------------------------------------------------------------------------------------

  function editSpec(name: string, change: (spec: RTCNode['spec']) => RTCNode['spec']): void {
    const node = api.node(name)
    if (node === undefined) return
    const generation = (node.metadata.generation ?? 0) + 1
    api.update('RTCNode', name, {}, it => ({ ...it, metadata: { ...it.metadata, generation }, spec: change(it.spec) }))
  }

  /** As a pool closes a node and opens it again: with its mark, in one write. */
  function setClosed(node: RTCNode, cordoned: boolean, annotations: Readonly<Record<string, string>>): void {
    const generation = (node.metadata.generation ?? 0) + 1
    api.update('RTCNode', node.metadata.name, {}, it => ({
      ...it,
      metadata: { ...it.metadata, generation, annotations },
      spec: { ...it.spec, cordoned },
    }))
  }

  function deletePod(graceSeconds?: number): void {
    const pod = api.pod(someName())
    if (pod === undefined) return
    watching.deletedByOthers(pod.metadata.uid)
    if (graceSeconds === 0) api.removePod(pod.metadata.uid)
    else api.delete('Pod', pod.metadata.name, {}, graceSeconds)
  }

  const happenings: Record<Exclude<Happening, 'steady' | 'reconcile'>, () => void> = {
    tick: () => tick(1_000 * (1 + chance.below(6))),
    hear: () => operators[someOperator()]!.hear(chance.oneOf(kinds)!, 1 + chance.below(3)),
    hearRegistry: () => operators[someOperator()]!.hearRegistry(),
    // Signalling places people where the registry says “serving”; who has a room keeps its link.
    join() {
      const sfu = someSfu()
      if (sfu === undefined || sfu.hung) return
      const key = etcd.key(sfu.name)
      const offered = key?.heartbeat.podUID === sfu.podUID && key.heartbeat.state === 'serving'
      if ((offered && sfu.stance.admission === 'open') || sfu.sessions > 0) sfu.sessions++
    },
    leave() {
      const sfu = someSfu()
      if (sfu !== undefined && sfu.sessions > 0 && !sfu.neverEmpties)
        end(sfu, 'left', ledger, chance.hits(0.5) ? sfu.sessions : 1)
    },
    createNode() {
      const name = someName()
      if (api.node(name) !== undefined) return
      const drain = chance.hits(0.3) ? { drain: { deadlineSeconds: 10 * chance.below(4) } } : {}
      api.create('RTCNode', {
        apiVersion: API_VERSION,
        kind: 'RTCNode',
        // A pool's nodes are born with the finalizer.
        metadata: { name, namespace: 'media', finalizers: chance.hits(0.5) ? [FINALIZER] : [] },
        spec: { className: 'livekit', cordoned: false, ...drain },
        status: { phase: 'Pending' },
      })
    },
    deleteNode() {
      const name = someName()
      if (api.node(name) !== undefined) api.delete('RTCNode', name, {})
    },
    poolCloses() {
      const node = api.node(someName())
      if (node === undefined || node.metadata.deletionTimestamp !== undefined) return
      const deadline = toTimestamp(later(now, 10_000 * chance.below(6)))
      setClosed(node, true, poolMark(chance.oneOf(closingReasons)!, deadline))
    },
    poolReopens() {
      const node = api.node(someName())
      if (node !== undefined && closedByPool(node) !== undefined) setClosed(node, false, {})
    },
    poolDeletes() {
      const node = api.node(someName())
      if (node === undefined || closedByPool(node) === undefined) return
      goals.add('deleted by its pool')
      api.delete('RTCNode', node.metadata.name, {})
    },
    cordon: () => editSpec(someName(), spec => ({ ...spec, cordoned: !spec.cordoned })),
    editDeadline: () => editSpec(someName(), spec => ({ ...spec, drain: { deadlineSeconds: 10 * chance.below(5) } })),
    deletePod: () => deletePod(),
    forcePod: () => deletePod(0),
    foreignPod() {
      const name = someName()
      if (api.pod(name) !== undefined) return
      const spec = { containers: [{ name: 'other' }], nodeName: 'host-1' }
      api.create('Pod', { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'media' }, spec })
    },
    stripFinalizer() {
      const node = api.node(someName())
      if (node !== undefined)
        api.update('RTCNode', node.metadata.name, {}, it => ({ ...it, metadata: { ...it.metadata, finalizers: [] } }))
    },
    collectGarbage,
    restartOperator() {
      if (operators.length === 1 && chance.hits(0.3)) operators.push(operators[0]!)
      else if (operators.length === 2 && chance.hits(0.3)) operators = [operators[1]!]
      restart(operators.length - 1)
    },
    loseEvents: () => operators[someOperator()]!.hear(chance.oneOf(kinds)!, 1 + chance.below(3), true),
    relist: () => operators[someOperator()]!.relist(chance.oneOf(kinds)!),
    registryDown: () => void (etcd.up = false),
    registryUp: () => !etcd.up && etcd.resume(chance.hits(0.5) ? 'expired' : 'renewed'),
    crashSfu: () => ifAny(someSfu(), sfu => crash(sfu, ledger)),
    hangSfu: () => ifAny(someSfu(), sfu => void (sfu.hung = !sfu.hung)),
    killAgent: () => ifAny(someSfu(), sfu => void (sfu.agentDead = true)),
    deafAgent: () => ifAny(someSfu(), sfu => void (sfu.deaf = true)),
    neverEmpties: () => ifAny(someSfu(), sfu => void (sfu.neverEmpties = true)),
    failPod() {
      const pod = api.pod(someName())
      if (pod?.status !== undefined) machine.fail(pod)
    },
    hostDark: () => machine.goDark(),
    hostBack: () => machine.comeBack(),
    hostAnnounces() {
      const kind = chance.oneOf(['Advisory', 'Planned', 'Imminent'] as const)!
      const seconds = (now - T0) / 1_000 + 20 + chance.below(60)
      notice = aDisruption(kind, kind !== 'Advisory' && chance.hits(0.5) ? { deadline: seconds } : {})
    },
    hostStays: () => void (notice = undefined),
    classGone: () => void (nodeClass = undefined),
    classBack: () => void (nodeClass = everyClass),
  }
  const ifAny = (sfu: Sfu | undefined, act: (sfu: Sfu) => void): void => {
    if (sfu !== undefined) act(sfu)
  }
  function happen(what: Exclude<Happening, 'steady' | 'reconcile'>): void {
    trace.push(`${(now - T0) / 1_000}s ${what}`)
    happenings[what]()
  }
  const meanwhile = [
    'tick',
    'deleteNode',
    'poolDeletes',
    'collectGarbage',
    'join',
    'leave',
    'createNode',
    'deletePod',
    'foreignPod',
  ] as const

  async function steady(index: number): Promise<void> {
    tick(2_000)
    const operator = operators[index]!
    for (const kind of kinds) operator.hear(kind, 100)
    operator.hearRegistry()
    await asOperator(index, it => it.work())
  }

  return {
    trace,
    goals,
    async step(): Promise<void> {
      const what = pick(chance)
      const index = someOperator()
      if (what !== 'steady' && what !== 'reconcile') return happen(what)
      trace.push(`${(now - T0) / 1_000}s ${what} by ${index}`)
      if (what === 'steady') await steady(index)
      else await asOperator(index, it => it.reconcile(someName()))
      for (const node of api.nodes()) goals.add(node.status?.phase ?? 'none')
    },
    /** Bounded liveness: whatever happened, all is gone by deadline + grace, and nothing is left behind. */
    async endFaultsAndDeleteAll(): Promise<void> {
      calm = true
      machine.comeBack()
      notice = undefined
      if (!etcd.up) etcd.resume('renewed')
      nodeClass = everyClass
      operators = operators.slice(0, 1)
      restart(0, true)
      for (const pod of api.pods()) if (pod.metadata.ownerReferences === undefined) api.removePod(pod.metadata.uid)
      if (seed % SOMETIMES === 0) await openAgain()
      for (const { metadata } of api.nodes())
        if (metadata.deletionTimestamp === undefined) api.delete('RTCNode', metadata.name, {})
      const graceOf = (pod: Pod): number => pod.spec.terminationGracePeriodSeconds ?? 0
      const graceMs = 1_000 * (10 + 30 + 30 + Math.max(0, ...api.pods().map(graceOf)))
      const deadlines = (): number[] => api.nodes().map(({ status }) => Date.parse(status?.drain?.deadline ?? ''))
      let until = now + 40_000
      while (now < until + graceMs && left().length > 0) {
        until = Math.max(until, ...deadlines().filter(Number.isFinite))
        trace.push(`${(now - T0) / 1_000}s settling`)
        collectGarbage()
        await steady(0)
      }
      if (left().length > 0)
        throw new Violation(api.nodes().length > 0 ? 'L2' : 'L5', `left behind: ${left().join(', ')}`)
    },
  }

  /** With nothing in the way, whoever was closed for a while takes rooms again. */
  async function openAgain(): Promise<void> {
    for (let rounds = 0; rounds < 20; rounds += 1) await steady(0)
    const closed = api.nodes().find(node => {
      const sfu = sfus.get(node.status?.podUID ?? '')
      if (sfu === undefined || sfu.agentDead || sfu.deaf || sfu.hung || sfu.preStopAt !== undefined) return false
      const isWanted = node.status?.phase === 'Running' && !node.spec.cordoned
      return isWanted && node.metadata.deletionTimestamp === undefined && sfu.stance.admission === 'closed'
    })
    if (closed !== undefined) throw new Violation('L6', `${closed.metadata.uid} stays closed, and its host stays`)
  }

  function left(): string[] {
    return [
      ...api.nodes().map(({ metadata }) => `RTCNode ${metadata.uid}`),
      ...api.pods().map(({ metadata }) => `Pod ${metadata.uid}`),
      ...[...etcd.keys.keys()].map(name => `key ${name}`),
      ...[...etcd.intents.keys()].map(name => `intent ${name}`),
    ]
  }
}
