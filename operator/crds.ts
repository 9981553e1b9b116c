// `rtcnode crds`: the CustomResourceDefinitions as YAML, for people who install without a clone of the repository. The
// files in crds/ are the same text.
import { stringify } from 'yaml'
import { crdOf } from './api/crd.ts'
import type { Kind } from './api/kind.ts'
import { kinds } from './api/kinds.ts'

export const crdYaml = (kind: Kind): string =>
  `# Generated from operator/api by \`make crds\`. Do not edit.\n${stringify(crdOf(kind), { lineWidth: 0, aliasDuplicateObjects: false })}`

export const allCrdsYaml = (): string => kinds.map(crdYaml).join('---\n')
