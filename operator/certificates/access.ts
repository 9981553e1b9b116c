// Users and roles of etcd: what is there, what should be there, and what to do about it. Pure; carried out by grant-access.ts.
// Each holder of a certificate has a user and a role of the same name; users and roles of other people are left alone.
import { type Identity, isSfuUser, ROOT } from './identities.ts'

export interface Permission {
  readonly type: 'Read' | 'Write' | 'Readwrite'
  /** First key and the one after the last, byte for byte (latin1). */
  readonly from: string
  readonly to: string
}

export interface FoundAccess {
  readonly enabled: boolean
  readonly roles: ReadonlyMap<string, readonly Permission[]>
  /** With the names of their roles. */
  readonly users: ReadonlyMap<string, readonly string[]>
}

export type AccessAct =
  | { readonly do: 'add-role'; readonly role: string }
  | { readonly do: 'grant'; readonly role: string; readonly permission: Permission }
  | { readonly do: 'revoke'; readonly role: string; readonly permission: Permission }
  | { readonly do: 'add-user'; readonly user: string }
  | { readonly do: 'give-role'; readonly user: string; readonly role: string }
  | { readonly do: 'remove-user'; readonly user: string }
  | { readonly do: 'remove-role'; readonly role: string }
  | { readonly do: 'enable' }

/** In an order in which each can be carried out; rights are checked from the last one on. */
export function decideAccess({ enabled, roles, users }: FoundAccess, identities: readonly Identity[]): AccessAct[] {
  const holders = identities.filter(({ reads, writes }) => reads.length + writes.length > 0)
  const wanted = new Set(holders.map(({ commonName }) => commonName))
  const acts: AccessAct[] = []
  for (const holder of holders) {
    const role = holder.commonName
    const granted = roles.get(role)
    if (granted === undefined) acts.push({ do: 'add-role', role })
    acts.push(...permissionActs(role, granted ?? [], permissionsOf(holder)))
    acts.push(...userActs(role, users, role))
  }
  acts.push(...userActs(ROOT, users, ROOT))
  for (const user of users.keys()) if (isSfuUser(user) && !wanted.has(user)) acts.push({ do: 'remove-user', user })
  for (const role of roles.keys()) if (isSfuUser(role) && !wanted.has(role)) acts.push({ do: 'remove-role', role })
  if (!enabled) acts.push({ do: 'enable' })
  return acts
}

function permissionActs(role: string, granted: readonly Permission[], wanted: readonly Permission[]): AccessAct[] {
  const missing = wanted.filter(it => !granted.some(other => same(it, other)))
  const tooMuch = granted.filter(it => !wanted.some(({ from, to }) => from === it.from && to === it.to))
  return [
    ...missing.map(permission => ({ do: 'grant', role, permission }) as const),
    ...tooMuch.map(permission => ({ do: 'revoke', role, permission }) as const),
  ]
}

function userActs(user: string, users: FoundAccess['users'], role: string): AccessAct[] {
  const add = { do: 'add-user', user } as const
  const give = { do: 'give-role', user, role } as const
  const has = users.get(user)
  if (has === undefined) return [add, give]
  return has.includes(role) ? [] : [give]
}

const permissionsOf = ({ reads, writes }: Identity): Permission[] => [
  ...reads.map(prefix => allBelow('Read', prefix)),
  ...writes.map(prefix => allBelow('Readwrite', prefix)),
]

/** Every key that begins with the prefix sorts before the prefix with its last byte raised; no prefix of ours ends in 0xff. */
function allBelow(type: Permission['type'], prefix: string): Permission {
  const first = Buffer.from(prefix)
  const end = Buffer.from(first)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return { type, from: first.toString('latin1'), to: end.toString('latin1') }
}

const same = (a: Permission, b: Permission): boolean => a.type === b.type && a.from === b.from && a.to === b.to
