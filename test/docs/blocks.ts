// The code blocks of the documents. Read by the tests that type their commands, judge their YAML and look up what they name.
// A block of the language `sh` is typed by a test, unless a comment above it says why it cannot be; all others are shown only.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Block {
  /** `docs/install.md:14`, the line of its first word. */
  readonly at: string
  readonly language: string
  readonly text: string
  /** Of the comment above it. */
  readonly notRunBecause: string | undefined
}

export const root = join(import.meta.dirname, '../..')
export const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...globSync('docs/**/*.md', { cwd: root }).toSorted(),
]

/** Each goes on where the one before it ends; the last one uninstalls. */
export const typedPages: readonly string[] = ['first-pool', 'livekit', 'security', 'operations', 'install'].map(
  name => `docs/${name}.md`,
)

export function blocksIn(page: string): Block[] {
  const text = textOf(page)
  return [...text.matchAll(/(?:^<!-- not run: (.+) -->\n)?^```(\w*)\n([^]*?)^```$/gm)].map(match => {
    const [whole, notRunBecause, language = '', body = ''] = match
    const line = text.slice(0, match.index + whole.indexOf(body)).split('\n').length
    return { at: `${page}:${line}`, language, text: body, notRunBecause }
  })
}

/** Whole objects in the YAML blocks, and in the sh blocks that hand some to kubectl; pieces of objects are left out. */
export function manifestsIn(page: string): { at: string; yaml: string }[] {
  return blocksIn(page)
    .flatMap(({ at, language, text }) => {
      if (language === 'yaml') return [{ at, yaml: text }]
      return [...text.matchAll(/<<'(\w+)'\n([^]*?)^\1$/gm)].map(([, , yaml = '']) => ({ at, yaml }))
    })
    .filter(({ yaml }) => /^apiVersion:/m.test(yaml))
}
