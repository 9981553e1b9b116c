// The classes in examples/, as a test cluster can run them: with images it has, on the nodes it has. So the examples that
// people read are the ones that tests and the demo play.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument, stringify } from 'yaml'
import { imageName } from './images.ts'

export interface ExampleClassOptions {
  /** Default: the public image in the example is replaced by the one images.ts packs. */
  livekitImage?: string
  operatorImage?: string
  network?: 'HostNetwork' | 'PodNetwork'
  /** As Kubernetes writes CPU, for example `400m`. Default: none, as in the example. */
  sfuCpuLimit?: string
  /** The pods may run on kwok's nodes, where they take about as long to start as real ones. */
  fakeNodes?: boolean
}

/** Manifests to apply: the Secret with LiveKit's keys in the current namespace, and the class `livekit` (or `livekit-hostnetwork`). */
export function demoClass(options: ExampleClassOptions = {}): string {
  const {
    livekitImage = imageName('livekit'),
    operatorImage = imageName('operator'),
    network,
    fakeNodes,
    sfuCpuLimit,
  } = options
  const example = parseDocument(read(network === 'HostNetwork' ? 'livekit-class-hostnetwork' : 'livekit-class'))
  const pod = ['spec', 'podTemplate', 'spec']
  example.setIn([...pod, 'containers', 0, 'image'], livekitImage)
  example.setIn(['spec', 'agent', 'image'], operatorImage)
  if (sfuCpuLimit) example.setIn([...pod, 'containers', 0, 'resources', 'limits'], { cpu: sfuCpuLimit })
  if (fakeNodes) {
    // So large that to the scheduler one is as empty as the other.
    example.setIn(['spec', 'placement'], 'Spread')
    example.setIn([...pod, 'tolerations'], [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }])
    example.setIn(['spec', 'podTemplate', 'metadata', 'annotations', 'rtcnode.io/starts-after'], '4s')
  }
  return `${read('livekit-keys')}---\n${stringify(example)}`
}

/** What is in the Secret, for those who join. */
export function demoKeys(): { key: string; secret: string } {
  const keys = String(parseDocument(read('livekit-keys')).getIn(['stringData', 'keys']))
  const [key = '', secret = ''] = keys.split(': ')
  return { key, secret }
}

const read = (name: string): string => readFileSync(join(import.meta.dirname, '../../examples', `${name}.yaml`), 'utf8')
