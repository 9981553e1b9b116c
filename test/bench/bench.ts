// `make bench`: runs all benchmarks, or those named (`node test/bench/bench.ts start-1000 writes`), prints a table and writes
// their sections of docs/benchmarks.md. Needs the bundle and the binaries.
import { loadavg } from 'node:os'
import { agent } from './agent.ts'
import { breach } from './breach.ts'
import { decide10000 } from './decide-10000.ts'
import type { Benchmark, Figure } from './figure.ts'
import { handOver } from './hand-over.ts'
import { headroom } from './headroom.ts'
import { hosts } from './hosts.ts'
import { install } from './install.ts'
import { plan10000 } from './plan-10000.ts'
import { pool1000 } from './pool-1000.ts'
import { poolRollout } from './pool-rollout.ts'
import { reaction } from './reaction.ts'
import { writeSection } from './report.ts'
import { simulateWeek } from './simulate-week.ts'
import { start1000 } from './start-1000.ts'
import { startUp } from './start-up.ts'
import { tenThousand } from './ten-thousand.ts'
import { workloads } from './workloads.ts'
import { writes } from './writes.ts'

const benchmarks: readonly Benchmark[] = [
  start1000,
  pool1000,
  poolRollout,
  plan10000,
  writes,
  reaction,
  tenThousand,
  handOver,
  startUp,
  agent,
  breach,
  decide10000,
  simulateWeek,
  workloads,
  hosts,
  headroom,
  install,
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => benchmarks.every(it => it.name !== name))
if (unknown.length > 0) {
  console.error(`no benchmark named ${unknown.join(', ')}; there are: ${benchmarks.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

// Before the first: what comes later is partly our own.
const [load = 0] = loadavg()
const figures: Figure[] = []
for (const benchmark of benchmarks.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  console.log(`${benchmark.name}: ${benchmark.title}`)
  try {
    const result = await benchmark.run(line => console.log(`  ${line}`))
    for (const detail of result.details) console.log(detail.replaceAll(/^/gm, '  '))
    writeSection(benchmark, result, load)
    figures.push(...result.figures)
  } catch (error) {
    console.error(error)
    figures.push({ what: benchmark.title, measured: 'failed', isMet: false })
    process.exitCode = 1
  }
}
console.table(
  figures.map(({ what, goal = '', measured, ratio, isMet }) => ({
    what,
    goal,
    measured,
    ratio: ratio?.toFixed(2) ?? '',
    met: isMet === undefined ? '' : isMet ? 'yes' : 'NO',
  })),
)
