// `make build`: each program as one file, for the image, for a quick start and for the PATH: dist/rtcnode.js, the operator, and
// dist/kubectl-rtc.js, the plugin of kubectl.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'

const root = join(import.meta.dirname, '..')
const common = {
  bundle: true,
  platform: 'node',
  target: 'node22.19',
  format: 'esm',
  // Names are not kept: that would wrap every function, for 7 MB more in the agent beside every SFU. Errors name themselves.
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions

/**
 * In two steps, because esbuild leaves out unused code only between files: first a file for each command that main.ts
 * loads lazily, then these as one. In one step it would be a fifth larger, and every start pays for what it reads.
 */
export async function bundle(outfile: string, entry = 'operator/main.ts'): Promise<void> {
  const parts = mkdtempSync(join(tmpdir(), 'rtcnode-bundle-'))
  try {
    await build({
      ...common,
      entryPoints: { program: join(root, entry) },
      outdir: parts,
      splitting: true,
      plugins: [inlineEtcdProtocol, keepOnlyKubeConfig, keepOnlyEnglish],
    })
    const require = `import { createRequire } from 'node:module';const require = createRequire(import.meta.url);`
    const banner = { js: `#!/usr/bin/env node\n${require}` }
    await build({ ...common, entryPoints: [join(parts, 'program.js')], outfile, banner })
    chmodSync(outfile, 0o755)
  } finally {
    rmSync(parts, { recursive: true })
  }
}

/** The plugin, and what kubectl looks for on the PATH to complete its words: it must have this name. */
export async function bundlePlugin(folder: string): Promise<void> {
  await bundle(join(folder, 'kubectl-rtc.js'), 'operator/plugin/main.ts')
  const completing = join(folder, 'kubectl_complete-rtc')
  writeFileSync(completing, '#!/bin/sh\nexec kubectl-rtc __complete "$@"\n')
  chmodSync(completing, 0o755)
}

/** etcd3 reads rpc.proto from beside its own file when it is loaded; in a bundle that place is gone, so it is put in. */
const inlineEtcdProtocol: Plugin = {
  name: 'inline-etcd-protocol',
  setup: ({ onLoad }) => {
    onLoad({ filter: /etcd3\/lib\/connection-pool\.js$/ }, ({ path }) => {
      const reads = 'loadSync)(`${__dirname}/../proto/rpc.proto`,'
      const source = readFileSync(path, 'utf8')
      if (!source.includes(reads))
        throw new Error('etcd3 loads its protocol in another way now: adapt scripts/bundle.ts')
      const protocol = parseProtocol(join(dirname(path), '../proto/rpc.proto'))
      return { contents: source.replace(reads, () => `fromJSON)(${protocol},`), resolveDir: dirname(path) }
    })
  },
}

/** As etcd3 would parse it, with the same parser. */
function parseProtocol(file: string): string {
  const etcd3 = createRequire(createRequire(import.meta.url).resolve('etcd3'))
  const parser = createRequire(etcd3.resolve('@grpc/proto-loader'))('protobufjs') as typeof import('protobufjs')
  return JSON.stringify(new parser.Root().loadSync(file, { keepCase: true }).toJSON())
}

/** Its KubeConfig imports one function from an index of 4 MB of API classes, which does not say that the others may go. */
const keepOnlyKubeConfig: Plugin = {
  name: 'keep-only-kubeconfig',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.\/(gen\/index|models\/all|types\/\w+)\.js$/ }, ({ path, resolveDir }) =>
      resolveDir.includes('/@kubernetes/client-node/')
        ? { path: join(resolveDir, path), sideEffects: false }
        : undefined,
    )
  },
}

/** zod's messages in 60 languages, of which we speak one. */
const keepOnlyEnglish: Plugin = {
  name: 'keep-only-english',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, ({ path }) => ({
      contents: `export { default as en } from './en.js'`,
      resolveDir: dirname(path),
    }))
  },
}

if (import.meta.main) {
  const dist = join(root, 'dist')
  await bundle(join(dist, 'rtcnode.js'))
  await bundlePlugin(dist)
}
