// Container images without a container builder: one layer, packed from a list of files into the archive that `docker save`
// makes and `ctr images import` takes. The same content always gives the same bytes, kept in the user's cache folder.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Pack, pack } from 'tar-stream'
import { cacheFolder, ensureBinaries } from './binaries.ts'
import { run } from './command.ts'

export interface Image {
  /** `repository:tag`, as a pod names it. */
  name: string
  /** Path in the image → path of the file that goes there, or its text. */
  files: Record<string, string | { text: string }>
  entrypoint: string[]
  env?: Record<string, string>
  /** Number of the user it runs as, default 0. */
  user?: number
}

export type TestImage = 'pause' | 'coredns' | 'etcd' | 'livekit' | 'operator'
export const imageName = (image: TestImage, tag = '1'): string => `rtcnode.test/${image}:${tag}`

/** Path of the archive of one of our images; builds what is missing. `operator` needs `make build` to have run. */
export async function ensureImage(image: TestImage, { log }: { log: (line: string) => void }): Promise<string> {
  return packImage({ name: imageName(image), ...(await contents[image](log)) })
}

/** The operator's of another version, which is its tag: the same program, which only tells another version of itself. */
export async function ensureOperatorOf(version: string, { log }: { log: (line: string) => void }): Promise<string> {
  const image = await contents.operator(log)
  const told = /(name:"rtcnode-operator",version:)"[^"]+"/
  const text = readFileSync(program, 'utf8')
  if (!told.test(text)) throw new Error(`${program} tells its version in another way now: adapt test/cluster/images.ts`)
  const files = { ...image.files, '/app/rtcnode.js': { text: text.replace(told, `$1"${version}"`) } }
  return packImage({ ...image, name: imageName('operator', version), files })
}

const root = join(import.meta.dirname, '../..')
const program = join(root, 'dist/rtcnode.js')

/** As the Dockerfile makes it, on top of its base. A test compares the two. */
export const operatorImage = {
  files: {
    '/usr/bin/node': join(root, 'node_modules/node/bin/node'),
    '/app/rtcnode.js': program,
    '/app/package.json': { text: '{"type":"module"}\n' },
  },
  entrypoint: ['node', '/app/rtcnode.js'],
  env: { NODE_ENV: 'production' },
  user: 65532,
} satisfies Omit<Image, 'name'>

const contents: Record<TestImage, (log: (line: string) => void) => Promise<Omit<Image, 'name'>>> = {
  async pause(log) {
    const { pause } = await ensureBinaries(['pause'], { log })
    return { files: { '/pause': pause }, entrypoint: ['/pause'], user: 65535 }
  },
  async coredns(log) {
    const { coredns } = await ensureBinaries(['coredns'], { log })
    return { files: { '/coredns': coredns }, entrypoint: ['/coredns'] }
  },
  /** As the public image has it: at this path, without a shell. */
  async etcd(log) {
    const { etcd } = await ensureBinaries(['etcd'], { log })
    const path = '/usr/local/bin/etcd'
    return { files: { [path]: etcd }, entrypoint: [path], env: { PATH: '/usr/local/bin:/usr/bin:/bin' } }
  },
  async livekit(log) {
    const { 'livekit-server': server } = await ensureBinaries(['livekit-server'], { log })
    return { files: { '/livekit-server': server }, entrypoint: ['/livekit-server'] }
  },
  async operator() {
    if (!existsSync(program)) throw new Error(`${program} is not there yet: run \`make build\` first`)
    const authorities = '/etc/ssl/certs/ca-certificates.crt'
    const base = {
      ...(await sharedLibraries(operatorImage.files['/usr/bin/node'])),
      ...(existsSync(authorities) && { [authorities]: authorities }),
    }
    return { ...operatorImage, files: { ...base, ...operatorImage.files } }
  },
}

/** At the paths where the loader will look for them in the image too. */
async function sharedLibraries(binary: string): Promise<Record<string, string>> {
  const lines = (await run('ldd', [binary])).split('\n')
  const paths = lines.map(line => /(\/\S+) \(0x/.exec(line)?.[1]).filter(path => path !== undefined)
  return Object.fromEntries(paths.map(path => [path, path]))
}

/** What even a static program looks for. */
const baseFiles: Image['files'] = {
  '/etc/passwd': { text: 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n' },
  '/etc/group': { text: 'root:x:0:\nnonroot:x:65532:\n' },
}

/** Packs the image unless an archive of the same content is there already. Gives its path. */
export async function packImage(image: Image): Promise<string> {
  const folder = join(cacheFolder(), 'images')
  await mkdir(folder, { recursive: true })
  const listed = Object.entries({ ...baseFiles, ...image.files })
  const files = await Promise.all(listed.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(describe))
  const key = sha256(JSON.stringify([format, image.name, files, image.entrypoint, image.env, image.user]))
  const stem = image.name.replaceAll(/[^\w.]/g, '_')
  const path = join(folder, `${stem}-${key.slice(0, 16)}.tar`)
  if (existsSync(path)) await utimes(path, new Date(), new Date())
  else await writeArchive(path, image, files)
  await removeUnused(folder, stem)
  return path
}

/** Raised when the way of packing changes, so that older archives are not taken for the same. */
const format = 1

interface ImageFile {
  path: string
  source: string | { text: string }
  size: number
  mode: number
  digest: string
}

async function describe([path, source]: [string, Image['files'][string]]): Promise<ImageFile> {
  if (typeof source !== 'string') {
    return { path, source, size: Buffer.byteLength(source.text), mode: 0o644, digest: sha256(source.text) }
  }
  const { size, mode } = await stat(source)
  const executable = (mode & 0o100) !== 0
  return { path, source, size, mode: executable ? 0o755 : 0o644, digest: await fileDigest(source) }
}

async function writeArchive(path: string, image: Image, files: ImageFile[]): Promise<void> {
  const layer = `${path}.${process.pid}.layer`
  const unfinished = `${path}.${process.pid}`
  try {
    await writeTar(layer, async tar => {
      tar.entry({ name: 'tmp/', type: 'directory', mode: 0o1777, mtime: epoch })
      for (const file of files) await addFile(tar, { ...file, path: file.path.slice(1) })
    })
    const config = JSON.stringify(imageConfig(image, await fileDigest(layer)))
    const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: [image.name], Layers: ['layer.tar'] }])
    await writeTar(unfinished, async tar => {
      tar.entry({ name: 'config.json', mtime: epoch }, config)
      tar.entry({ name: 'manifest.json', mtime: epoch }, manifest)
      await addFile(tar, { path: 'layer.tar', source: layer, size: (await stat(layer)).size, mode: 0o644 })
    })
    await rename(unfinished, path)
  } finally {
    await rm(layer, { force: true })
    await rm(unfinished, { force: true })
  }
}

/** OCI image configuration: https://github.com/opencontainers/image-spec/blob/main/config.md */
const imageConfig = ({ entrypoint, env = {}, user = 0 }: Image, layerDigest: string) => ({
  architecture: process.arch === 'x64' ? 'amd64' : process.arch,
  os: 'linux',
  config: {
    Entrypoint: entrypoint,
    Env: Object.entries({ PATH: '/usr/bin:/bin', HOME: '/tmp', ...env }).map(([name, value]) => `${name}=${value}`),
    User: String(user),
    WorkingDir: '/',
  },
  rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
})

const epoch = new Date(0)

async function writeTar(path: string, fill: (tar: Pack) => Promise<void>): Promise<void> {
  const tar = pack()
  const written = pipeline(tar, createWriteStream(path))
  await Promise.all([written, fill(tar).then(() => tar.finalize())])
}

async function addFile(tar: Pack, { path, source, size, mode }: Omit<ImageFile, 'digest'>): Promise<void> {
  const header = { name: path, size, mode, mtime: epoch }
  if (typeof source === 'string') await pipeline(createReadStream(source), tar.entry(header))
  else tar.entry(header, source.text)
}

/** Archives of the operator are 130 MB, and there is a new one after each change: those idle for an hour go. */
async function removeUnused(folder: string, stem: string): Promise<void> {
  const hourAgoMs = Date.now() - 3_600_000
  for (const file of await readdir(folder)) {
    if (!file.startsWith(`${stem}-`)) continue
    const path = join(folder, file)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }))
    if (mtimeMs < hourAgoMs) await rm(path, { force: true })
  }
}

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex')

async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
