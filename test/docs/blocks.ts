// The code blocks of the documents. Read by the tests that type their commands, judge their YAML and look up what they name.
// A block of the language `sh` is typed by a test, unless a comment above it says why it cannot be; what commands print is `text`.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Block {
  /** `docs/install.md:14`, the line of its first word. */
  readonly at: string
  readonly language: string
  readonly text: string
  /** The heading that it is under, of the second level or deeper. */
  readonly section: string | undefined
  /** Of the comment above it: `not run: needs a cloud`. */
  readonly notRunBecause: string | undefined
  /** What its last command may exit with. Of the comment above it: `exits with 0 or 1: what is found`. */
  readonly exitCodes: readonly number[]
}

export const root = join(import.meta.dirname, '../..')
export const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...globSync('docs/**/*.md', { cwd: root }).toSorted(),
]

export function blocksIn(page: string): Block[] {
  const text = textOf(page)
  return [...text.matchAll(/(?:^<!-- (.+) -->\n)?^```(\w*)\n([^]*?)^```$/gm)].map(match => {
    const [whole, comment = '', language = '', body = ''] = match
    const before = text.slice(0, match.index + whole.indexOf(body))
    const [, notRunBecause] = /^not run: (.+)/.exec(comment) ?? []
    const [, exitCodes = '0'] = /^exits with (\d(?: or \d)*)/.exec(comment) ?? []
    return {
      at: `${page}:${before.split('\n').length}`,
      language,
      text: body,
      section: [...before.matchAll(/^##+ (.+)$/gm)].at(-1)?.[1],
      notRunBecause,
      exitCodes: exitCodes.split(' or ').map(Number),
    }
  })
}

const commandsIn = (page: string): Block[] =>
  blocksIn(page).filter(({ language, notRunBecause }) => language === 'sh' && notRunBecause === undefined)

/** What a test types, in this order: from nothing to nothing as the README has it, and again through all other pages. */
export const typed: readonly Block[] = [
  ...commandsIn('README.md'),
  ...commandsIn('docs/install.md').filter(({ section }) => section === 'Uninstall'),
  ...[
    'first-pool',
    'kubectl-plugin',
    'pools',
    'scaling',
    'hosts',
    'troubleshooting',
    'livekit',
    'security',
    'traces',
    'operations',
    'install',
  ].flatMap(name => commandsIn(`docs/${name}.md`)),
]

/** Whole objects in the YAML blocks, and in the sh blocks that hand some to kubectl; pieces of objects are left out. */
export function manifestsIn(page: string): { at: string; yaml: string }[] {
  return blocksIn(page)
    .flatMap(({ at, language, text }) => {
      if (language === 'yaml') return [{ at, yaml: text }]
      return [...text.matchAll(/<<'(\w+)'\n([^]*?)^\1$/gm)].map(([, , yaml = '']) => ({ at, yaml }))
    })
    .filter(({ yaml }) => /^apiVersion:/m.test(yaml))
}
