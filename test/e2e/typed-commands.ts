// Types what the documents say to type into a shell whose kubectl and helm are those of a cluster, with a home of its own to install
// programs in. Of what people read one thing is changed: Helm is told the images that the hosts have.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { ensureBinaries } from '../cluster/binaries.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { run } from '../cluster/command.ts'
import { type Block, root } from '../docs/blocks.ts'

export interface Shell extends Disposable {
  /** Rejects with what was said, and where it is written, when a line of it fails. */
  type(block: Block): Promise<void>
}

/** For one block; those in the documents wait for two minutes at most, each. */
const WITHIN_SECONDS = 240

export async function openShell(cluster: Cluster, values: object, log: (line: string) => void): Promise<Shell> {
  const { kubectl, helm } = await ensureBinaries(['kubectl', 'helm'], { log })
  const folder = mkdtempSync(join(tmpdir(), 'rtcnode-typed-'))
  const valuesPath = join(folder, 'values.json')
  writeFileSync(valuesPath, JSON.stringify(values))
  const program = (name: string, script: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, name), 0o755)
  }
  program('kubectl', `exec '${kubectl}' "$@"`)
  program(
    'helm',
    `case "$1" in install | upgrade) exec '${helm}' "$@" '--values=${valuesPath}' ;; *) exec '${helm}' "$@" ;; esac`,
  )
  const env = {
    HOME: folder,
    PATH: [folder, join(folder, '.local/bin'), dirname(process.execPath), process.env['PATH']].join(delimiter),
    KUBECONFIG: cluster.kubeconfigPath,
    KUBECACHEDIR: join(folder, 'kubectl-cache'),
    KUBERC: 'off',
    ...Object.fromEntries(['CACHE', 'CONFIG', 'DATA'].map(kind => [`HELM_${kind}_HOME`, join(folder, 'helm-home')])),
  }
  return {
    async type({ at, text, exitCodes }) {
      const script = exitCodes.every(code => code === 0) ? text : endingWith(exitCodes, text)
      // With what it has started: bash alone would leave a kubectl behind that waits.
      const args = ['--kill-after=5', String(WITHIN_SECONDS), 'bash', '-euo', 'pipefail', '-c', script]
      const options = { env, cwd: root, timeoutSeconds: WITHIN_SECONDS + 10 }
      await run('timeout', args, options).catch((error: unknown) => {
        throw new Error(`${at} does not work as it is written`, { cause: error })
      })
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** The last command is to exit with one of these, having said why: a complaint about the command itself goes to stderr. */
function endingWith(exitCodes: readonly number[], text: string): string {
  const lines = text.trimEnd().split('\n')
  const last = lines.pop() ?? ''
  return [
    ...lines,
    `said=$(${last}) && code=0 || code=$?`,
    `[[ -n $said && $code == [${exitCodes.join('')}] ]] || { echo "exited with $code: $said" >&2; exit 1; }`,
  ].join('\n')
}
