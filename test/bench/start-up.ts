// How long the bundle takes to start and do nothing: what every command, and every agent beside an SFU, pays first.
import { join } from 'node:path'
import { run } from '../cluster/command.ts'
import type { Benchmark } from './figure.ts'
import { all, median, seconds } from './statistics.ts'

const TIMES = 10
const program = join(import.meta.dirname, '../../dist/rtcnode.js')

export const startUp: Benchmark = {
  name: 'start-up',
  title: 'Start of the program',
  method: `\`rtcnode --help\` from the bundle, from the spawn to the exit, ${TIMES} times after one for the disk cache, alternating with the baseline: Node
with an empty program.`,
  async run() {
    await timeOf([program, '--help'])
    const help: number[] = []
    const empty: number[] = []
    for (let turn = 0; turn < TIMES; turn += 1) {
      help.push(await timeOf([program, '--help']))
      empty.push(await timeOf(['--eval', '0']))
    }
    return {
      figures: [
        {
          what: 'rtcnode --help, median',
          measured: seconds(median(help)),
          goal: '< 0.4 s',
          isMet: median(help) < 400,
          baseline: seconds(median(empty)),
          ratio: median(help) / median(empty),
        },
      ],
      details: [`All starts: ${all(help, seconds)}; of Node alone: ${all(empty, seconds)}.`],
    }
  },
}

async function timeOf(args: readonly string[]): Promise<number> {
  const startedAt = performance.now()
  await run(process.execPath, args)
  return performance.now() - startedAt
}
