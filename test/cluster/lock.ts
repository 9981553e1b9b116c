// A lock between processes of this machine, for ports and builds. It is the name of an abstract Unix socket: the kernel
// takes it back when its holder dies, so there is no stale lock to detect, and its scope (the network namespace) is a port's.
import { createServer } from 'node:net'

export interface Lock {
  release(): Promise<void>
}

/** Takes the lock, or gives `undefined` when somebody (this process too) holds it. Does not keep the process alive. */
export function tryLock(name: string): Promise<Lock | undefined> {
  return new Promise((resolve, reject) => {
    const holder = createServer(socket => socket.destroy())
    holder.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    holder.listen({ path: `\0rtcnode/${name}` }, () => {
      holder.unref()
      resolve({ release: () => new Promise(released => holder.close(() => released())) })
    })
  })
}
