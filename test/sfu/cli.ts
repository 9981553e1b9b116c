// The simulated fleet by hand, for the demo and benches: `node test/sfu/cli.ts --kubeconfig FILE --registry URL`. Commands
// on stdin, one a line; each is answered by one line. At the end, by Ctrl-C or end of input, the ledger as JSON.
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { type SfuHandle, startFleet } from './fleet.ts'

const usage = `usage: node test/sfu/cli.ts --kubeconfig FILE --registry URL[,URL] [--prefix /sfu] [--registry-ca FILE --registry-cert FILE --registry-key FILE]
on stdin: join NODE NAME…   leave NODE NAME…   leave-all NODE   ledger
          silence|crash|hang|never-empties|ignores-intents|recovers NODE   latency NODE JSON   writes NODE TEXT`

const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string' },
    registry: { type: 'string' },
    prefix: { type: 'string', default: '/sfu' },
    'registry-ca': { type: 'string' },
    'registry-cert': { type: 'string' },
    'registry-key': { type: 'string' },
  },
})

const verbs: Record<string, (node: SfuHandle, words: string[]) => unknown> = {
  join: (node, names) => node.join(...names),
  leave: (node, names) => node.leave(...names),
  'leave-all': node => node.leaveAll(),
  silence: node => node.silence(),
  crash: node => node.crash(),
  hang: node => node.hang(),
  'never-empties': node => node.neverEmpties(),
  'ignores-intents': node => node.ignoresIntents(),
  recovers: node => node.recovers(),
  latency: (node, words) => node.latency(JSON.parse(words.join(' '))),
  writes: (node, words) => node.writes(words.join(' ')),
}

if (values.kubeconfig === undefined || values.registry === undefined) {
  console.error(usage)
  process.exitCode = 2
} else await serve(values.kubeconfig, values.registry.split(','))

async function serve(kubeconfigPath: string, endpoints: string[]): Promise<void> {
  const { 'registry-ca': caFile, 'registry-cert': certFile, 'registry-key': keyFile, prefix } = values
  const tls = caFile && { caFile, ...(certFile && { certFile }), ...(keyFile && { keyFile }) }
  await using fleet = await startFleet({ kubeconfigPath, registry: { endpoints, prefix, ...(tls && { tls }) } })
  const commands = createInterface({ input: process.stdin })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => commands.close())
  for await (const line of commands) {
    const [verb = '', name = '', ...words] = line.trim().split(/\s+/)
    if (verb === 'ledger') console.log(JSON.stringify(fleet.ledger.totals()))
    else await carryOut(verb, fleet.node(name), words)
  }
  console.log(JSON.stringify({ ...fleet.ledger.totals(), early: fleet.ledger.early() }))
}

async function carryOut(verb: string, node: SfuHandle, words: string[]): Promise<void> {
  try {
    const action = verbs[verb]
    if (action === undefined) throw new Error(usage)
    await action(node, words)
    console.log('ok')
  } catch (error) {
    console.log(`failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}
