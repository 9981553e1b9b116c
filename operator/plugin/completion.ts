// What a shell offers after the words typed so far, told by the commands themselves. Pure. `kubectl rtc <TAB>` asks through
// kubectl_complete-rtc, which kubectl looks for on the PATH.
import type { Command, Option } from 'commander'
import type { Access } from './cluster.ts'
import { type Explainable, explainable } from './explain-command.ts'

export interface Completion {
  readonly offer: readonly string[]
  /** And the names of objects of this kind, in the cluster and namespace that the words name. */
  readonly names?: Explainable
  readonly access: Access
}

/** `words`: what stands after `kubectl rtc`; the last one is still being typed, perhaps empty. */
export function completionOf(root: Command, words: readonly string[]): Completion {
  const typed = words.slice(0, -1)
  const last = words.at(-1) ?? ''
  const { command, operands, access, awaits } = walk(root, typed)
  const offering = (all: readonly string[], names?: Explainable): Completion => ({
    offer: all.filter(word => word.startsWith(last)),
    ...(names === undefined ? {} : { names }),
    access,
  })
  if (awaits !== undefined) return offering(awaits.argChoices ?? [])
  if (last.startsWith('-')) return offering(optionsOf(command).flatMap(({ long }) => long ?? []))
  if (command.commands.length > 0) return offering(command.commands.map(it => it.name()))
  const place = Math.min(operands.length, command.registeredArguments.length - 1)
  const argument = command.registeredArguments[place]
  if (argument === undefined || (operands.length > place && !argument.variadic)) return offering([])
  if (argument.argChoices !== undefined) return offering(argument.argChoices)
  return offering([], kindOf(argument.name(), operands))
}

/** Arguments are named after what they name; that of `explain` after the one before it. */
function kindOf(argument: string, operands: readonly string[]): Explainable | undefined {
  const word = argument === 'name' ? operands[0] : argument.replace(/s$/, '')
  return explainable.find(kind => kind === word)
}

interface Walked {
  readonly command: Command
  readonly operands: readonly string[]
  readonly access: Access
  /** The option whose value comes next. */
  readonly awaits: Option | undefined
}

function walk(root: Command, words: readonly string[]): Walked {
  let command = root
  const operands: string[] = []
  const access: Record<string, string> = {}
  let awaits: Option | undefined
  for (const word of words) {
    if (awaits !== undefined) {
      access[awaits.attributeName()] = word
      awaits = undefined
    } else if (word.startsWith('-')) {
      const [flag = '', value] = word.split(/=(.*)/s)
      const option = optionsOf(command).find(({ long, short }) => flag === long || flag === short)
      if (value === undefined) awaits = option?.required === true ? option : undefined
      else if (option !== undefined) access[option.attributeName()] = value
    } else {
      const next = command.commands.find(it => it.name() === word)
      if (next === undefined) operands.push(word)
      else command = next
    }
  }
  const { kubeconfig, context, namespace } = access
  return {
    command,
    operands,
    access: {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
      ...(namespace === undefined ? {} : { namespace }),
    },
    awaits,
  }
}

function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...(command.parent === null ? [] : optionsOf(command.parent))]
}
