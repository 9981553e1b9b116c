// The promises of the real hosts: pods with a real LiveKit run on them and carry real calls, and nothing of a host is
// left behind, however it ends. Needs root and a few Debian packages, which it installs.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { ensureBinaries } from '../cluster/binaries.ts'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { run } from '../cluster/command.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import { ensureImage, imageName } from '../cluster/images.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { until } from '../cluster/until.ts'
import { startLoad } from '../load/loader.ts'

const log = (line: string) => console.error(line)
const hosts = await ensureHostPackages({ log })
// Under CI a missing host is a failure of the tests, never a reason to leave them out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

const key = 'devkey'
const secret = 'a-secret-of-at-least-thirty-two-characters'

test('calls on real LiveKit pods on two hosts run undisturbed, and the hosts leave nothing behind', {
  skip,
}, async () => {
  {
    await using cluster = await startCluster({ hosts: 2, log })
    const image = await ensureImage('livekit', { log })
    await Promise.all(cluster.hosts.map(host => host.importImage(image)))
    const addresses = await Promise.all(cluster.hosts.map(host => startLivekit(cluster, host.name)))
    assert.equal(new Set(addresses).size, 2)

    const loads = await Promise.all(
      addresses.map(address =>
        startLoad({ url: `ws://${address}:7880`, key, secret, room: 'meeting', participants: 4, log }),
      ),
    )
    for (const load of loads) {
      assert.deepEqual(load.failed, [])
      assert.equal(load.present().length, 4)
      await load.leave(1)
      assert.equal(load.present().length, 3)
    }
    await mediaFlows(cluster, addresses)
    for (const load of loads) {
      await load.leaveAll()
      const { joined, left, cut, packets } = await load.summary()
      assert.deepEqual({ joined, left, cut }, { joined: 4, left: 4, cut: 0 })
      assert.ok(packets > 100, `${packets} packets received`)
    }
  }
  assert.deepEqual(leftBehind(process.pid), [])
})

test('who is in a room that the server deletes is cut, with its reason', { skip }, async () => {
  await using cluster = await startCluster({ hosts: 1, log })
  const [host] = cluster.hosts
  assert.ok(host)
  await host.importImage(await ensureImage('livekit', { log }))
  const address = await startLivekit(cluster, host.name)
  await using load = await startLoad({ url: `ws://${address}:7880`, key, secret, room: 'r', participants: 2, log })
  await deleteRoom(address, 'r')
  const { left, cut } = await load.summary()
  assert.deepEqual({ left, cut }, { left: 0, cut: 2 })
  assert.deepEqual(
    load.cut.map(({ reason }) => reason),
    ['ROOM_DELETED', 'ROOM_DELETED'],
  )
})

test('a host whose network is cut cannot be reached, and can again afterwards', { skip }, async () => {
  await using cluster = await startCluster({ hosts: 1, log })
  const [host] = cluster.hosts
  assert.ok(host)
  const answers = () =>
    fetch(`http://${host.address}:10248/healthz`, { signal: AbortSignal.timeout(1_000) }).then(
      answer => answer.ok,
      () => false,
    )
  assert.equal(await answers(), true)
  await host.cutNetwork()
  assert.equal(await answers(), false)
  await host.restoreNetwork()
  await until('the host answers', answers, { withinMs: 10_000 })
})

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`hosts of a process that ends by ${signal} are gone, at the latest when the next ones start`, {
    skip,
  }, async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../cluster/cli.ts'), 'up', '--hosts', '1'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const owner = child.pid
    assert.ok(owner)
    let output = ''
    child.stdout.on('data', chunk => (output += String(chunk)))
    const kubeconfig = await until('the cluster is up', () => /KUBECONFIG=(.*)/.exec(output)?.[1], {
      withinMs: 120_000,
    })
    await startPause(kubeconfig, 'host-1')
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
    if (signal === 'SIGKILL') {
      const next = await startCluster({ hosts: 1, log })
      await next.stop()
    }
    assert.deepEqual(leftBehind(owner), [])
  })
}

/** Resolves with the pod's address, when LiveKit answers on it. */
async function startLivekit(cluster: Cluster, hostName: string): Promise<string> {
  const name = `livekit-${hostName}`
  const config = { port: 7880, keys: { [key]: secret }, rtc: { tcp_port: 7881, udp_port: 7882 } }
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: hostName,
      containers: [
        {
          name: 'sfu',
          image: imageName('livekit'),
          imagePullPolicy: 'Never',
          env: [
            { name: 'LIVEKIT_CONFIG', value: JSON.stringify(config) },
            { name: 'NODE_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          readinessProbe: { httpGet: { path: '/', port: 7880 }, periodSeconds: 1 },
        },
      ],
    },
  }
  await cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) })
  await cluster.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=55s'])
  return cluster.kubectl(['get', 'pod', name, '--output=jsonpath={.status.podIP}'])
}

/** A pod that runs, so that there is more of a host to leave behind than its own servers. */
async function startPause(kubeconfig: string, hostName: string): Promise<void> {
  const { kubectl } = await ensureBinaries(['kubectl'], { log })
  const containers = [{ name: 'pause', image: imageName('pause'), imagePullPolicy: 'Never' }]
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { nodeName: hostName, containers } }
  const env = { KUBECONFIG: kubeconfig }
  await run(kubectl, ['create', '-f', '-'], { env, input: JSON.stringify(pod) })
  await run(kubectl, ['wait', '--for=condition=Ready', 'pod/p', '--timeout=25s'], { env })
}

/** By LiveKit's own server API, with a token signed as https://docs.livekit.io/home/get-started/authentication/ says. */
async function deleteRoom(address: string, room: string): Promise<void> {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const grants = { iss: key, exp: Math.floor(Date.now() / 1_000) + 60, video: { roomCreate: true } }
  const unsigned = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(grants)}`
  const token = `${unsigned}.${createHmac('sha256', secret).update(unsigned).digest('base64url')}`
  const answer = await fetch(`http://${address}:7880/twirp/livekit.RoomService/DeleteRoom`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ room }),
    signal: AbortSignal.timeout(10_000),
  })
  assert.equal(answer.status, 200, await answer.text())
}

/** Resolves when every server has forwarded packets, as its own host sees them. */
async function mediaFlows(cluster: Cluster, addresses: string[]): Promise<void> {
  for (const [index, address] of addresses.entries()) {
    const host = cluster.hosts[index]
    assert.ok(host)
    const received = async () => {
      const table = await host.run('ip', ['-json', '-statistics', 'link', 'show', 'cni0'])
      return (JSON.parse(table) as { stats64: { rx: { packets: number } } }[])[0]?.stats64.rx.packets ?? 0
    }
    const before = await received()
    await until(`media through ${address}`, async () => (await received()) > before + 200, { withinMs: 20_000 })
  }
}
