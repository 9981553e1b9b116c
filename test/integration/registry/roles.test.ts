// Who may do what in a registry that is set up as the chart does it: each holder of a certificate its own part and no more,
// also by the side doors of etcd. And our own code does all it has to under these rights.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Etcd3 } from 'etcd3'
import { CompareResult, CompareTarget } from 'etcd3'
import { type ObjectKey, objectKey } from '../../../operator/api/meta.ts'
import { RegistryError } from '../../../operator/registry/errors.ts'
import { fleetView } from '../../../operator/registry/fleet.ts'
import { intentWriter, watchIntent } from '../../../operator/registry/intents.ts'
import { intentKey, nodeKey } from '../../../operator/registry/keys.ts'
import { heldLease } from '../../../operator/registry/lease.ts'
import type { KnownIntent } from '../../../operator/registry/registration.ts'
import { until } from '../../cluster/until.ts'
import { ambient } from './rig.ts'
import { type SecuredRegistry, startSecuredRegistry } from './secured.ts'

const within = { withinMs: 20_000 }
const ofA = objectKey('n1', 'a')
const ofB = objectKey('n1', 'b')
const bytes = (text: string): Buffer => Buffer.from(text)

let registry: SecuredRegistry
let asA: Etcd3
let asOperator: Etcd3
let asRoot: Etcd3
before(async () => {
  registry = await startSecuredRegistry()
  asA = registry.client('sfu:a')
  asOperator = registry.client('operator')
  asRoot = registry.client('root')
  for (const key of [
    nodeKey('/sfu', ofB),
    intentKey('/sfu', ofA),
    intentKey('/sfu', ofB),
    '/sfu/flags/pause',
    '/other',
  ]) {
    await asRoot.put(key).value('x')
  }
})
after(() => registry[Symbol.asyncDispose]())

type Try = (etcd: Etcd3) => Promise<unknown>
const put =
  (key: string): Try =>
  etcd =>
    etcd.kv.put({ key: bytes(key), value: bytes('y') })
const read =
  (key: string, end?: string): Try =>
  etcd =>
    etcd.kv.range({ key: bytes(key), ...(end !== undefined && { range_end: bytes(end) }) })
const remove =
  (key: string): Try =>
  etcd =>
    etcd.kv.deleteRange({ key: bytes(key) })

const mayA: Record<string, Try> = {
  'write a node of its namespace': put(nodeKey('/sfu', ofA)),
  'read the nodes of its namespace': read('/sfu/nodes/a/', '/sfu/nodes/a0'),
  'delete a node of its namespace': remove(nodeKey('/sfu', ofA)),
  'read an intent of its namespace': read(intentKey('/sfu', ofA)),
  'read a flag': read('/sfu/flags/pause'),
}
const mayNotA: Record<string, Try> = {
  'write a node of another namespace': put(nodeKey('/sfu', ofB)),
  'write a node of a namespace that begins alike': put('/sfu/nodes/ab/n1'),
  'delete a node of another namespace': remove(nodeKey('/sfu', ofB)),
  'read a node of another namespace': read(nodeKey('/sfu', ofB)),
  'read all nodes': read('/sfu/nodes/', '/sfu/nodes0'),
  'read everything': read('\0', '\0'),
  'read past the end of its own': read('/sfu/nodes/a/', '\0'),
  'write an intent of its own namespace': put(intentKey('/sfu', ofA)),
  'delete an intent': remove(intentKey('/sfu', ofA)),
  'read an intent of another namespace': read(intentKey('/sfu', ofB)),
  'write a flag': put('/sfu/flags/pause'),
  'claim to lead': put('/sfu/leader'),
  'read what is not ours at all': read('/other'),
  'write by a transaction': etcd =>
    etcd.kv.txn({ success: [{ request_put: { key: bytes(nodeKey('/sfu', ofB)), value: bytes('y') } }] }),
  'write by a transaction within a transaction': etcd =>
    etcd.kv.txn({
      success: [
        {
          request_txn: { success: [{ request_put: { key: bytes(nodeKey('/sfu', ofB)), value: bytes('y') } }] },
        },
      ],
    }),
  'guess by a comparison': etcd =>
    etcd.kv.txn({
      compare: [
        {
          key: bytes(intentKey('/sfu', ofB)),
          target: CompareTarget.Version,
          result: CompareResult.Greater,
          version: 0,
        },
      ],
    }),
  'set up a user': etcd => etcd.auth.userAdd({ name: 'mine', options: { no_password: true } }),
  'give itself a role': etcd => etcd.auth.userGrantRole({ user: 'sfu:a', role: 'operator' }),
  'widen its role': etcd =>
    etcd.auth.roleGrantPermission({
      name: 'sfu:a',
      perm: { permType: 'Readwrite', key: bytes('/sfu/nodes/b/'), range_end: bytes('/sfu/nodes/b0') },
    }),
  'end the checking of rights': etcd => etcd.auth.authDisable(),
  'compact away what was': async etcd => {
    const { header } = await etcd.kv.put({ key: bytes(nodeKey('/sfu', ofA)), value: bytes('y') })
    await etcd.kv.compact({ revision: header.revision })
  },
  'take a copy of all': etcd => etcd.maintenance.hash(),
  'stop the members from writing': etcd =>
    etcd.maintenance.alarm({ action: 'Activate', memberID: '0', alarm: 'Nospace' } as never),
}
const mayOperator: Record<string, Try> = {
  'read everything of the registry': read('/sfu/', '/sfu0'),
  'write an intent': put(intentKey('/sfu', ofB)),
  'delete an intent': remove(intentKey('/sfu', objectKey('n2', 'b'))),
  'claim to lead': put('/sfu/leader'),
}
const mayNotOperator: Record<string, Try> = {
  'write a node': put(nodeKey('/sfu', ofA)),
  'delete a node': remove(nodeKey('/sfu', ofB)),
  'write a flag': put('/sfu/flags/pause'),
  'read what is not ours at all': read('/other'),
  'set up a user': etcd => etcd.auth.userAdd({ name: 'mine', options: { no_password: true } }),
}

const tables: [who: string, client: () => Etcd3, may: Record<string, Try>, mayNot: Record<string, Try>][] = [
  ['an SFU of namespace a', () => asA, mayA, mayNotA],
  ['the operator', () => asOperator, mayOperator, mayNotOperator],
]
for (const [who, client, may, mayNot] of tables) {
  for (const [what, attempt] of Object.entries(may))
    test(`${who} may ${what}`, async () => void (await attempt(client())))
  for (const [what, attempt] of Object.entries(mayNot)) {
    test(`${who} may not ${what}`, () => assert.rejects(attempt(client()), /permission denied|PERMISSION_DENIED/))
  }
}

test('an SFU may not watch the intents of another namespace', async () => {
  const told: unknown[] = []
  const watcher = await asA
    .watch()
    .prefix('/sfu/intents/b/')
    .create()
    .catch((error: unknown) => told.push(error))
  if (typeof watcher === 'object') {
    watcher.on('put', event => told.push(event)).on('error', () => undefined)
    await asRoot.put(intentKey('/sfu', ofB)).value('secret')
    await asRoot.put(intentKey('/sfu', ofB)).value('secret')
    await watcher.cancel().catch(() => undefined)
  }
  assert.ok(
    told.every(it => it instanceof Error),
    'it was shown an intent',
  )
})

test('an SFU can neither end the lease of another namespace nor hang its keys on it', async () => {
  const { id } = await registry.connect('sfu:b').grantLease(60)
  await registry.connect('sfu:b').put({ key: bytes(nodeKey('/sfu', ofB)), value: bytes('z'), lease: id })
  const a = registry.connect('sfu:a')
  await assert.rejects(a.revokeLease(id), /has no right to do this/)
  await assert.rejects(a.put({ key: bytes(nodeKey('/sfu', ofA)), value: bytes('y'), lease: id }), /no right/)
})

test('under these rights agent and operator do all of their work', async () => {
  const stop = new AbortController()
  const running: Promise<void>[] = []
  const agents = registry.connect('sfu:a')
  const operators = registry.connect('operator')
  const node: ObjectKey = objectKey('works', 'a')
  const lease = heldLease({ ...ambient, connection: agents, ttlSeconds: 5 })
  running.push(lease.run(stop.signal))
  const intents: KnownIntent[] = []
  running.push(watchIntent({ ...ambient, connection: agents }, node, intent => intents.push(intent), stop.signal))
  const view = fleetView(operators, { ...ambient, staleAfterMs: 60_000 })
  running.push(view.run(stop.signal))
  await until('a lease', () => lease.id(), within)
  await until('synced', () => view.health().state === 'synced', within)
  const heartbeat = { podUID: 'p', bootId: 'b', seq: 1, state: 'serving', sessions: 3 }
  await lease.put(nodeKey('/sfu', node), JSON.stringify(heartbeat))
  await until('the operator sees it', () => view.registration(node).state === 'fresh', within)

  const writer = intentWriter(operators)
  await writer.claim({ identity: 'one', epoch: 1 })
  const { revision } = await writer.write(node, { podUID: 'p', admission: 'closed', weight: 0 }, 'absent')
  await until('the agent is told', () => intents.some(it => it.state === 'known' && it.revision === revision), within)
  await writer.remove(node, { revision })
  await until('and told that it is gone', () => intents.at(-1)?.state === 'absent', within)

  stop.abort(new Error('the agent leaves'))
  await Promise.all(running)
  const { kvs } = await operators.range({ key: bytes(nodeKey('/sfu', node)) })
  assert.deepEqual(kvs, [], 'its lease was revoked, and the key with it')
})

test('a certificate that no user goes by, or of the servers, opens nothing', async () => {
  for (const connection of [registry.connect('registry')]) {
    await assert.rejects(connection.range({ key: bytes('/sfu/flags/pause') }), (error: unknown) => {
      assert.ok(error instanceof RegistryError)
      assert.match(error.message, /issued to “registry”: it has no right to do this/)
      return true
    })
  }
})
