// Sets up users, roles and the checking of rights in etcd, as `root`: sees what is there, asks access.ts, carries it out. What
// somebody else has done in between counts as done.
import {
  type Etcd3,
  EtcdRoleExistsError,
  EtcdRoleNotFoundError,
  EtcdUserExistsError,
  EtcdUserNotFoundError,
  isRecoverableError,
} from 'etcd3'
import type { Clock } from '../ambient/clock.ts'
import { etcdClient } from '../registry/etcd-client.ts'
import { remedyFor } from '../registry/remedies.ts'
import { clientCertificateOf } from '../registry/tls-files.ts'
import type { Logger } from '../telemetry/log.ts'
import { type AccessAct, decideAccess, type FoundAccess, type Permission } from './access.ts'
import type { Identity } from './identities.ts'
import { CertificatesError } from './problems.ts'
import type { Pair } from './x509.ts'

export interface AccessOptions {
  readonly endpoints: readonly string[]
  readonly root: Pair & { readonly ca: string }
  readonly identities: readonly Identity[]
  /** How long to wait for a registry that is not there yet. */
  readonly waitMs: number
}

const ASK_AGAIN_MS = 2_000

/** Throws CertificatesError when etcd cannot be reached in time, or refuses. */
export async function grantAccess(
  options: AccessOptions,
  { clock, log }: { clock: Clock; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  const { endpoints, root, identities } = options
  const files = { ca: Buffer.from(root.ca), cert: Buffer.from(root.certificate), key: Buffer.from(root.key) }
  const certificate = clientCertificateOf(files)
  const client = etcdClient({ endpoints }, files, clock)
  const giveUpAt = clock.monotonic() + options.waitMs
  let isWaiting = false
  try {
    for (;;) {
      try {
        for (const act of decideAccess(await find(client), identities)) {
          await carryOut(client, act).catch(ignoringDone)
          log.info('registry access', told(act))
        }
        return
      } catch (error) {
        signal.throwIfAborted()
        if (!mayPass(error) || clock.monotonic() >= giveUpAt) {
          const said = error instanceof Error ? error.message : String(error)
          const meeting = { endpoints, caFile: 'its Secret', certFile: 'a certificate', certificate, now: clock.wall() }
          const remedy = remedyFor(said, meeting)
          throw new CertificatesError([
            `the users of the registry are not set up: ${remedy === undefined ? said : `${remedy} (${said})`}`,
          ])
        }
        if (!isWaiting) log.info('waiting for the registry', { endpoints, error: String(error) })
        isWaiting = true
        await clock.sleep(ASK_AGAIN_MS, signal)
      }
    }
  } finally {
    client.close()
  }
}

/** It is not there, or two of us set it up at the same moment. */
const mayPass = (error: unknown): boolean =>
  error instanceof Error && (isRecoverableError(error) || /revision of auth store is old/.test(error.message))

async function find({ auth }: Etcd3): Promise<FoundAccess> {
  const { enabled } = await auth.authStatus()
  const [{ roles: roleNames }, { users: userNames }] = await Promise.all([auth.roleList(), auth.userList()])
  const roles = new Map<string, readonly Permission[]>()
  for (const role of roleNames) {
    const { perm } = await auth.roleGet({ role })
    roles.set(
      role,
      perm.map(({ permType, key, range_end }) => ({
        type: permType,
        from: key.toString('latin1'),
        to: range_end.toString('latin1'),
      })),
    )
  }
  const users = new Map<string, readonly string[]>()
  for (const name of userNames) users.set(name, (await auth.userGet({ name })).roles)
  return { enabled, roles, users }
}

function carryOut({ auth }: Etcd3, act: AccessAct): Promise<unknown> {
  switch (act.do) {
    case 'add-role':
      return auth.roleAdd({ name: act.role })
    case 'grant': {
      const { type, from, to } = act.permission
      return auth.roleGrantPermission({ name: act.role, perm: { permType: type, ...range(from, to) } })
    }
    case 'revoke':
      return auth.roleRevokePermission({ role: act.role, ...range(act.permission.from, act.permission.to) })
    case 'add-user':
      // Known by their certificates alone.
      return auth.userAdd({ name: act.user, options: { no_password: true } })
    case 'give-role':
      return auth.userGrantRole({ user: act.user, role: act.role })
    case 'remove-user':
      return auth.userDelete({ name: act.user })
    case 'remove-role':
      return auth.roleDelete({ role: act.role })
    case 'enable':
      return auth.authEnable()
  }
}

const range = (from: string, to: string) => ({ key: Buffer.from(from, 'latin1'), range_end: Buffer.from(to, 'latin1') })

const told = (act: AccessAct): Record<string, unknown> => {
  if (!('permission' in act)) return { ...act }
  const { type, from } = act.permission
  return { do: act.do, role: act.role, permission: `${type} ${from}` }
}

function ignoringDone(error: unknown): void {
  const isDone =
    error instanceof EtcdRoleExistsError ||
    error instanceof EtcdUserExistsError ||
    error instanceof EtcdRoleNotFoundError ||
    error instanceof EtcdUserNotFoundError ||
    (error instanceof Error && /permission is not granted to the role|role is already granted/.test(error.message))
  if (!isDone) throw error
}
