// What the documents promise to readers: links lead somewhere, and no reason is left without a word on what to do about it.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { autoscalerReasons } from '../../operator/api/reasons.ts'
import { RTCAutoscalerKind } from '../../operator/api/rtcautoscaler.ts'
import { pages, root, textOf } from '../docs/blocks.ts'

/** Patterns in code look like links. */
const withoutCode = (text: string): string => text.replaceAll(/```[^]*?```|`[^`\n]*`/g, '')

/** As GitHub names the heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

const anchorsIn = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

test('every link of the documents leads to a file, and to a heading of it', () => {
  for (const page of pages) {
    for (const [, link = ''] of withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? page : join(dirname(page), file)
      assert.ok(existsSync(join(root, target)), `${page} links to ${link}, and there is no ${target}`)
      if (anchor !== undefined)
        assert.ok(
          anchorsIn(textOf(target)).includes(anchor),
          `${page} links to ${link}, and ${target} has no such heading`,
        )
    }
  }
})

/** Nothing is to be done about these. */
const allIsWell = ['PoolFound', 'WithinLimits', 'EnoughReport', 'LoadRelated', 'NotManaged']

test('docs/README.md leads to every page of its folder', () => {
  const index = textOf('docs/README.md')
  const own = pages.filter(page => /^docs\/[^/]+$/.test(page) && page !== 'docs/README.md')
  assert.deepEqual(
    own.filter(page => !index.includes(`](${page.slice('docs/'.length)})`)),
    [],
  )
})

test('docs/scaling.md says of every reason and every condition of an autoscaler what to do', () => {
  const [, table = ''] = textOf('docs/scaling.md').split('\n## Conditions, and what to do\n')
  const names = [...Object.keys(autoscalerReasons), ...Object.keys(RTCAutoscalerKind.conditions)]
  const missing = names.filter(name => !allIsWell.includes(name) && !table.includes(`\`${name}`))
  assert.deepEqual(missing, [])
})
