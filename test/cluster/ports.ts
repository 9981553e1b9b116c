// Ports for the servers of one cluster. A port stays reserved until `release`, also while its server is down: a test that
// stops etcd for a minute must get the same port back.
import { createServer } from 'node:net'
import { type Lock, tryLock } from './lock.ts'

// Below Linux's ephemeral range (32768 and up), where an outgoing connection could take the port of a server that is
// down, and below the NodePort range (30000–32767).
const firstPort = 20_000
const portCount = 10_000

export interface Ports {
  take(): Promise<number>
  release(): Promise<void>
}

export function createPorts(): Ports {
  const locks: Lock[] = []
  return {
    async take() {
      const start = Math.floor(Math.random() * portCount)
      for (let offset = 0; offset < portCount; offset += 1) {
        const port = firstPort + ((start + offset) % portCount)
        const lock = await tryLock(`port-${port}`)
        if (!lock) continue
        if (await canListen(port)) {
          locks.push(lock)
          return port
        }
        await lock.release()
      }
      throw new Error(`no free port between ${firstPort} and ${firstPort + portCount - 1}`)
    },
    async release() {
      await Promise.all(locks.splice(0).map(lock => lock.release()))
    },
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '0.0.0.0' }, () => probe.close(() => resolve(true)))
  })
}
