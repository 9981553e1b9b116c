// Users and roles of the registry: whatever is found, one round makes it right, and what is other people's stays.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  type AccessAct,
  decideAccess,
  type FoundAccess,
  type Permission,
} from '../../../operator/certificates/access.ts'
import { identities } from '../../../operator/certificates/identities.ts'
import { registry } from './registry.ts'

const wanted = identities(registry)

const nothing: FoundAccess = { enabled: false, roles: new Map(), users: new Map() }

/** As etcd does it; refuses what etcd would. */
function carryOut(found: FoundAccess, acts: readonly AccessAct[]): FoundAccess {
  const roles = new Map<string, readonly Permission[]>(found.roles)
  const users = new Map<string, readonly string[]>(found.users)
  let { enabled } = found
  const has = <T>(map: ReadonlyMap<string, T>, name: string): T => map.get(name) ?? assert.fail(`there is no ${name}`)
  const isAt = (a: Permission, b: Permission) => a.from === b.from && a.to === b.to
  for (const act of acts) {
    if (act.do === 'add-role') roles.set(act.role, [])
    else if (act.do === 'grant')
      roles.set(act.role, [...has(roles, act.role).filter(it => !isAt(it, act.permission)), act.permission])
    else if (act.do === 'revoke')
      roles.set(
        act.role,
        has(roles, act.role).filter(it => !isAt(it, act.permission)),
      )
    else if (act.do === 'remove-role') assert.ok(roles.delete(act.role))
    else if (act.do === 'add-user') users.set(act.user, [])
    else if (act.do === 'give-role') {
      if (act.role !== 'root') has(roles, act.role)
      users.set(act.user, [...has(users, act.user), act.role])
    } else if (act.do === 'remove-user') assert.ok(users.delete(act.user))
    else {
      assert.ok(has(users, 'root').includes('root'), 'etcd refuses to check rights when nobody is root')
      enabled = true
    }
  }
  return { enabled, roles, users }
}

test('an empty etcd: a user for each holder, rights are checked at the very end', () => {
  const acts = decideAccess(nothing, wanted)
  assert.equal(acts.at(-1)?.do, 'enable')
  const { users, roles } = carryOut(nothing, acts)
  assert.deepEqual([...users.keys()].toSorted(), ['operator', 'root', 'sfu:a', 'sfu:b'])
  assert.deepEqual(roles.get('sfu:a'), [
    { type: 'Read', from: '/sfu/intents/a/', to: '/sfu/intents/a0' },
    { type: 'Read', from: '/sfu/flags/', to: '/sfu/flags0' },
    { type: 'Readwrite', from: '/sfu/nodes/a/', to: '/sfu/nodes/a0' },
  ])
})

test('a namespace that is no more loses its user; people and their roles stay', () => {
  const before = carryOut(nothing, decideAccess(nothing, wanted))
  const roles = new Map([...before.roles, ['sfu:gone', []], ['backup', []]])
  const users = new Map([...before.users, ['sfu:gone', ['sfu:gone']], ['anna', ['backup']]])
  const acts = decideAccess({ ...before, roles, users }, wanted)
  assert.deepEqual(acts, [
    { do: 'remove-user', user: 'sfu:gone' },
    { do: 'remove-role', role: 'sfu:gone' },
  ])
})

test('whatever is found: one round makes it right, a second finds nothing to do', () => {
  const type = fc.constantFrom('Read', 'Write', 'Readwrite')
  const key = fc.constantFrom('/sfu/', '/sfu0', '/sfu/nodes/a/', '/sfu/nodes/a0', '/sfu/nodes/b/', '/sfu/nodes/b0', '')
  const permissions = fc.uniqueArray(fc.record({ type, from: key, to: key }), { selector: it => `${it.from} ${it.to}` })
  const name = fc.constantFrom<string[]>('operator', 'sfu:a', 'sfu:b', 'sfu:c', 'root', 'anna')
  const roles = fc.uniqueArray(fc.tuple(name, permissions), { selector: ([role]) => role })
  const users = fc.uniqueArray(fc.tuple(name, fc.uniqueArray(name)), { selector: ([user]) => user })
  fc.assert(
    fc.property(fc.record({ enabled: fc.boolean(), roles, users }), found => {
      const before = { enabled: found.enabled, roles: new Map(found.roles), users: new Map(found.users) }
      const after = carryOut(before, decideAccess(before, wanted))
      assert.deepEqual(decideAccess(after, wanted), [])
      assert.ok(after.enabled)
      for (const role of ['anna', 'root']) assert.deepEqual(after.roles.get(role), before.roles.get(role))
      assert.deepEqual(after.users.get('anna'), before.users.get('anna'))
    }),
    { numRuns: 500 },
  )
})
