// What the documents say to type, on two real hosts: a reader who tries what the README begins with, and uninstalls; then installs
// again, makes the first pool, and goes through all other pages until the uninstall. One test a block; each needs those before it.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import { ensureImage, imageName, type TestImage } from '../cluster/images.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { until } from '../cluster/until.ts'
import { typed } from '../docs/blocks.ts'
import { openShell, type Shell } from './typed-commands.ts'
import { makeVolumes } from './volumes.ts'

const log = (line: string) => console.error(line)
const hosts = await ensureHostPackages({ log })
// Under CI a missing host is a failure of the tests, never a reason to leave them out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

const images: readonly TestImage[] = ['operator', 'etcd', 'livekit']
const partsOf = (image: TestImage) => {
  const [repository, tag] = imageName(image).split(':')
  return { repository, tag }
}

/** All that is not as people read it: images that the hosts have. */
const values = {
  image: { ...partsOf('operator'), pullPolicy: 'Never' },
  registry: { image: partsOf('etcd') },
  classes: { livekit: { image: imageName('livekit') }, livekitHostNetwork: { image: imageName('livekit') } },
  headroom: { image: imageName('pause') },
}

suite('the commands of the documents', { skip, concurrency: 1 }, () => {
  let cluster: Cluster
  let shell: Shell
  let thereBefore: string[]
  const undo = new AsyncDisposableStack()

  before(
    async () => {
      const archives = await Promise.all(images.map(image => ensureImage(image, { log })))
      cluster = undo.use(await startCluster({ hosts: 2, services: true, log }))
      await Promise.all(cluster.hosts.flatMap(host => archives.map(archive => host.importImage(archive))))
      await makeVolumes(cluster)
      shell = undo.use(await openShell(cluster, values, log))
      thereBefore = await everything()
    },
    { timeout: 300_000 },
  )
  after(async () => {
    await undo.disposeAsync()
    assert.deepEqual(leftBehind(process.pid), [])
  })

  let isBroken = false
  for (const block of typed) {
    test(`${block.at}: ${block.text.split('\n', 1)[0]}`, async t => {
      if (isBroken) return t.skip('one before it does not work')
      isBroken = true
      await shell.type(block)
      isBroken = false
    })
  }

  test('nothing is left', async () => {
    const more = async () => (await everything()).filter(object => !thereBefore.includes(object))
    // Some is collected after the last command has ended.
    await until('nothing more than before', async () => (await more()).length === 0, { withinMs: 60_000 }).catch(
      async () => assert.deepEqual(await more(), []),
    )
  })

  /** Kind and name of what lasts. */
  async function everything(): Promise<string[]> {
    const kinds = (await cluster.kubectl(['api-resources', '--verbs=list', '--output=name'])).split('\n')
    const lasting = kinds.filter(kind => kind !== '' && !kind.startsWith('events'))
    const listing = 'jsonpath={range .items[*]}{.kind}{" "}{.metadata.namespace}{"/"}{.metadata.name}{"\\n"}{end}'
    const objects = await cluster.kubectl(['get', lasting.join(), '--all-namespaces', '--output', listing])
    return objects.split('\n').filter(line => line !== '')
  }
})
