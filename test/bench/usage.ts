// What a process costs, by the kernel's own accounts (proc(5)). Used by benchmarks that measure memory and CPU.
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** USER_HZ, which Linux shows to all programs as 100. */
const TICKS_PER_SECOND = 100

/** CPU time, user and system, since the process began. Throws when it is gone. */
export function cpuSeconds(pid: number): number {
  // The name in brackets may hold blanks; utime and stime are fields 14 and 15, the 12th and 13th after it.
  const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(afterName[11]) + Number(afterName[12])) / TICKS_PER_SECOND
}

/** Resident memory now, and the most there ever was. */
export function memoryBytes(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
  return { now: kilobytes('VmRSS') * 1_024, peak: kilobytes('VmHWM') * 1_024 }
}

/** Share of one core that the process used over the next so many seconds. */
export async function cpuShare(pid: number, overSeconds: number): Promise<number> {
  const [cpu, since] = [cpuSeconds(pid), performance.now()]
  await pause(overSeconds * 1_000)
  return (cpuSeconds(pid) - cpu) / ((performance.now() - since) / 1_000)
}

/** CPU seconds of each process between the call and the call of what is returned. */
export function cpuMeter(pids: Readonly<Record<string, number | undefined>>): () => Record<string, number> {
  const read = (): [string, number][] =>
    Object.entries(pids).map(([name, pid]) => [name, pid === undefined ? Number.NaN : cpuSeconds(pid)])
  const before = Object.fromEntries(read())
  return () => Object.fromEntries(read().map(([name, cpu]) => [name, cpu - (before[name] ?? Number.NaN)]))
}
