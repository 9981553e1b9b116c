// The program: `rtcnode run`, `rtcnode agent` and the smaller commands. Each loads only what it needs, when it is chosen:
// the agent beside every SFU must not carry the Kubernetes client.
import { Command } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import { environment } from './ambient/environment.ts'
import { certificatesInconsistencies, certificatesSettings } from './certificates/settings.ts'
import { flagName, runSettings, variableName } from './config.ts'
import { type SimulateFlags, simulateOptions } from './simulate/options.ts'

const program = new Command('rtcnode')
  .description('Keeps a fleet of SFU media nodes alive, and never drops a call it could have kept')
  .version(packageJson.version)

const run = program.command('run').description('run the operator')
for (const [name, { help }] of Object.entries(runSettings)) {
  run.option(`${flagName(name)} <value>`, `${help} [${variableName(name)}]`)
}
run.action(async (flags: Record<string, string | undefined>) => {
  const [{ runConfig }, { runOperator }] = await Promise.all([import('./config.ts'), import('./run.ts')])
  const config = runConfig(flags, environment())
  await untilSignal(config.logLevel, (log, signal) => runOperator(config, packageJson.version, log, signal))
})

program
  .command('agent')
  .description('run the sidecar beside one SFU; configured by the environment that the operator writes into the pod')
  .action(async () => {
    const [{ parseAgentConfig }, { runAgent }, { metricRegistry }, { tracesFor }, { systemClock }, { systemRandom }] =
      await Promise.all([
        import('./agent/config.ts'),
        import('./agent/agent.ts'),
        import('./telemetry/metrics.ts'),
        import('./telemetry/traces-for.ts'),
        import('./ambient/clock.ts'),
        import('./ambient/random.ts'),
      ])
    const config = parseAgentConfig(environment())
    const registry = metricRegistry()
    await untilSignal(config.logLevel, async (log, signal) => {
      const ambient = { clock: systemClock, random: systemRandom, log }
      const who = { service: 'rtcnode-agent', version: packageJson.version, identity: config.podUID }
      const traces = await tracesFor(config.tracesEndpoint, { ...ambient, ...who, registry })
      await runAgent(config, { ...ambient, metricRegistry: registry, traces }, signal)
    })
  })

const certificates = program
  .command('certificates')
  .description('make and renew the certificates of the registry, and set up its users')
for (const [name, { help }] of Object.entries(certificatesSettings)) {
  certificates.option(`${flagName(name)} <value>`, `${help} [${variableName(name)}]`)
}
certificates.action(async (flags: Record<string, string | undefined>) => {
  const [{ configOf }, command, { systemClock: clock }, { systemRandom: random }] = await Promise.all([
    import('./config.ts'),
    import('./certificates/command.ts'),
    import('./ambient/clock.ts'),
    import('./ambient/random.ts'),
  ])
  const config = configOf(certificatesSettings, flags, environment(), certificatesInconsistencies)
  const { version } = packageJson
  await untilSignal(config.logLevel, (log, signal) =>
    command.certificates(config, { clock, random, log, version }, signal),
  )
})

program
  .command('crds')
  .description('print the CustomResourceDefinitions; install them with: rtcnode crds | kubectl apply -f -')
  .option('--await-served', 'instead, wait until the API server serves them, for a minute at most')
  .option('--kubeconfig <file>', runSettings.kubeconfig.help)
  .action(async ({ awaitServed, kubeconfig }: { awaitServed?: true; kubeconfig?: string }) => {
    if (awaitServed) {
      const [{ kindsServed }, { systemClock }] = await Promise.all([
        import('./kinds-served.ts'),
        import('./ambient/clock.ts'),
      ])
      return withApiServer('crds', kubeconfig, transport => kindsServed(transport, systemClock))
    }
    const { allCrdsYaml } = await import('./crds.ts')
    process.stdout.write(allCrdsYaml())
  })

program
  .command('uninstall-check')
  .description('exit with 3, and say what to do, while there are pools, nodes or autoscalers that need the operator')
  .option('--kubeconfig <file>', runSettings.kubeconfig.help)
  .option('--namespaces <list>', 'where to look, separated by commas; default: everywhere')
  .option('--release <name>', 'what is to be uninstalled, for the words', 'rtcnode')
  .option('--release-namespace <name>', 'where it is, likewise', 'rtcnode-system')
  .action(async ({ kubeconfig, namespaces = '', release: name, releaseNamespace: namespace }: UninstallFlags) => {
    const { uninstallCheck } = await import('./uninstall-check.ts')
    const places = namespaces.split(',').filter(place => place !== '')
    const refusal = await withApiServer('uninstall-check', kubeconfig, transport =>
      uninstallCheck(transport, { name, namespace }, places),
    )
    process.stdout.write(`${refusal ?? 'nothing is left that needs the operator'}\n`)
    if (refusal !== undefined) process.exitCode = 3
  })

const simulation = program
  .command('simulate')
  .description('replay load through an RTCAutoscaler, beside HPA and KEDA: what would have happened')
for (const [name, help] of Object.entries(simulateOptions)) simulation.option(`${flagName(name)} <value>`, help)
simulation.action(async (flags: SimulateFlags) => {
  const { simulate } = await import('./simulate/command.ts')
  simulate(flags, line => void process.stdout.write(`${line}\n`))
})

interface UninstallFlags {
  kubeconfig?: string
  namespaces?: string
  release: string
  releaseNamespace: string
}

/** For commands that ask the API server a few things and end. */
async function withApiServer<T>(
  command: string,
  kubeconfigPath: string | undefined,
  work: (transport: import('./kube/transport.ts').KubeTransport) => Promise<T>,
): Promise<T> {
  const asking = await import('./with-api-server.ts')
  const userAgent = `rtcnode-${command}/${packageJson.version}`
  return asking.withApiServer({ userAgent, ...(kubeconfigPath !== undefined && { kubeconfigPath }) }, work)
}

/** Runs until SIGTERM or SIGINT; a rejection that nobody handles ends the process, because its state is unknown then. */
async function untilSignal(
  level: import('./telemetry/log.ts').LogLevel,
  work: (log: import('./telemetry/log.ts').Logger, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const [{ createLogger }, { systemClock }] = await Promise.all([
    import('./telemetry/log.ts'),
    import('./ambient/clock.ts'),
  ])
  const log = createLogger({ level, clock: systemClock })
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      log.info('stopping', { signal: name })
      stop.abort(new Error(`received ${name}`))
    })
  }
  const fail = async (msg: string, error: unknown): Promise<never> => {
    log.error(msg, { error })
    await log.flush()
    process.exit(1)
  }
  process.on('unhandledRejection', error => void fail('a rejection was not handled', error))
  process.on('uncaughtException', error => void fail('an exception was not caught', error))
  await work(log, stop.signal).catch((error: unknown) => fail('cannot go on', error))
  await log.flush()
  // Not left to an empty event loop: gRPC can hold on to a registry that went away and came back, and the pod would hang until
  // it is killed.
  process.exit()
}

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`rtcnode: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
