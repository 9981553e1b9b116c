// The network of a cluster with real hosts: a bridge that this machine and all hosts are on, and a range of pod addresses
// for each host. Machine, hosts and pods reach each other by address, without NAT. Called by cluster.ts and hosts.ts.
import { spawnSync } from 'node:child_process'
import { atExit } from './at-exit.ts'
import { run } from './command.ts'
import { isAlive, ownerOf } from './folder.ts'
import { tryLock } from './lock.ts'

export interface Network {
  bridge: string
  /** This machine's own address on the bridge: where hosts and pods find the API server and the registry. */
  gateway: string
  /** Puts the network namespace of a process on the bridge, as host number 1 to 9. */
  attach(number: number, namespacePid: number): Promise<Attachment>
  stop(): Promise<void>
}

export interface Attachment {
  address: string
  podRange: string
  /** Takes the link away: nothing gets in or out, and both sides find out only by time-outs. */
  cut(): Promise<void>
  restore(): Promise<void>
  detach(): Promise<void>
}

const hostNumbers = [1, 2, 3, 4, 5, 6, 7, 8, 9]
// 10.N.0.0/16 for each cluster. 10.96 is the services' and 10.200 that of kwok's pods.
const firstNetwork = 100
const lastNetwork = 199

/** `name` is the cluster's; it tells a later run whose bridge this was. */
export async function createNetwork(name: string): Promise<Network> {
  await removeAbandonedLinks()
  const { n, lock } = await takeFreeNetwork()
  const bridge = `rtcnode${n}`
  const gateway = `10.${n}.0.1`
  const hostAddress = (number: number) => `10.${n}.0.${10 + number}`
  const podRange = (number: number) => `10.${n}.${number}.0/24`

  // Those of hosts too: the kernel takes its time to end a namespace, and until then its link is there.
  const links = new Set<string>()
  const forget = atExit({
    atOnce() {
      for (const link of [...links, bridge]) spawnSync('ip', ['link', 'del', link], { stdio: 'ignore' })
    },
  })
  const network: Network = {
    bridge,
    gateway,
    async attach(number, namespacePid) {
      const link = `${bridge}h${number}`
      const address = hostAddress(number)
      const inside = (args: string) => ip(args, ['nsenter', '--target', String(namespacePid), '--net', '--'])
      links.add(link)
      await ip(`link add ${link} type veth peer name eth0 netns ${namespacePid}`)
      await ip(`link set ${link} alias ${name}`)
      await ip(`link set ${link} master ${bridge} up`)
      await inside(`address add ${address}/24 dev eth0`)
      await inside('link set lo up')
      await inside('link set eth0 up')
      await inside(`route add default via ${gateway}`)
      for (const other of hostNumbers.filter(it => it !== number)) {
        await inside(`route add ${podRange(other)} via ${hostAddress(other)}`)
      }
      await ip(`route replace ${podRange(number)} via ${address}`)
      return {
        address,
        podRange: podRange(number),
        cut: () => ip(`link set ${link} down`),
        restore: () => ip(`link set ${link} up`),
        // Gone by itself once the last process of the namespace is; not waiting for that lets the number be used again.
        async detach() {
          links.delete(link)
          await ip(`link del ${link}`).catch(() => undefined)
        },
      }
    },
    async stop() {
      forget()
      for (const link of links) await ip(`link del ${link}`).catch(() => undefined)
      await ip(`link del ${bridge}`)
      await lock.release()
    },
  }
  try {
    await ip(`link add ${bridge} type bridge`)
    await ip(`link set ${bridge} alias ${name}`)
    await ip(`address add ${gateway}/24 dev ${bridge}`)
    await ip(`link set ${bridge} up`)
    return network
  } catch (error) {
    await network.stop().catch(() => undefined)
    throw error
  }
}

async function takeFreeNetwork() {
  const routes = await run('ip', ['-4', 'route', 'show', 'table', 'all'])
  for (let n = firstNetwork; n <= lastNetwork; n += 1) {
    if (new RegExp(`\\b10\\.${n}\\.`).test(routes)) continue
    const lock = await tryLock(`network-10.${n}`)
    if (lock) return { n, lock }
  }
  throw new Error(`no free network between 10.${firstNetwork}.0.0/16 and 10.${lastNetwork}.0.0/16`)
}

/** The bridges and links whose alias names an owner that is no more. A link can outlive its bridge and its host's last
 *  process: a closed connection that nobody answers any more holds the network namespace for minutes. */
async function removeAbandonedLinks(): Promise<void> {
  const links = JSON.parse(await run('ip', ['-json', 'link', 'show'])) as Link[]
  for (const { ifname, ifalias = '' } of links) {
    const owner = ownerOf(ifalias)
    if (owner !== undefined && !isAlive(owner)) await ip(`link del ${ifname}`).catch(() => undefined)
  }
}

interface Link {
  ifname: string
  ifalias?: string
}

async function ip(args: string, prefix: string[] = []): Promise<void> {
  const [command = 'ip', ...rest] = [...prefix, 'ip', ...args.split(' ')]
  await run(command, rest)
}
