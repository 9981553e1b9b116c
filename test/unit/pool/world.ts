// A toy world around the judgement of a pool: nodes start, fail, fill, empty and die, people edit, the registry comes and goes,
// and plans are carried out as the API server would, seen fresh or old. Everything that a plan does is checked as it is done.
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { type Instant, instant } from '../../../operator/ambient/clock.ts'
import type { ClosingReason } from '../../../operator/api/closed-by-pool.ts'
import type { CountOrPercent, RTCNodePoolSpec, RTCNodePoolStatus } from '../../../operator/api/rtcnodepool.ts'
import type { Disruption, DisruptionKind } from '../../../operator/cluster/disruption.ts'
import { isGoing } from '../../../operator/cluster/reaction.ts'
import { plan } from '../../../operator/pool/plan.ts'
import { shareOf } from '../../../operator/pool/rollout.ts'
import type { Batch, Member, Plan, PoolView } from '../../../operator/pool/view.ts'
import { absent, aNode, aPool, aView, beat, stale, T0, towards, unknown, V1 } from './build.ts'

interface SimNode {
  name: string
  revision: string
  version: number
  madeAt: number
  hasPod: boolean
  /** Its pod came to a host that was to go already; undefined until it comes to one. */
  cameLate: boolean | undefined
  readySince: number | undefined
  sessions: number
  silent: boolean
  disruption: DisruptionKind | Disruption | undefined
  isProtected: boolean
  cordoned: boolean
  closed: { by: ClosingReason; deadline: number } | undefined
  emptySince: number | undefined
  deleted: { at: number; drain: string } | undefined
}

export type PoolEdit = Partial<{
  replicas: number
  surge: CountOrPercent
  unavailable: CountOrPercent
  minReadySeconds: number
  paused: boolean
  partition: number
  type: 'RollingUpdate' | 'OnDelete'
}>

const START_SECONDS = 300
const PROGRESS_SECONDS = 600
export const EMPTY_SECONDS = 30
export const DRAIN_SECONDS = 600

export interface World {
  readonly nodes: readonly SimNode[]
  readonly spec: RTCNodePoolSpec
  readonly target: string
  /** How many nodes were ever made. */
  readonly made: number
  seconds(): number
  node(index: number): SimNode | undefined
  edit(edit: PoolEdit): void
  aim(revision: string): void
  touch(node: SimNode, change: Partial<SimNode>): void
  remove(node: SimNode, drain: string): void
  registry(state: PoolView['registry']): void
  /** What the hosts announce to which pods come from now on. */
  lands(on: SimNode['disruption']): void
  view(): PoolView
  /** Carries a plan out, and stores its status as the controller does. */
  carryOut(planned: Plan, view: PoolView): void
  /** Plans from what is there now. */
  step(): Plan
  /** So many seconds later, and what nodes and hosts do of themselves. */
  pass(seconds: number): void
}

/** `breaks`: revisions whose nodes never start; `lastsSeconds`: how long the nodes of some are well. */
export function world(
  replicas: number,
  breaks: ReadonlySet<string> = new Set(),
  lastsSeconds: Readonly<Record<string, number>> = {},
): World {
  let now = 0
  let born = 0
  let pool = aPool(replicas, { spec: { progressDeadlineSeconds: PROGRESS_SECONDS } })
  pool = {
    ...pool,
    status: { replicas: 0, openReplicas: 0, readyReplicas: 0, drainingReplicas: 0, updatedReplicas: 0 },
  }
  let target: string = V1
  let registry: PoolView['registry'] = { inSight: true, frozen: false }
  let landsOn: SimNode['disruption']
  let nodes: SimNode[] = []

  function memberOf(node: SimNode): Member {
    const { readySince, closed, deleted, revision, version } = node
    const started = readySince !== undefined
    const emptyFor = node.emptySince === undefined ? 0 : now - node.emptySince
    const told = started ? beat(`pod-${node.name}`, node.sessions, undefined, emptyFor) : absent
    return aNode(node.name, {
      revision,
      version,
      madeAt: node.madeAt,
      phase: deleted ? 'Terminating' : started ? 'Running' : 'Pending',
      ...(started ? { readySince } : {}),
      ...(closed ? { closed } : {}),
      ...(deleted ? { deletedAt: deleted.at, drain: deleted.drain } : {}),
      cordoned: node.cordoned,
      isProtected: node.isProtected,
      disruption: node.disruption,
      cameLate: node.cameLate,
      hasPod: node.hasPod,
      zone: `zone-${node.name.length % 2}`,
      registration: registry.inSight ? (node.silent ? stale : told) : unknown,
    })
  }

  const view = (): PoolView =>
    aView(pool, nodes.map(memberOf), { ...towards(target), registry, now: instant(T0 + now * 1_000) })

  /** Only this life of a node, and only as it was seen. */
  function whereUnchanged(picked: Extract<Batch, { do: 'close' | 'delete' | 'reopen' }>['nodes']): SimNode[] {
    return picked.flatMap(({ name, resourceVersion }) => {
      const node = nodes.find(it => it.name === name && String(it.version) === resourceVersion)
      return node === undefined ? [] : [node]
    })
  }

  const touch = (node: SimNode, change: Partial<SimNode>): void =>
    void Object.assign(node, change, { version: node.version + 1 })

  function remove(node: SimNode, drain: string): void {
    if (node.deleted === undefined) touch(node, { deleted: { at: now, drain } })
  }

  function apply(batch: Batch, seen: PoolView): void {
    switch (batch.do) {
      case 'create': {
        const revision = batch.from === 'update' ? updateOf(seen) : seen.pool.status?.currentRevision
        assert.ok(revision !== undefined)
        for (let i = 0; i < batch.count; i += 1) nodes.push(aSimNode(`eu-${++born}`, revision, now))
        return
      }
      case 'reopen':
        for (const node of whereUnchanged(batch.nodes)) touch(node, { closed: undefined, emptySince: undefined })
        return
      case 'close':
        for (const node of whereUnchanged(batch.nodes)) {
          const { reason, deadline } = batch.nodes.find(({ name }) => name === node.name) ?? assert.fail()
          touch(node, { closed: { by: reason, deadline: (Date.parse(deadline) - T0) / 1_000 } })
        }
        return
      case 'delete':
        for (const node of whereUnchanged(batch.nodes)) remove(node, 'Deleted')
    }
  }

  function carryOut(planned: Plan, seen: PoolView): void {
    checkPlan(planned, seen)
    if (planned.batch === undefined || isNews(pool.status, planned.status)) pool = { ...pool, status: planned.status }
    if (planned.batch !== undefined) apply(planned.batch, seen)
  }

  return {
    get nodes() {
      return nodes
    },
    get spec() {
      return pool.spec
    },
    get target() {
      return target
    },
    get made() {
      return born
    },
    seconds: () => now,
    node: index => nodes[index % Math.max(1, nodes.length)],
    edit({ replicas: wanted, surge, unavailable, minReadySeconds, ...strategy }) {
      const { rollingUpdate } = pool.spec.strategy
      const share = {
        maxSurge: surge ?? rollingUpdate.maxSurge,
        maxUnavailable: unavailable ?? rollingUpdate.maxUnavailable,
      }
      const spec = {
        ...pool.spec,
        replicas: wanted ?? pool.spec.replicas,
        minReadySeconds: minReadySeconds ?? pool.spec.minReadySeconds,
        strategy: { ...pool.spec.strategy, ...strategy, rollingUpdate: share },
      }
      const generation = (pool.metadata.generation ?? 0) + 1
      pool = { ...pool, spec, metadata: { ...pool.metadata, generation } }
    },
    aim(revision) {
      target = revision
      pool = { ...pool, metadata: { ...pool.metadata, generation: (pool.metadata.generation ?? 0) + 1 } }
    },
    touch,
    remove,
    registry: state => void (registry = state),
    lands: on => void (landsOn = on),
    view,
    carryOut,
    step() {
      const seen = view()
      const planned = plan(seen)
      carryOut(planned, seen)
      return planned
    },
    pass(seconds) {
      now += seconds
      nodes = nodes.filter(({ deleted, sessions, readySince }) => {
        const isEmpty = sessions === 0 || readySince === undefined
        return deleted === undefined || !(isEmpty || now >= deleted.at + DRAIN_SECONDS)
      })
      for (const node of nodes) {
        if (node.deleted !== undefined) continue
        if (node.readySince === undefined) starts(node)
        else if (now - node.readySince >= (lastsSeconds[node.revision] ?? Number.POSITIVE_INFINITY))
          remove(node, 'HealthTimeout')
        if (node.closed !== undefined && node.sessions === 0) node.emptySince ??= now
        if (node.sessions > 0) node.emptySince = undefined
      }
    },
  }

  function starts(node: SimNode): void {
    const disruption = landsOn ?? node.disruption
    if (!node.hasPod) touch(node, { hasPod: true, disruption, cameLate: isToGo(disruption) })
    else if (!breaks.has(node.revision)) touch(node, { readySince: now })
    else if (now - node.madeAt >= START_SECONDS) remove(node, 'StartupTimeout')
  }
}

export const isToGo = (disruption: SimNode['disruption']): boolean =>
  disruption !== undefined && (typeof disruption === 'string' ? disruption : disruption.kind) !== 'Advisory'

const aSimNode = (name: string, revision: string, madeAt: number): SimNode => ({
  name,
  revision,
  version: 1,
  madeAt,
  hasPod: false,
  cameLate: undefined,
  readySince: undefined,
  sessions: 0,
  silent: false,
  disruption: undefined,
  isProtected: false,
  cordoned: false,
  closed: undefined,
  emptySince: undefined,
  deleted: undefined,
})

/** What the controller writes before it acts; all else can wait until there is nothing to do. */
function isNews(before: RTCNodePoolStatus | undefined, next: RTCNodePoolStatus): boolean {
  const reasonOf = (status: typeof before) => status?.conditions?.find(({ type }) => type === 'Progressing')?.reason
  return reasonOf(before) !== reasonOf(next) || !isDeepStrictEqual(before?.failedStarts, next.failedStarts)
}

const updateOf = ({ target }: PoolView): string => (target.state === 'known' ? target.revision : assert.fail())

export const isCounted = ({ node }: Member): boolean =>
  !node.spec.cordoned && node.metadata.deletionTimestamp === undefined
const has = ({ node }: Member, type: string): boolean =>
  node.status?.conditions?.find(it => it.type === type)?.status === 'True'
const isOpen = (member: Member): boolean =>
  isCounted(member) && !isGoing(member.disruption) && has(member, 'Ready') && has(member, 'AdmissionOpen')

/** What must hold for every plan, judged by what it was made from and by nothing that the planner itself counts. */
export function checkPlan({ batch, status }: Plan, view: PoolView): void {
  const { replicas, strategy, minReadySeconds } = view.pool.spec
  const { maxSurge, maxUnavailable } = strategy.rollingUpdate
  const surge = shareOf(maxSurge, replicas)
  const leastOpen = replicas - shareOf(maxUnavailable, replicas)
  const counted = view.members.filter(isCounted)
  const open = counted.filter(isOpen)
  const going = counted.filter(({ disruption }) => isGoing(disruption)).length
  const surplus = counted.length - status.replicas
  const mostSurplus = surge + going
  assert.ok(
    surplus === 0 || (surplus > 0 && surplus <= mostSurplus && status.replicas >= replicas),
    'only surge is left out',
  )
  // What takes rooms, but not for long enough yet, is not told to be open.
  if (minReadySeconds === 0) assert.equal(status.openReplicas, open.length)
  assert.ok(status.openReplicas <= open.length)
  assert.ok(status.openReplicas <= counted.length && status.updatedReplicas <= counted.length)
  if (batch === undefined) return
  assert.equal(view.pool.metadata.deletionTimestamp, undefined, 'a pool that is deleted does nothing')

  if (batch.do === 'create') {
    assert.ok(batch.count > 0)
    const staying = counted.length - going
    assert.ok(staying + batch.count <= replicas + surge, `${staying} + ${batch.count} > ${replicas} + ${surge}`)
    const inVain = counted.filter(it => isInVain(it, view.now)).length
    const most = replicas + Math.max(1, surge)
    assert.ok(staying + inVain + batch.count <= most, `${staying} + ${inVain} in vain + ${batch.count} > ${most}`)
    const reopenable = view.members.filter(it => it.node.spec.cordoned && isReopenable(it, view))
    if (counted.length < replicas)
      assert.deepEqual(
        reopenable.map(({ node }) => node.metadata.name),
        [],
      )
    return
  }
  assert.ok(batch.nodes.length > 0)
  const picked = batch.nodes.map(({ name, uid }) => {
    const found = view.members.find(({ node }) => node.metadata.uid === uid)
    assert.equal(found?.node.metadata.name, name)
    assert.equal(found.node.metadata.deletionTimestamp, undefined)
    return found
  })
  const isOurs = ({ node }: Member): boolean => node.metadata.annotations?.['rtcnode.io/closed-by-pool'] !== undefined
  if (batch.do === 'reopen') {
    // Of what people have opened only the mark is taken off.
    const added = picked.filter(member => !isCounted(member))
    const staying = counted.length - going
    assert.ok(added.every(isSpared) || staying + added.length <= replicas + surge)
    assert.ok(
      added.every(({ disruption }) => !isGoing(disruption)),
      'nothing is opened on a host that goes',
    )
    assert.ok(picked.every(isOurs), 'only what the pool has closed is reopened')
    return
  }

  assert.ok(view.registry.inSight && !view.registry.frozen, 'nothing is taken away while the registry is not trusted')
  for (const { node, registration } of picked) {
    assert.notEqual(node.metadata.annotations?.['rtcnode.io/scale-in-protection'], 'true')
    if (registration.state === 'fresh') continue
    const deadline = node.metadata.annotations?.['rtcnode.io/drain-deadline'] ?? '9999'
    const isNew = registration.state === 'absent' && node.status?.phase === 'Pending'
    assert.ok(isNew || Date.parse(deadline) <= view.now, 'silence never takes a node away')
  }
  if (batch.do === 'delete') for (const member of picked) checkDeletion(member, view.now)
  else assert.ok(picked.every(isCounted), 'what is closed is not closed again')

  if (batch.do === 'close') {
    const leaves = batch.nodes.filter(({ reason }) => reason === 'HostGoing').length
    const starting = counted.filter(
      it => !isGoing(it.disruption) && !isOpen(it) && (has(it, 'Ready') || isNew(it)),
    ).length
    const inVain = counted.filter(it => isInVain(it, view.now))
    assert.ok(
      leaves === 0 || counted.length - starting - inVain.length - leaves >= replicas,
      'a replacement is there before a node is closed',
    )
    assert.ok(leaves === 0 || !picked.some(it => inVain.includes(it)), 'it is tried elsewhere later')
  }
  const openAfter = open.filter(member => !picked.includes(member)).length
  if (openAfter === open.length || minReadySeconds > 0) return
  assert.ok(openAfter >= leastOpen, `${openAfter} open, of ${open.length}, though ${leastOpen} were promised`)
  if (replicas > 0 && surge > 0) assert.ok(openAfter > 0, 'the only open node stays')
}

function checkDeletion({ node, registration }: Member, now: Instant): void {
  if (node.status?.phase === 'Pending') return
  const { annotations = {} } = node.metadata
  assert.ok(node.spec.cordoned && annotations['rtcnode.io/closed-by-pool'] !== undefined, 'closed by the pool first')
  if (Date.parse(annotations['rtcnode.io/drain-deadline'] ?? '') <= now) return
  assert.ok(registration.state === 'fresh')
  assert.equal(registration.heartbeat.sessions, 0)
  assert.ok(registration.emptyForMs >= EMPTY_SECONDS * 1_000)
}

const isNew = ({ node }: Pick<Member, 'node'>): boolean => node.status?.phase === 'Pending'

/** Made in the last five minutes, and its host was to go before it was there, as far as its status tells. */
function isInVain({ node, disruption }: Member, now: Instant): boolean {
  if (!isGoing(disruption) || now - Date.parse(node.metadata.creationTimestamp) >= 300_000) return false
  const scheduled = node.status?.conditions?.find(({ type }) => type === 'Scheduled')
  return scheduled === undefined ? isNew({ node }) : scheduled.reason === 'HostGoing'
}

/** Closed because its host went, and it stays after all. */
const isSpared = ({ node, disruption }: Member): boolean =>
  !isGoing(disruption) && node.metadata.annotations?.['rtcnode.io/closed-by-pool'] === 'HostGoing'

/** Well, of the update revision, and closed by the pool. */
function isReopenable(member: Member, { target }: PoolView): boolean {
  const { node, disruption } = member
  const { annotations = {}, labels = {}, deletionTimestamp } = node.metadata
  if (deletionTimestamp !== undefined || isGoing(disruption) || annotations['rtcnode.io/closed-by-pool'] === undefined)
    return false
  if (!has(member, 'Ready') || node.status?.classHash !== undefined) return false
  return target.state === 'known' && labels['rtcnode.io/revision'] === target.revision
}
