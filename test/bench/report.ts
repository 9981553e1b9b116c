// Writes docs/benchmarks.md: a section for each benchmark, between marks, so that one can be measured again alone. Called by
// bench.ts.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Benchmark, Figure, Result } from './figure.ts'

const file = join(import.meta.dirname, '../../docs/benchmarks.md')
const modules = join(import.meta.dirname, '../cluster/modules')

const head = `# Benchmarks

Written by \`make bench\`; \`node test/bench/bench.ts NAME…\` measures some of them again. Everything runs on one machine: control plane, both
etcds, fake nodes, the operator (the bundle, a process of its own), the simulated fleet and whoever measures share its cores, so figures are
worth most beside their baseline from the same run.
`

/** Replaces the section of this benchmark, or adds it at the end. `load`: the machine's load average before it began. */
export function writeSection({ name, title, method }: Benchmark, { figures, details }: Result, load: number): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const section = [
    begin,
    `## ${title}`,
    method,
    table(figures),
    ...details,
    `Measured on ${machine()}. ${conditionsAt(load)}`,
    end,
  ].join('\n\n')
  const text = readText()
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  const next = from < 0 ? `${text}\n${section}\n` : text.slice(0, from) + section + text.slice(to + end.length)
  writeFileSync(file, next)
}

function readText(): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return head
  }
}

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, goal = '–', measured, baseline = '–', ratio, isMet }) => {
    const met = isMet === undefined ? '' : isMet ? 'met' : '**missed**'
    return `| ${what} | ${goal} | ${measured} | ${baseline} | ${ratio?.toFixed(2) ?? '–'} | ${met} |`
  })
  return ['| figure | goal | measured | baseline | ratio | |', '|---|---|---|---|---|---|', ...rows].join('\n')
}

/** A machine that did nothing else has a load near 0 before. */
function conditionsAt(load: number): string {
  const before = `Load average before: ${load.toFixed(1)}`
  return load < 1
    ? `${before}.`
    : `**${before} on ${cpus().length} cores: other work ran at the same time, so times are upper bounds.**`
}

function machine(): string {
  const cores = cpus()
  const versions = [
    `Kubernetes ${versionIn('controlplane', 'k8s.io/kubernetes')}`,
    `etcd ${versionIn('controlplane', 'go.etcd.io/etcd/server/v3')}`,
    `kwok ${versionIn('kwok', 'sigs.k8s.io/kwok')}`,
  ]
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `${cores.length} cores (${cores[0]?.model ?? 'unknown'}), ${gigabytes} GiB, Linux ${release().split('-')[0]}, Node ${process.version}, ${versions.join(', ')}`
}

function versionIn(module: string, path: string): string {
  const text = readFileSync(join(modules, module, 'go.mod'), 'utf8')
  return new RegExp(`\\s${path} (v\\S+)`).exec(text)?.[1] ?? 'unknown'
}
