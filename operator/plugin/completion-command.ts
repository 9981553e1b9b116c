// Prints what kubectl_complete-rtc hands on to kubectl: one candidate a line, then cobra's directive. A shell that waits is worse than
// one that offers nothing, so whatever goes wrong is silent and soon over.
import type { Command } from 'commander'
import { boundedBy } from '../kube/deadline.ts'
import { type Access, all, type Cluster } from './cluster.ts'
import { completionOf } from './completion.ts'
import type { Explainable } from './explain-command.ts'

/** Offer no files. */
const NO_FILES = ':4'
const WITHIN_MS = 2_000

export async function complete(
  root: Command,
  words: readonly string[],
  open: (access: Access) => Promise<Cluster>,
  print: (line: string) => void,
): Promise<void> {
  const { offer, names, access } = completionOf(root, words)
  const prefix = words.at(-1) ?? ''
  const found = names === undefined ? [] : await namesOf(names, access, open).catch(() => [])
  for (const word of [...offer, ...found.filter(name => name.startsWith(prefix))]) print(word)
  print(NO_FILES)
}

async function namesOf(
  kind: Explainable,
  access: Access,
  open: (access: Access) => Promise<Cluster>,
): Promise<string[]> {
  const cluster = await open(access)
  try {
    const client = { node: cluster.nodes, pool: cluster.pools, autoscaler: cluster.autoscalers }[kind]
    const reason = (): Error => new Error('a shell waits')
    const objects = await boundedBy({ ms: WITHIN_MS, reason, clock: cluster.clock }, () =>
      all<{ readonly metadata: { readonly name: string } }>(client as never, { namespace: cluster.namespace }),
    )
    return objects.map(({ metadata }) => metadata.name)
  } finally {
    await cluster.close()
  }
}
