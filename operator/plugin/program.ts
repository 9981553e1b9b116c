// The commands of `kubectl rtc`: their options, their help with examples, and which function does them. What is common to all of
// them (cluster, output, exit code) is done by `perform`, which main.ts hands in.
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { cordon, deadlineOption, drain, uncordon, undrain } from './by-hand.ts'
import { byHand, type Chosen, type Judge } from './by-hand-command.ts'
import type { Access, Cluster } from './cluster.ts'
import { doctor } from './doctor/doctor-command.ts'
import type { ExitCode } from './errors.ts'
import { type Explainable, explain, explainable } from './explain-command.ts'
import type { Format, Output } from './output.ts'
import { history, status, undo, unpin } from './rollout-command.ts'
import { type Sorting, sortings } from './top.ts'
import { type Terminal, top } from './top-command.ts'

export type Work = (cluster: Cluster, output: Output) => Promise<ExitCode>

export interface Shell {
  readonly version: string
  perform(access: Access, format: Format, work: Work): Promise<void>
  /** Undefined where output goes to a file or a pipe. */
  terminal(): Terminal | undefined
}

interface CommonOptions extends Access {
  readonly output: Format
}

export function programOf(shell: Shell): Command {
  const root = new Command('kubectl rtc')
    .description('SFU media nodes: what they do, why, and how to take one out without cutting a call')
    .version(shell.version)
    .option('-n, --namespace <name>', 'namespace; default: that of the context')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <file>', 'kubeconfig file; default: KUBECONFIG, then ~/.kube/config')
    .addOption(new Option('-o, --output <format>', 'how to answer').choices(['text', 'json']).default('text'))
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .addHelpText('after', '\nExit codes: 0 fine, 1 something was found or is not possible, 2 wrong usage.')
  const perform = (command: Command, work: Work): Promise<void> => {
    const { output, ...access } = command.optsWithGlobals<CommonOptions>()
    return shell.perform(access, output, work)
  }
  addTop(root, perform, shell)
  addExplain(root, perform)
  addByHand(root, perform)
  addRollout(root, perform)
  addDoctor(root, perform, shell)
  return root
}

type Perform = (command: Command, work: Work) => Promise<void>

const examples = (...lines: readonly string[]): string => `\nExamples:\n${lines.map(line => `  ${line}`).join('\n')}`

function addTop(root: Command, perform: Perform, shell: Shell): void {
  root
    .command('top')
    .description('nodes with load, people, latency and drains; on a terminal it follows what happens')
    .argument('[pool]', 'only the nodes of this pool')
    .option('-A, --all-namespaces', 'all namespaces')
    .option('--once', 'the table as it is now, also on a terminal')
    .addOption(new Option('--sort <by>', 'what comes first').choices(sortings).default('name'))
    .addHelpText(
      'after',
      examples(
        'kubectl rtc top -n rtc                # until Ctrl-C or q',
        'kubectl rtc top eu --sort load        # the fullest nodes of pool eu first',
        'kubectl rtc top -A --sort drain | cat # all drains, whose time is up first',
        "kubectl rtc top -o json | jq '.nodes[] | select(.load > 0.8)'",
      ),
    )
    .action((pool: string | undefined, options: TopOptions, command: Command) =>
      perform(command, (cluster, output) => {
        const { allNamespaces = false, once = false, sort } = options
        const terminal = once || output.format === 'json' ? undefined : shell.terminal()
        return top(cluster, output, { allNamespaces, sorting: sort, pool }, terminal)
      }),
    )
}

interface TopOptions {
  readonly allNamespaces?: boolean
  readonly once?: boolean
  readonly sort: Sorting
}

function addExplain(root: Command, perform: Perform): void {
  root
    .command('explain')
    .description(
      'why a pool has this number of nodes, why a node is Pending or drains, why an autoscaler wants a number',
    )
    .addArgument(new Argument('<kind>', 'what it is').choices(explainable))
    .argument('<name>', 'its name')
    .addHelpText(
      'after',
      examples(
        'kubectl rtc explain pool eu -n rtc',
        'kubectl rtc explain node eu-x7k2m -n rtc',
        'kubectl rtc explain autoscaler eu -o json | jq -r \'.sentences[] | select(.level == "problem") | .remedy\'',
      ),
    )
    .action((kind: Explainable, name: string, _options: object, command: Command) =>
      perform(command, (cluster, output) => explain(cluster, output, kind, name)),
    )
}

interface ByHandOptions {
  readonly host?: string
  readonly deadline?: number
  readonly protect?: boolean
}

function addByHand(root: Command, perform: Perform): void {
  const add = (name: string, judgeFor: (options: ByHandOptions) => Judge): Command =>
    root
      .command(name)
      .argument('[nodes...]', 'names of RTCNodes')
      .option('--host <name>', 'all RTCNodes on this host, in all namespaces, instead of names')
      .action((names: readonly string[], options: ByHandOptions, command: Command) => {
        const chosen: Chosen = { names, host: options.host }
        return perform(command, (cluster, output) => byHand(cluster, output, chosen, judgeFor(options)))
      })
  add(
    'cordon',
    () =>
      (node, { now }) =>
        cordon(node, now()),
  )
    .description('no new rooms on a node; calls go on, and its pool makes another. Reversible')
    .addHelpText('after', examples('kubectl rtc cordon eu-x7k2m', 'kubectl rtc cordon --host worker-3'))
  add(
    'uncordon',
    () =>
      (node, { now }) =>
        uncordon(node, now()),
  )
    .description('new rooms on a node again')
    .addHelpText('after', examples('kubectl rtc uncordon eu-x7k2m'))
  add(
    'drain',
    options =>
      (node, { now }) =>
        drain(node, options.deadline, now()),
  )
    .description('no new rooms, people finish their calls, then the node is gone and its pool makes another. For good')
    .option(
      '--deadline <time>',
      'how long people may stay: 90s, 10m, 2h; default: what node and class promise',
      asDeadline,
    )
    .addHelpText(
      'after',
      examples(
        'kubectl rtc drain eu-x7k2m',
        'kubectl rtc drain --host worker-3 --deadline 30m',
        'kubectl rtc drain eu-x7k2m && kubectl wait --for=delete rtcn/eu-x7k2m --timeout=2h',
      ),
    )
  add(
    'undrain',
    options =>
      (node, { now }) =>
        undrain(node, options.protect ?? false, now()),
  )
    .description('opens a node that its pool has closed; one that was deleted cannot come back, and this says so')
    .option('--protect', 'keep the pool from closing it again (rtcnode.io/scale-in-protection)')
    .addHelpText('after', examples('kubectl rtc undrain eu-x7k2m --protect'))
}

/** Commander adds which option it is about. */
function asDeadline(text: string): number {
  try {
    return deadlineOption(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

function asCount(least: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= 1_000_000) return value
    throw new InvalidArgumentError(`write a whole number from ${least}`)
  }
}

function addRollout(root: Command, perform: Perform): void {
  const rollout = root.command('rollout').description('roll-outs of a pool')
  rollout
    .command('status')
    .description('waits until all nodes that take rooms are of the newest revision')
    .argument('<pool>', 'name of the RTCNodePool')
    .option('--no-watch', 'tell how far it is, and do not wait')
    .option('--timeout <seconds>', 'wait no longer than this', asCount(1), 600)
    .addHelpText('after', examples('kubectl rtc rollout status eu', 'kubectl rtc rollout status eu --no-watch -o json'))
    .action((pool: string, options: { watch: boolean; timeout: number }, command: Command) =>
      perform(command, (cluster, output) =>
        status(cluster, output, pool, { watch: options.watch, timeoutMs: options.timeout * 1_000 }),
      ),
    )
  rollout
    .command('history')
    .description('what nodes were, are and shall be made from')
    .argument('<pool>', 'name of the RTCNodePool')
    .option('--revision <number>', 'the template of one revision', asCount(1))
    .addHelpText('after', examples('kubectl rtc rollout history eu', 'kubectl rtc rollout history eu --revision 2'))
    .action((pool: string, options: { revision?: number }, command: Command) =>
      perform(command, (cluster, output) => history(cluster, output, pool, options.revision)),
    )
  rollout
    .command('undo')
    .description('makes nodes from an older template (spec.strategy.pinnedRevision); spec.template waits meanwhile')
    .argument('<pool>', 'name of the RTCNodePool')
    .option('--to-revision <number>', 'default: the newest before the present one with another template', asCount(1))
    .addHelpText('after', examples('kubectl rtc rollout undo eu', 'kubectl rtc rollout undo eu --to-revision 2'))
    .action((pool: string, options: { toRevision?: number }, command: Command) =>
      perform(command, (cluster, output) => undo(cluster, output, pool, options.toRevision)),
    )
  rollout
    .command('unpin')
    .description('makes nodes from spec.template again, after an undo')
    .argument('<pool>', 'name of the RTCNodePool')
    .addHelpText('after', examples('kubectl rtc rollout unpin eu'))
    .action((pool: string, _options: object, command: Command) =>
      perform(command, (cluster, output) => unpin(cluster, output, pool)),
    )
}

function addDoctor(root: Command, perform: Perform, { version }: Shell): void {
  root
    .command('doctor')
    .description(
      'looks for what is wrong with the installation: kinds, rights, leader, versions, registry, clocks, hosts',
    )
    .option('--operator-namespace <name>', 'where the operator is installed', 'rtcnode-system')
    .addHelpText(
      'after',
      examples(
        'kubectl rtc doctor -n rtc',
        'kubectl rtc doctor -o json | jq \'.checks[].findings[] | select(.level == "problem")\'',
      ),
    )
    .action((options: { operatorNamespace: string }, command: Command) =>
      perform(command, (cluster, output) =>
        doctor(cluster, output, { operatorNamespace: options.operatorNamespace, version }),
      ),
    )
}
