// Room for what a schedule announces: one ProvisioningRequest for a start, and what takes its place where that is of no help.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { later, toTimestamp } from '../../../operator/ambient/clock.ts'
import type { Uid } from '../../../operator/api/meta.ts'
import type { RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import type { PoolAnnounced } from '../../../operator/api/rtcnodepool.ts'
import { type AnnouncedView, leadMsOf, planAnnounced } from '../../../operator/cluster/announced/plan.ts'
import type { ProvisioningRequest } from '../../../operator/cluster/announced/request.ts'
import { actsOf, condition, eight, NAME, poolThatTold, request, STARTS_IN, view } from './announced-build.ts'
import { hash, newer, place } from './headroom-build.ts'
import { at } from './said.ts'

const byOf = (what: Partial<AnnouncedView>) => {
  const { status } = planAnnounced(view(what))
  return [status?.by, status?.message]
}
const withConditions = (...conditions: unknown[]) => ({ requests: [request({ conditions })] })

test('a start that is announced is asked for once, for as many as the pool lacks, with the place of a node', () => {
  const { acts, status, lookAgainMs } = planAnnounced(view())
  const [act] = acts
  assert.ok(act?.do === 'create-request' && acts.length === 1)
  const made = act.manifest as ProvisioningRequest
  assert.equal(made.metadata.name, `${NAME}-1`)
  assert.equal(made.metadata.ownerReferences?.[0]?.kind, 'RTCNodePool')
  assert.deepEqual(made.spec, {
    provisioningClassName: 'best-effort-atomic-scale-up.autoscaling.x-k8s.io',
    podSets: [{ podTemplateRef: { name: `${NAME}-1-${hash}` }, count: 8 }],
  })
  const template = act.templateOwnedBy('uid-made' as Uid) as ProvisioningRequest & { template: unknown }
  assert.equal(template.metadata.name, `${NAME}-1-${hash}`)
  assert.deepEqual(
    template.metadata.ownerReferences?.map(({ kind, name, uid }) => [kind, name, uid]),
    [['ProvisioningRequest', `${NAME}-1`, 'uid-made']],
  )
  assert.deepEqual(template.template, place)
  assert.deepEqual(status, { ...eight, by: 'ProvisioningRequest' })
  assert.equal(lookAgainMs, 30_000)
})

test('what was asked for stays while the pool grows towards it; more is asked for anew, under another name', () => {
  const of = (what: Partial<AnnouncedView>) => actsOf({ ...withConditions(condition('Accepted')), ...what })
  assert.deepEqual(of({}), [])
  assert.deepEqual(of({ announced: { ...eight, nodes: 1 } }), [])
  assert.deepEqual(of({ announced: { ...eight, nodes: 9 } }), [`delete-request ${NAME}-1`, `create-request ${NAME}-2`])
  assert.deepEqual(of({ place: newer }), [`delete-request ${NAME}-1`, `create-request ${NAME}-2`])
})

test('nothing announced, or another start: the request goes', () => {
  const { requests } = withConditions(condition('Provisioned'))
  assert.deepEqual(actsOf({ requests, announced: undefined }), [`delete-request ${NAME}-1`])
  const tenLater = { ...eight, startsAt: toTimestamp(at(STARTS_IN + 600)) }
  assert.deepEqual(actsOf({ requests, announced: tenLater }), [
    `delete-request ${NAME}-1`,
    'create-request eu-announced-203001010015-1',
  ])
})

test('it is looked at when the schedule begins, and the request goes then', () => {
  const told: PoolAnnounced = { ...eight, by: 'ProvisioningRequest' }
  const what = { pool: poolThatTold(told), ...withConditions(condition('Provisioned')) }
  assert.equal(planAnnounced(view({ ...what, now: at(STARTS_IN - 2) })).lookAgainMs, 2_000)
  const { acts, status } = planAnnounced(view({ ...what, now: at(STARTS_IN) }))
  assert.deepEqual([acts.map(act => act.do), status], [['delete-request'], undefined])
})

test('Cluster Autoscaler is quoted: accepted, no hosts yet, made, booked no more', () => {
  const said = (...conditions: unknown[]) => byOf(withConditions(...conditions))
  const accepted = condition('Accepted', 'True', 'Accepted', 'is accepted')
  const none = condition('Provisioned', 'False', 'CapacityIsNotFound', 'later')
  const made = condition('Provisioned', 'True', 'CapacityIsProvisioned', 'found')
  const over = condition('BookingExpired', 'True', 'CapacityReservationTimeExpired', 'expired')
  assert.deepEqual(said(), ['ProvisioningRequest', undefined])
  assert.deepEqual(said(accepted), ['ProvisioningRequest', 'Accepted: is accepted'])
  assert.deepEqual(said(accepted, none), ['ProvisioningRequest', 'CapacityIsNotFound: later'])
  assert.deepEqual(said(made, accepted), ['ProvisioningRequest', 'CapacityIsProvisioned: found'])
  assert.deepEqual(said(made, over), ['ProvisioningRequest', 'CapacityReservationTimeExpired: expired'])
  assert.deepEqual(said(made, condition('Failed', 'False')), ['ProvisioningRequest', 'CapacityIsProvisioned: found'])
})

test('where it fails, nobody acts, or the kind is not served, head-room keeps the room, or nothing does', () => {
  const unread = { requests: [request()], now: at(120) }
  const cases: [Partial<AnnouncedView>, string][] = [
    [withConditions(condition('Failed', 'True', 'Expired', 'too late')), 'Expired: too late'],
    [withConditions(condition('Provisioned'), condition('CapacityRevoked', 'True', 'Gone', 'x')), 'Gone: x'],
    [unread, 'nobody acts on ProvisioningRequests'],
    [{ areServed: false }, 'the cluster serves no ProvisioningRequests'],
    [{ place: undefined }, 'the class of the pool does not exist'],
    [{ refusal: { message: 'exceeded quota', retryInMs: 1_000 } }, 'exceeded quota'],
  ]
  for (const [what, why] of cases) {
    assert.deepEqual(byOf(what), ['Nothing', why])
    assert.deepEqual(byOf({ ...what, pool: poolThatTold(undefined, 3) }), ['Nothing', why], 'people said how much')
    assert.deepEqual(byOf({ ...what, pool: poolThatTold(undefined, 'auto') }), ['Headroom', why])
    assert.equal(actsOf(what).filter(act => act.startsWith('create')).length, 0)
  }
  assert.deepEqual(byOf({ ...unread, now: at(119) }), ['ProvisioningRequest', undefined])
})

test('what head-room keeps is announced on until pods have taken it; by a request it is not', () => {
  const begun = (by: PoolAnnounced['by'], announced = { ...eight, nodes: 3 }) =>
    planAnnounced(view({ pool: poolThatTold({ ...eight, by }, 'auto'), announced, now: at(STARTS_IN + 5) })).status
  assert.deepEqual(begun('Headroom'), { ...eight, nodes: 3, by: 'Headroom' })
  assert.equal(begun('ProvisioningRequest'), undefined)
  assert.equal(begun('Headroom', { ...eight, startsAt: toTimestamp(at(STARTS_IN - 60)) }), undefined)
})

test('a request without its template gets it while nobody has looked, and is made anew when it was given up for that', () => {
  assert.deepEqual(actsOf({ requests: [request()], now: at(1) }), [`create-template ${NAME}-1-${hash}`])
  assert.deepEqual(actsOf({ requests: [request()], now: at(120) }), [])
  const conditions = [condition('Failed', 'True', 'FailedToCreatePods', 'missing pod templates')]
  const given = { requests: [request({ conditions })] }
  assert.deepEqual(actsOf({ ...given, now: at(29) }), [], 'no faster than that')
  assert.deepEqual(actsOf({ ...given, now: at(30) }), [`delete-request ${NAME}-1`, `create-request ${NAME}-2`])
})

test('what is no condition is passed over', () => {
  for (const conditions of [
    null,
    'x',
    7,
    {},
    [null, 3, 'x', [], {}],
    [{ type: 'Accepted' }],
    [{ type: 'Failed', status: 1 }],
  ])
    assert.deepEqual(byOf({ requests: [request({ conditions })] }), ['ProvisioningRequest', undefined])
  const odd = [{ type: 'Failed', status: 'True', reason: 5, message: {} }]
  assert.deepEqual(byOf({ requests: [request({ conditions: odd })] }), ['Nothing', 'Failed: '])
  const long = condition('Failed', 'True', 'Failed', 'x'.repeat(40_000))
  assert.equal(planAnnounced(view(withConditions(long))).status?.message?.length, 2_048)
})

test('a pool that goes takes its request along; until a refused write is to be tried again nothing is asked', () => {
  const pool = poolThatTold({ ...eight, by: 'Nothing' })
  const leaving = { ...pool, metadata: { ...pool.metadata, deletionTimestamp: toTimestamp(at(1)) } }
  assert.deepEqual(actsOf({ pool: leaving, requests: [request()], announced: undefined }), [])
  const refusal = { message: 'forbidden', retryInMs: 4_000 }
  const waits = planAnnounced(view({ refusal, requests: [request()], announced: undefined }))
  assert.deepEqual([waits.acts, waits.lookAgainMs], [[], 4_000])
  assert.deepEqual(actsOf({ refusal: { ...refusal, retryInMs: 0 } }), [`create-request ${NAME}-1`])
})

test('the lead: half as much again as a host takes, within ten minutes; what is announced stays so', () => {
  const lead = (coldSeconds: number | undefined, before?: PoolAnnounced) => {
    const leadTime = coldSeconds === undefined ? {} : { coldSeconds }
    return leadMsOf({ status: { leadTime } } as unknown as RTCAutoscaler, before, at(0)) / 1_000
  }
  assert.deepEqual([lead(undefined), lead(200), lead(10), lead(3_600)], [225, 300, 150, 600])
  assert.equal(lead(100, { ...eight, by: 'Nothing' }), STARTS_IN)
  assert.equal(lead(200, { ...eight, startsAt: toTimestamp(at(-50)), by: 'Nothing' }), 300)
})

const anyRequest = fc
  .record({
    number: fc.integer({ min: 1, max: 4 }),
    count: fc.integer({ min: 1, max: 12 }),
    of: fc.constantFrom(place, newer),
    madeAt: fc.integer({ min: -200, max: 0 }),
    start: fc.constantFrom(NAME, 'eu-announced-203001010015'),
    leaving: fc.boolean(),
    conditions: fc.constantFrom(
      undefined,
      [condition('Accepted')],
      [condition('Provisioned')],
      [condition('Failed')],
      [condition('Failed', 'True', 'FailedToCreatePods')],
      [null],
    ),
  })
  .map(({ start, number, ...traits }) => request({ ...traits, name: `${start}-${number}` }))
const anyRequests = fc
  .array(anyRequest, { maxLength: 5 })
  .map(list => [...new Map(list.map(it => [it.metadata.name, it])).values()])
const anyAnnounced = fc.option(
  fc.record({
    schedule: fc.constant('x'),
    startsAt: fc.integer({ min: -120, max: 600 }).map(seconds => toTimestamp(later(at(0), seconds * 1_000))),
    nodes: fc.integer({ min: 1, max: 12 }),
  }),
  { nil: undefined },
)
const anyName = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,55}[a-z0-9])?$/)
const LEGAL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

test('from wherever it begins there is one request at most, for what is announced, and none once it has begun', () => {
  fc.assert(
    fc.property(anyRequests, anyAnnounced, fc.boolean(), (begin, announced, areServed) => {
      let requests: readonly ProvisioningRequest[] = begin
      for (let pass = 0; pass < 3; pass += 1) {
        const { acts } = planAnnounced(view({ requests, announced, areServed }))
        const gone = acts.flatMap(act => (act.do === 'delete-request' ? [act.object] : []))
        const made = acts.flatMap(act => (act.do === 'create-request' ? [act.manifest as ProvisioningRequest] : []))
        const names = [...requests, ...made].map(({ metadata }) => metadata.name)
        assert.equal(new Set(names).size, names.length)
        const stays = requests.filter(it => !gone.includes(it) && it.metadata.deletionTimestamp === undefined)
        assert.ok(stays.length + made.length <= 1)
        requests = [
          ...stays,
          ...made.map(it => ({ ...it, metadata: { ...it.metadata, creationTimestamp: toTimestamp(at(0)) } })),
        ]
      }
      const isComing = announced !== undefined && Date.parse(announced.startsAt) > at(0)
      if (!isComing) return assert.deepEqual(requests, [])
      if (areServed) assert.equal(requests.length, 1)
      for (const { spec } of requests) assert.ok((spec.podSets[0]?.count ?? 0) >= announced.nodes)
      const { acts } = planAnnounced(view({ requests, announced, areServed }))
      assert.ok(acts.every(act => act.do === 'create-template'))
    }),
  )
})

test('names are legal, and no two starts or pools share one', () => {
  fc.assert(
    fc.property(anyName, anyName, fc.nat(1e6), fc.nat(1e6), (one, other, minute, second) => {
      fc.pre(LEGAL.test(one) && LEGAL.test(other))
      const named = (name: string, minutes: number): string => {
        const pool = poolThatTold()
        const startsAt = toTimestamp(later(at(600), minutes * 60_000))
        const [act] = planAnnounced(
          view({ pool: { ...pool, metadata: { ...pool.metadata, name } }, announced: { ...eight, startsAt } }),
        ).acts
        assert.ok(act?.do === 'create-request')
        const { metadata, spec } = act.manifest as ProvisioningRequest
        for (const it of [metadata.name, spec.podSets[0]?.podTemplateRef.name ?? '']) {
          assert.match(it, LEGAL)
          assert.ok(it.length <= 253)
        }
        return metadata.name
      }
      assert.equal(named(one, minute) === named(other, second), one === other && minute === second)
    }),
  )
})
