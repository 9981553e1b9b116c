// `make demo`: the whole story on a real Kubernetes, in about four minutes, held to account. With KEEP=1 it stays up to
// be played with; with `--simulated` (or DEMO_HOSTS=0, or where real hosts cannot be) the SFUs are simulated.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { atExit } from '../cluster/at-exit.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { observe } from './observer.ts'
import { postMortem } from './post-mortem.ts'
import { realStage } from './real-stage.ts'
import type { Scene } from './scene.ts'
import { simulatedStage } from './simulated-stage.ts'
import type { Stage } from './stage.ts'
import { lastAct, story } from './story.ts'
import { createScreen, paint } from './table.ts'
import { createVerdict, verdictLine } from './verdict.ts'

const { values: flags } = parseArgs({ options: { simulated: { type: 'boolean', default: false } } })
const isSimulated = flags.simulated || process.env['DEMO_HOSTS'] === '0'
const keep = Boolean(process.env['KEEP'])

const screen = createScreen(process.stdout)
const verdict = createVerdict()
const startedAt = performance.now()
let actsPlayed = 0

// So that kubectl finds crds/ and examples/, which it is shown to be given.
process.chdir(join(import.meta.dirname, '../..'))
fallSilentWhenInterrupted()
await tellStory()

async function tellStory(): Promise<void> {
  screen.headline('rtcnode-operator: SFU nodes, a pool of them, and its autoscaler, on a real Kubernetes')
  const undo = new AsyncDisposableStack()
  let stage: Stage | undefined
  try {
    stage = await timed('Curtain up: a Kubernetes of its own', setStage)
    undo.defer(stage.stop)
    await play(stage, undo)
  } catch (error) {
    verdict.check(error instanceof Error ? error.message : String(error), false)
  }
  if (keep && stage) {
    conclude()
    return stayUp(stage)
  }
  await undo.disposeAsync()
  for (const thing of leftBehind(process.pid)) verdict.check(`nothing is left behind, but there is ${thing}`, false)
  conclude()
}

async function setStage(): Promise<Stage> {
  const log = screen.aside
  const hosts = isSimulated ? undefined : await ensureHostPackages({ log })
  if (hosts?.possible) {
    screen.say('etcd, API server, controller manager and scheduler, and two hosts with kubelet and containerd.')
    return realStage(log)
  }
  if (hosts) screen.say(`No real hosts here: ${hosts.because}.`)
  screen.say('etcd, API server, controller manager and scheduler; fake hosts (kwok), and a simulated SFU in each pod.')
  return simulatedStage(log)
}

async function play(stage: Stage, undo: AsyncDisposableStack): Promise<void> {
  const nodes = namesIn('examples/nodes.yaml') as unknown as Scene['nodes']
  const [pool = ''] = namesIn('examples/pool.yaml')
  const observer = observe(stage.cluster, screen.show)
  const scene: Scene = { stage, screen, observer, verdict, nodes, pool, undo, calls: new Map() }
  try {
    for (const act of keep ? story : [...story, lastAct]) await timed(act.title, () => act.play(scene))
  } catch (error) {
    screen.title('The story does not go on.')
    for (const line of postMortem(observer.looks.at(-1), stage.cluster.dir)) screen.say(line)
    if (!keep) screen.say('`make demo KEEP=1` keeps the cluster and its logs.')
    throw error
  } finally {
    await observer.stop()
  }
}

function namesIn(manifests: string): string[] {
  return parseAllDocuments(readFileSync(manifests, 'utf8')).map(it => String(it.getIn(['metadata', 'name'])))
}

async function timed<T>(title: string, act: () => Promise<T>): Promise<T> {
  actsPlayed += 1
  screen.title(`${actsPlayed}  ${title}`)
  const begun = performance.now()
  const result = await act()
  screen.curtain(`took ${((performance.now() - begun) / 1_000).toFixed(1)} s`)
  return result
}

async function stayUp(stage: Stage): Promise<void> {
  const { kubectl } = await ensureBinaries(['kubectl'], { log: screen.aside })
  screen.title('It stays up until Ctrl-C. To play with it, in another terminal:')
  screen.say(`export KUBECONFIG=${stage.cluster.kubeconfigPath} PATH=${dirname(kubectl)}:$PATH`)
  screen.say('kubectl get rtcp,rtca,rtcn')
  screen.say(`kubectl patch rtca/eu --type=merge --patch '{"spec":{"minReplicas":4}}'`)
  setInterval(() => undefined, 2 ** 30)
}

/** The verdict: one line, and what did not hold. */
function conclude(): void {
  const holds = verdict.broken.length === 0
  screen.title(paint(holds ? 'green' : 'red', verdictLine(verdict, performance.now() - startedAt)))
  for (const promise of verdict.broken) screen.say(`✗ ${promise}`)
  process.exitCode = holds ? 0 : 1
}

/** at-exit.ts takes everything down and ends the process; what the story makes of that is of no interest. */
function fallSilentWhenInterrupted(): void {
  atExit({})
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      screen.title('Interrupted: taking everything down …')
      screen.mute()
    })
  }
}
