// Certificates over the years: whenever the CronJob comes and however long it stays away, whoever holds a certificate is let
// in by everybody who has heard of its authority in time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Instant, instant, later } from '../../../operator/ambient/clock.ts'
import { objectKey } from '../../../operator/api/meta.ts'
import {
  type Authority,
  decideAuthority,
  decideCertificate,
  type HeldAuthority,
  type HeldCertificate,
  rulesOf,
} from '../../../operator/certificates/decide.ts'
import type { Identity } from '../../../operator/certificates/identities.ts'

const DAY_MS = 24 * 3_600_000
const rules = rulesOf(90, 30)
const start = instant(Date.parse('2026-01-01T00:00:00Z'))
const identity: Identity = {
  commonName: 'operator',
  secret: objectKey('operator', 'system'),
  hosts: ['a', 'b'],
  reads: [],
  writes: [],
}

const authority = (id: string, from: Instant): Authority => ({
  id,
  notBefore: from,
  notAfter: later(from, rules.authorityMs),
})
const heldAuthority = (current: Authority, more: Partial<Extract<HeldAuthority, { state: 'held' }>> = {}) =>
  ({ state: 'held', current, trusted: [current.id], ended: [], ...more }) as const
const heldCertificate = (certificate: object = {}, trusted: readonly string[] = ['ca-1']): HeldCertificate => ({
  state: 'held',
  certificate: {
    commonName: 'operator',
    hosts: ['b', 'a'],
    notAfter: later(start, 90 * DAY_MS),
    signedBy: 'ca-1',
    ...certificate,
  },
  trusted,
})

const first = authority('ca-1', start)
const inDays = (days: number): Instant => later(start, days * DAY_MS)
const decided = (held: HeldCertificate, days = 1, by = heldAuthority(first)) =>
  decideCertificate(identity, held, by, rules, inDays(days))

const reasons: [name: string, held: HeldCertificate, days: number, act: string, because: RegExp][] = [
  ['none is there', { state: 'absent' }, 1, 'issue', /none/],
  ['a key that does not fit', { state: 'unusable', because: 'its key belongs to another' }, 1, 'issue', /key/],
  ['less than 30 of 90 days left', heldCertificate(), 60.1, 'issue', /soon/],
  ['expired', heldCertificate(), 91, 'issue', /expired/],
  ['signed by nobody we know', heldCertificate({ signedBy: undefined }), 1, 'issue', /another authority/],
  ['issued to somebody else', heldCertificate({ commonName: 'root' }), 1, 'issue', /root/],
  ['another address', heldCertificate({ hosts: ['a'] }), 1, 'issue', /addresses/],
  ['trusts other authorities', heldCertificate({}, ['ca-0', 'ca-1']), 1, 'spread', /trusted/],
]
for (const [name, held, days, what, because] of reasons) {
  test(`${what}: ${name}`, () => {
    const act = decided(held, days)
    assert.equal(act?.do, what)
    assert.match(act.because, because)
  })
}

test('a good one is left alone, the order of its addresses does not matter', () => {
  assert.equal(decided(heldCertificate(), 59.9), undefined)
})

test("somebody else's Secret is nobody's business", () => {
  assert.equal(decided({ state: 'foreign', because: 'x' }), undefined)
  assert.equal(decideAuthority({ state: 'foreign', because: 'x' }, rules, start), undefined)
})

test('an authority: made, announced a year before its end, used a day later, forgotten when it has ended', () => {
  const doing = (held: HeldAuthority, days: number) => decideAuthority(held, rules, inDays(days))?.do
  const next = authority('ca-2', inDays(3_300))
  assert.equal(doing({ state: 'absent' }, 0), 'found')
  assert.equal(doing(heldAuthority(first), 3_284), undefined)
  assert.equal(doing(heldAuthority(first), 3_286), 'announce')
  assert.equal(doing(heldAuthority(first, { next }), 3_300.9), undefined)
  assert.equal(doing(heldAuthority(first, { next }), 3_301), 'promote')
  assert.equal(
    doing(heldAuthority(first, { next }), 3_651),
    'promote',
    'the first has ended, the next is better than none',
  )
  assert.equal(doing(heldAuthority(first), 3_651), 'found')
  assert.equal(doing(heldAuthority(next, { trusted: ['ca-1', 'ca-2'], ended: ['ca-1'] }), 3_652), 'prune')
})

/** A world without cryptography: what the shell would have written, by name. */
interface World {
  authority: { current: Authority; next?: Authority; trusted: Authority[] } | undefined
  certificate: { signedBy: string; notAfter: Instant; trusted: string[] } | undefined
  /** Since when everybody has heard of an authority. */
  readonly heardOf: Map<string, Instant>
}

/** One run of the CronJob; gives what it did. */
function run(world: World, now: Instant, freshId: () => string): string[] {
  const done: string[] = []
  for (;;) {
    const held = seenAuthority(world, now)
    const act = decideAuthority(held, rules, now)
    if (act === undefined) break
    done.push(act.do)
    const kept = world.authority?.trusted.filter(it => it.notAfter > now) ?? []
    const made = authority(freshId(), now)
    if (act.do === 'found') world.authority = { current: made, trusted: [made, ...kept] }
    else if (world.authority === undefined) assert.fail('there is nothing to change')
    else if (act.do === 'announce') world.authority = { ...world.authority, next: made, trusted: [made, ...kept] }
    else if (act.do === 'prune') world.authority = { ...world.authority, trusted: kept }
    else world.authority = { current: world.authority.next ?? made, trusted: world.authority.trusted }
  }
  for (;;) {
    const by = seenAuthority(world, now)
    assert.ok(by.state === 'held')
    const { certificate } = world
    const held: HeldCertificate = certificate
      ? heldCertificate({ signedBy: certificate.signedBy, notAfter: certificate.notAfter }, certificate.trusted)
      : { state: 'absent' }
    const act = decideCertificate(identity, held, by, rules, now)
    if (act === undefined) break
    done.push(act.do)
    const trusted = [...by.trusted]
    for (const id of trusted) if (!world.heardOf.has(id)) world.heardOf.set(id, now)
    world.certificate =
      act.do === 'issue'
        ? { signedBy: by.current.id, notAfter: later(now, rules.certificateMs), trusted }
        : { ...(certificate ?? assert.fail('nothing to spread to')), trusted }
  }
  return done
}

function seenAuthority({ authority: held }: World, now: Instant): HeldAuthority {
  if (held === undefined) return { state: 'absent' }
  const { current, next, trusted } = held
  const ended = trusted.filter(it => it.notAfter <= now).map(({ id }) => id)
  return { state: 'held', current, ...(next && { next }), trusted: trusted.map(({ id }) => id), ended }
}

test('over decades of runs at most 30 days apart: valid at every moment, and signed by somebody known to all for a day', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.01, max: 29.9, noNaN: true }), { minLength: 500, maxLength: 900 }),
      gaps => {
        const world: World = { authority: undefined, certificate: undefined, heardOf: new Map() }
        let ids = 0
        const freshId = () => `ca-${(ids += 1)}`
        let now = start
        run(world, now, freshId)
        const firstId = world.authority?.current.id
        for (const gap of gaps) {
          const before = world.certificate ?? assert.fail('there is always one')
          now = later(now, gap * DAY_MS)
          assert.ok(before.notAfter > now, 'it did not end before the next run')
          run(world, now, freshId)
          const after = world.certificate ?? assert.fail('there is always one')
          const signer = world.authority?.trusted.find(({ id }) => id === after.signedBy)
          assert.ok(signer !== undefined && signer.notAfter > after.notAfter, 'the authority outlives what it signs')
          const heardAt = world.heardOf.get(after.signedBy) ?? assert.fail('nobody has heard of it')
          if (after.signedBy !== firstId && after.signedBy !== before.signedBy) {
            assert.ok(now - heardAt >= rules.overlapMs, 'everybody has known the new authority for a day')
            assert.ok(after.trusted.includes(before.signedBy), 'and still knows the former one')
          }
          assert.deepEqual(run(world, now, freshId), [], 'a second run changes nothing')
          assert.ok(after.trusted.length <= 3)
        }
      },
    ),
    { numRuns: 20 },
  )
})
