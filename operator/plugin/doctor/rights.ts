// May the caller, and may the operator, do what they have to? Asked of the API server itself, so it holds whatever authorizes.
import { listed } from '../words.ts'
import { type Check, type Finding, note, ok, problem, unchecked, warning } from './check.ts'
import type { Asked, Right } from './evidence.ts'

interface Need {
  readonly right: Omit<Right, 'namespace'>
  readonly commands: string
  /** Whoever has only the role `view` need not be warned. */
  readonly isWrite: boolean
}

const GROUP = 'rtcnode.io'
const reading = (group: string, resource: string, verbs: readonly string[], commands: string): Need[] =>
  verbs.map(verb => ({ right: { group, resource, verb }, commands, isWrite: false }))
const writing = (resource: string, verb: string, commands: string): Need => ({
  right: { group: GROUP, resource, verb },
  commands,
  isWrite: true,
})

/** What this program does, command by command. */
export const callerNeeds: readonly Need[] = [
  ...reading(GROUP, 'rtcnodes', ['get', 'list', 'watch'], 'top, explain, drain'),
  ...reading(GROUP, 'rtcnodepools', ['get', 'list', 'watch'], 'top, explain, rollout'),
  ...reading(GROUP, 'rtcautoscalers', ['get', 'list', 'watch'], 'top, explain'),
  ...reading('apps', 'controllerrevisions', ['list'], 'rollout history, rollout undo'),
  writing('rtcnodes', 'patch', 'cordon, uncordon, undrain, drain --deadline'),
  writing('rtcnodes', 'delete', 'drain'),
  writing('rtcnodepools', 'patch', 'rollout undo, rollout unpin'),
]

export const callerCheck: Check = {
  name: 'caller',
  title: 'Your rights',
  judge({ callerRights, namespace }) {
    if (!callerRights.known) return [unchecked(`your rights cannot be asked for: ${callerRights.because}`)]
    const lacking = callerNeeds.filter(({ right }) => !isAllowed(right, callerRights.value))
    const findings = lacking.map(({ right, commands, isWrite }): Finding => {
      const says = `you may not ${said(right)} in namespace ${namespace}: ${commands} will be refused`
      return isWrite
        ? note(says, 'if you need to: ask for the role “edit” of the chart')
        : warning(says, 'ask for the role “view” of the chart in this namespace')
    })
    return findings.length > 0 ? findings : [ok(`you may use every command in namespace ${namespace}`)]
  },
}

const isAllowed = (wanted: Omit<Right, 'namespace'>, asked: readonly Asked[]): boolean =>
  asked.some(
    ({ right, allowed }) =>
      allowed && right.group === wanted.group && right.resource === wanted.resource && right.verb === wanted.verb,
  )

export const said = ({ group, resource, verb, name }: Omit<Right, 'namespace'>): string =>
  `${verb} ${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` “${name}”`}`

export const operatorRightsCheck: Check = {
  name: 'operator-rights',
  title: 'Rights of the operator',
  judge({ operatorRights }) {
    if (!operatorRights.known)
      return [unchecked(`the rights of the operator cannot be asked for: ${operatorRights.because}`)]
    const { account, asked } = operatorRights.value
    const lacking = asked.filter(({ allowed }) => !allowed)
    if (lacking.length === 0) return [ok(`${account} has all ${asked.length} rights that the operator needs`)]
    return whereOf(lacking).map(([where, rights]) =>
      problem(
        `${account} may not, ${where}: ${listed(rights, 8)}`,
        'let helm upgrade install its Roles again; a namespace with pools has to be in sfu.namespaces of the chart, and in watchNamespaces if that is set',
      ),
    )
  },
}

function whereOf(asked: readonly Asked[]): (readonly [string, readonly string[]])[] {
  const byWhere = new Map<string, string[]>()
  for (const { right } of asked) {
    const where = right.namespace === undefined ? 'in the whole cluster' : `in namespace ${right.namespace}`
    byWhere.set(where, [...(byWhere.get(where) ?? []), said(right)])
  }
  return [...byWhere]
}
