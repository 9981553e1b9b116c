// The machine's clock, run faster: for tests with real sockets, where a clock driven by hand would race the network.
import { type Clock, instant, monotonic, systemClock } from '../../operator/ambient/clock.ts'

/** Every wait takes `1/factor` of its time, and time passes so much faster. */
export function hastyClock(factor: number): Clock {
  const startedAt = systemClock.wall()
  const reading = (): number => systemClock.monotonic() * factor
  const first = reading()
  return {
    wall: () => instant(startedAt + reading() - first),
    monotonic: () => monotonic(reading()),
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    after: (ms, callback) => systemClock.after(ms / factor, callback),
  }
}
