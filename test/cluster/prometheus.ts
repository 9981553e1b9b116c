// A real Prometheus that scrapes what a test tells it to, each two seconds, and judges rules each second. Needs Debian's package
// (debian.ts). Called by the tests of metrics, dashboards and alerts.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { isHealthy } from './api-client.ts'
import { run } from './command.ts'
import { createPorts } from './ports.ts'
import { type Server, startServer } from './process.ts'

export interface ScrapeTarget {
  readonly job: string
  /** With its path. */
  readonly url: string
  /** As Kubernetes' service discovery would give them; those of the series themselves come first. */
  readonly labels: Readonly<Record<string, string>>
}

export interface PrometheusOptions {
  /** Where its files go. */
  readonly folder: string
  readonly targets: readonly ScrapeTarget[]
  readonly ruleFiles: readonly string[]
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  /** Not a number where Prometheus says so. */
  readonly value: number
}

export interface Rule {
  readonly name: string
  readonly state: 'inactive' | 'pending' | 'firing'
  /** `ok` once it was judged without an error. */
  readonly health: string
  readonly lastError?: string
  readonly alerts: readonly { readonly labels: Record<string, string>; readonly annotations: Record<string, string> }[]
}

export interface Prometheus extends AsyncDisposable {
  readonly server: Server
  /** Evaluates it as it is now. Rejects with what Prometheus says against it. */
  query(expr: string): Promise<readonly Sample[]>
  /** All alerting rules. */
  rules(): Promise<readonly Rule[]>
}

export async function startPrometheus({ folder, targets, ruleFiles }: PrometheusOptions): Promise<Prometheus> {
  const home = join(folder, 'prometheus')
  mkdirSync(home)
  const config = join(home, 'prometheus.yaml')
  writeFileSync(config, stringify(configOf(targets, ruleFiles)))
  const ports = createPorts()
  const address = `127.0.0.1:${await ports.take()}`
  const server = await startServer({
    name: 'prometheus',
    command: 'prometheus',
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(home, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    logPath: join(folder, 'prometheus.log'),
    ready: signal => isHealthy(`http://${address}/-/ready`, signal),
  })
  return {
    server,
    async query(expr) {
      const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
        address,
        `query?${new URLSearchParams({ query: expr }).toString()}`,
      )
      return result.map(({ metric, value: [, text] }) => ({ labels: metric, value: Number(text) }))
    },
    async rules() {
      const { groups } = await ask<{ groups: { rules: Rule[] }[] }>(address, 'rules?type=alert')
      return groups.flatMap(({ rules }) => rules)
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
      await ports.release()
    },
  }
}

/** Debian's promtool. Resolves with what it says; rejects when it finds fault. */
export const promtool = (args: string[], input = ''): Promise<string> =>
  run('promtool', args, { input, timeoutSeconds: 60 })

async function ask<T>(address: string, path: string): Promise<T> {
  const answer = await fetch(`http://${address}/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) })
  const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string }
  if (status !== 'success') throw new Error(`Prometheus: ${error ?? answer.statusText} (${decodeURIComponent(path)})`)
  return data
}

const configOf = (targets: readonly ScrapeTarget[], ruleFiles: readonly string[]): object => ({
  global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '1s' },
  rule_files: ruleFiles,
  scrape_configs: targets.map(({ job, url, labels }) => {
    const { host, pathname } = new URL(url)
    return { job_name: job, honor_labels: true, metrics_path: pathname, static_configs: [{ targets: [host], labels }] }
  }),
})
