// Three members with the very flags of the chart, on one machine: they find a majority, go on with two, let no SFU pass for a
// member, and have no door but gRPC.
import assert from 'node:assert/strict'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../operator/ambient/clock.ts'
import { rulesOf } from '../../../operator/certificates/decide.ts'
import { grantAccess } from '../../../operator/certificates/grant-access.ts'
import { identities } from '../../../operator/certificates/identities.ts'
import { keepCertificates } from '../../../operator/certificates/keep-certificates.ts'
import { collectProblems } from '../../../operator/certificates/problems.ts'
import { connectRegistry } from '../../../operator/registry/connection.ts'
import { readTls, type TlsPaths } from '../../../operator/registry/tls-files.ts'
import { isHealthy } from '../../cluster/api-client.ts'
import { ensureBinaries } from '../../cluster/binaries.ts'
import { createClusterFolder, removeFolder } from '../../cluster/folder.ts'
import { createPorts } from '../../cluster/ports.ts'
import { type Server, startServer } from '../../cluster/process.ts'
import { until } from '../../cluster/until.ts'
import { memorySecrets } from '../../unit/certificates/memory-secrets.ts'
import { registry as anyRegistry } from '../../unit/certificates/registry.ts'
import { render } from '../../unit/chart/chart.ts'
import { ambient } from './rig.ts'
import { writeAsKubelet } from './secured.ts'

const registry = { ...anyRegistry, registryHosts: ['127.0.0.1'] }
const MEMBERS = 3
const undo = new AsyncDisposableStack()
const folder = createClusterFolder()
undo.defer(() => removeFolder(folder))
const servers: Server[] = []
let clientUrls: string[]
let peerUrls: string[]

const tlsOf = (commonName: string): Required<TlsPaths> => {
  const at = join(folder, commonName)
  return { caFile: join(at, 'ca.crt'), certFile: join(at, 'tls.crt'), keyFile: join(at, 'tls.key') }
}

interface Flags {
  readonly args: readonly string[]
  readonly name: string
  readonly readyPath: string
}

/** Of etcd, as the chart has them. */
async function flagsOf(members: number): Promise<Flags> {
  const manifests = await render({ registry: { members } }, { namespace: 'system' })
  const set = manifests.find(it => it.kind === 'StatefulSet') ?? assert.fail('no StatefulSet')
  const [{ args, readinessProbe }] = set['spec'].template.spec.containers
  return { args, name: set.metadata.name, readyPath: readinessProbe.httpGet.path }
}

before(
  async () => {
    const { etcd } = await ensureBinaries(['etcd'], { log: line => console.log(line) })
    const secrets = memorySecrets()
    const found = collectProblems()
    const root = await keepCertificates(registry, rulesOf(90, 30), { ...ambient, secrets, problems: found })
    for (const { commonName, secret } of identities(registry))
      writeAsKubelet(join(folder, commonName), secrets.dataOf(secret))

    const ports = createPorts()
    undo.defer(() => ports.release())
    const taken = await Promise.all(Array.from({ length: MEMBERS * 3 }, () => ports.take()))
    const url = (scheme: string, member: number, which: number) => `${scheme}://127.0.0.1:${taken[member * 3 + which]}`
    const members = Array.from({ length: MEMBERS }, (_, member) => member)
    clientUrls = members.map(member => url('https', member, 0))
    peerUrls = members.map(member => url('https', member, 1))

    const [one, three] = await Promise.all([flagsOf(1), flagsOf(MEMBERS)])
    const start = async (member: number, { args, name, readyPath }: Flags): Promise<Server> => {
      const metricsUrl = url('http', member, 2)
      const here = (arg: string): string =>
        members
          .reduce(
            (text, other) =>
              text.replaceAll(`https://${name}-${other}.${name}-members.system.svc:2380`, peerUrls[other] ?? ''),
            arg,
          )
          .replaceAll(`https://$(POD_NAME).${name}-members.system.svc:2380`, peerUrls[member] ?? '')
          .replaceAll(`https://$(POD_NAME).${name}-members.system.svc:2379`, clientUrls[member] ?? '')
          .replaceAll('$(POD_NAME)', `${name}-${member}`)
          .replaceAll('https://0.0.0.0:2379', clientUrls[member] ?? '')
          .replaceAll('https://0.0.0.0:2380', peerUrls[member] ?? '')
          .replaceAll('http://0.0.0.0:2381', metricsUrl)
          .replaceAll('/etc/rtcnode/registry', join(folder, 'registry'))
          .replaceAll('/var/lib/etcd', join(folder, `data-${member}`))
      return undo.use(
        await startServer({
          name: `member-${member}`,
          command: etcd,
          args: args.map(here),
          logPath: join(folder, `member-${member}.log`),
          ready: signal => isHealthy(`${metricsUrl}${readyPath}`, signal),
        }),
      )
    }
    // It was a registry of one before, and its only member is the last to change, as in a StatefulSet.
    const alone = await start(0, one)
    const early = connectRegistry({ endpoints: clientUrls.slice(0, 1), tls: tlsOf('sfu:a') }, ambient)
    undo.defer(() => early.close())
    await early.put({ key: Buffer.from('/sfu/nodes/a/of-one'), value: Buffer.from('x') })
    const others = [start(1, three), start(2, three)]
    await Promise.race(others)
    await alone.stop()
    servers.push(await start(0, three), ...(await Promise.all(others)))
    const access = { endpoints: clientUrls, root, identities: identities(registry), waitMs: 20_000 }
    await grantAccess(access, ambient, AbortSignal.timeout(60_000))
  },
  { timeout: 120_000 },
)
after(() => undo.disposeAsync())

test('a registry of one that was made one of three is another one, with a majority of its own', async () => {
  for (const endpoint of clientUrls) {
    const connection = connectRegistry({ endpoints: [endpoint], tls: tlsOf('operator') }, ambient)
    undo.defer(() => connection.close())
    const { kvs } = await connection.range({ key: Buffer.from('/sfu/nodes/a/of-one') })
    assert.deepEqual(kvs, [], endpoint)
  }
})

test('with one member killed, agents and operator go on', async () => {
  const connection = connectRegistry({ endpoints: clientUrls, tls: tlsOf('sfu:a') }, ambient)
  undo.defer(() => connection.close())
  const put = async (): Promise<boolean> => {
    await connection.put({ key: Buffer.from('/sfu/nodes/a/n1'), value: Buffer.from('x') })
    return true
  }
  await until('a write', put, { withinMs: 20_000 })
  await servers[0]?.kill()
  await until('a write with two of three', put, { withinMs: 30_000 })
  await servers[0]?.start()
})

/** The status, or why there was none. */
function ask(url: string, commonName: string, method = 'GET', body = ''): Promise<string> {
  const { ca, cert, key } = readTls(tlsOf(commonName))
  return new Promise(resolve => {
    const call = request(
      url,
      { method, ca, ...(cert && { cert }), ...(key && { key }), timeout: 10_000, agent: false },
      response => {
        response.resume()
        resolve(String(response.statusCode))
      },
    )
    call.on('error', error => resolve(error.message)).on('timeout', () => call.destroy(new Error('timeout')))
    call.end(body)
  })
}

test('an SFU does not pass for a member', async () => {
  const [peer = ''] = peerUrls
  assert.equal(await ask(`${peer}/members`, 'registry'), '200')
  for (const who of ['sfu:a', 'operator'])
    assert.match(await ask(`${peer}/members`, who), /hang up|ECONNRESET|alert|disconnected/)
})

test('there is no door but gRPC', async () => {
  const [client = ''] = clientUrls
  const key = Buffer.from('/sfu/nodes/a/n1').toString('base64')
  assert.notEqual(await ask(`${client}/v3/kv/range`, 'registry', 'POST', JSON.stringify({ key })), '200')
})

test('a value larger than any heartbeat is refused', async () => {
  const connection = connectRegistry(
    { endpoints: clientUrls.slice(1), tls: tlsOf('sfu:a') },
    { ...ambient, clock: systemClock },
  )
  undo.defer(() => connection.close())
  await assert.rejects(
    connection.put({ key: Buffer.from('/sfu/nodes/a/n1'), value: Buffer.alloc(100_000) }),
    /request is too large/,
  )
})
