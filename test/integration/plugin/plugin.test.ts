// Each command of the built plugin, run through the real kubectl on a real API server with a fleet and an operator: its exit code,
// what it changed in the API server, and what it said.
import assert from 'node:assert/strict'
import { after } from 'node:test'
import { annotations } from '../../../operator/api/marks.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import type { Finding } from '../../../operator/plugin/doctor/check.ts'
import type { Examined } from '../../../operator/plugin/doctor/checks.ts'
import packageJson from '../../../package.json' with { type: 'json' }
import type { Cluster } from '../../cluster/cluster.ts'
import { until } from '../../cluster/until.ts'
import { autoscalerScene } from '../autoscaler/autoscaler-scene.ts'
import { simClass } from '../harness/class.ts'
import { ensureNamespace } from '../harness/operator.ts'
import { isClosed, isOpen, only, type PoolScene, suiteOfPools } from '../pool/pool-scene.ts'
import { type Answer, buildPlugin, kubectl, onTerminal, type Plugin } from './plugin.ts'
import {
  addressOfMachine,
  blindOperator,
  grant,
  hostOfItsOwn,
  kubeconfigOfTwo,
  operatorAsPod,
  userWith,
} from './stage.ts'

let building: Promise<Plugin> | undefined
const built = (): Promise<Plugin> => (building ??= buildPlugin())
after(async () => (await building)?.remove())

const OWN_NAMESPACE = 'rtcnode-system'
const ESCAPE = '\u001b'

type Rtc = (...args: string[]) => Promise<Answer>
const rtcIn =
  ({ namespace }: PoolScene, { kubeconfigPath }: Cluster): Rtc =>
  async (...args) =>
    kubectl(await built(), kubeconfigPath, ['rtc', ...args, '-n', namespace])

/** Exit code, and what was said on both streams. */
function expect({ exitCode, stdout, stderr }: Answer, code: number, ...says: readonly RegExp[]): void {
  const said = `${stdout}${stderr}`
  assert.equal(exitCode, code, said)
  for (const words of says) assert.match(said, words)
}

const json = ({ stdout }: Answer): unknown => JSON.parse(stdout)

async function names(scene: PoolScene, pool = 'eu', holds: (node: RTCNode) => boolean = isOpen): Promise<string[]> {
  return (await scene.nodesOf(pool)).filter(holds).map(({ metadata }) => metadata.name)
}

const inRegion = (region: string) => ({ metadata: { labels: { fleet: 'eu' } }, spec: { className: 'sim', region } })

suiteOfPools('kubectl rtc', { sideBySide: 3, operator: { flags: ['--metrics-address=0.0.0.0'] } }, promise => {
  promise('wrong usage exits with 2 and says what is wrong; help has examples', async (scene, { cluster }) => {
    const rtc = rtcIn(scene, cluster)
    expect(await rtc('fly'), 2, /unknown command 'fly'/)
    expect(await rtc('top', '--sort', 'age'), 2, /'age' is invalid. Allowed choices are name, load/)
    expect(await rtc('explain', 'host', 'a'), 2, /Allowed choices are pool, node, autoscaler/)
    expect(await rtc('drain', 'a', '--deadline', 'soon'), 2, /--deadline.*“soon”.*10m/)
    expect(await rtc('cordon'), 2, /no node is named.*--host/)
    expect(await rtc('drain', '--help'), 0, /Examples:/, /kubectl rtc drain --host/, /--namespace/)
    expect(await rtc('--version'), 0, new RegExp(packageJson.version))
  })

  promise('what cannot be reached or found is told with what helps', async (scene, { cluster }) => {
    const rtc = rtcIn(scene, cluster)
    await scene.runningPool({ replicas: 1 })
    expect(await rtc('top', '--context', 'nowhere'), 1, /no context “nowhere”; it has rtcnode-test/)
    expect(await rtc('top', '--kubeconfig', '/nonexistent'), 1, /\/nonexistent cannot be read/)
    const two = kubeconfigOfTwo(cluster, scene.namespace)
    expect(await rtc('top', '--kubeconfig', two), 1, /ECONNREFUSED.*\n {2}→ .*--context/)
    expect(await rtc('top', '--kubeconfig', two, '--context', 'rtcnode-test'), 0, /pool eu/)
    expect(await rtc('explain', 'pool', 'us'), 1, /has no RTCNodePool “us”; it has eu/)
    expect(await rtc('rollout', 'history', 'us'), 1, /has no RTCNodePool “us”/)
    expect(await rtc('cordon', 'eu-none'), 1, /rtcnode\/eu-none is not there/)
    expect(await rtc('cordon', '--host', 'host-9'), 1, /no RTCNode is on host “host-9”/)
  })

  promise('top shows nodes with load, people and drains, as text and as JSON', async (scene, { cluster }) => {
    const rtc = rtcIn(scene, cluster)
    await scene.runningPool({ replicas: 2, spec: { scaleIn: { deadlineSeconds: 600, emptySeconds: 600 } } })
    await scene.scale('eu', 1)
    await scene.expectPool('eu', 'one is closed', ({ status }) => status?.drainingReplicas === 1)
    const [closed = ''] = await names(scene, 'eu', isClosed)

    const text = await rtc('top')
    expect(text, 0, /pool eu {2}1 of 1 open · 1 draining/, /^NODE +POOL +STATE +LOAD +PEOPLE/m)
    expect(text, 0, new RegExp(`^${closed} +eu +Cordoned .* closed, \\d+:\\d\\d left · nobody$`, 'm'))
    assert.equal(text.stdout.includes(ESCAPE), false, 'no colours in a pipe')

    const { nodes } = json(await rtc('top', '-o', 'json', '--sort', 'drain')) as {
      nodes: { name: string; standing: string; sessions: number; load: number }[]
    }
    const [first] = nodes
    assert.deepEqual([first?.name, first?.standing, first?.sessions], [closed, 'closed', 0])
    assert.ok(typeof first?.load === 'number')
    assert.equal(nodes.length, 2)
    expect(await rtc('top', 'us'), 1, /there is no RTCNodePool “us”; there are: eu/)
    expect(await rtc('top', '-A'), 0, new RegExp(`${scene.namespace}/${closed}`))
  })

  promise('top on a terminal follows what happens, and q ends it', async (scene, { cluster }) => {
    await scene.runningPool({ replicas: 1 })
    const [name = ''] = await names(scene)
    const terminal = await onTerminal(await built(), cluster.kubeconfigPath, ['rtc', 'top', '-n', scene.namespace])
    try {
      await terminal.shows(new RegExp(`${name} +eu +Serving`))
      await scene.kubectl('patch', 'rtcn', name, '--type=merge', '-p', '{"spec":{"cordoned":true}}')
      await terminal.shows(new RegExp(`${name} +eu +Cordoned .*cordoned by people`))
      await scene.kubectl('patch', 'rtcn', name, '--type=merge', '-p', '{"spec":{"cordoned":false}}')
    } finally {
      terminal.press('q')
    }
    assert.equal(await terminal.exitCode, 0)
    const [entered, left] = ['h', 'l'].map(how => terminal.screen.lastIndexOf(`${ESCAPE}[?1049${how}`))
    assert.ok(entered !== -1 && (left ?? -1) > (entered ?? 0), 'it leaves the terminal as it was')
  })

  promise('explain tells why a node is Pending, with the remedy, and exits with 1', async (scene, { cluster }) => {
    const rtc = rtcIn(scene, cluster)
    const name = await scene.applyNode({ name: 'lost', className: 'nowhere' })
    await scene.expectReason(name, 'ClassNotFound')
    const told = await rtc('explain', 'node', name)
    expect(
      told,
      1,
      /RTCNode .*\/lost \(belongs to no pool\) is Pending: ClassNotFound/,
      /→ create RTCNodeClass nowhere/,
    )
    const { sentences } = json(await rtc('explain', 'node', name, '-o', 'json')) as {
      sentences: { level: string; remedy?: string }[]
    }
    assert.equal(sentences[0]?.level, 'problem')
  })

  promise('explain tells why a pool has this number of nodes', async (scene, world) => {
    const { cluster } = world
    const rtc = rtcIn(scene, cluster)
    await scene.runningPool({ replicas: 1 })
    await scene.scale('eu', 2)
    await scene.expectPool('eu', 'both open', ({ status }) => status?.openReplicas === 2)
    await scene.expectProgress('eu', 'Complete')
    expect(
      await rtc('explain', 'pool', 'eu'),
      0,
      /shall have 2 nodes that take rooms, and has 2 nodes: 2 open/,
      /spec\.replicas is 2: it was set by kubectl\n/,
      /Complete: /,
      /lately:\n.*Created/,
    )
    const scaling = autoscalerScene(scene, world)
    await scaling.applyAutoscaler({ spec: { minReplicas: 2, maxReplicas: 2 } })
    await scaling.expectAutoscaler('a', 'has worked out a number', ({ status }) => status?.desiredReplicas === 2)
    const told = await rtc('explain', 'autoscaler', 'a')
    assert.match(told.stdout, /RTCAutoscaler .*\/a wants 2 nodes for pool eu, which is asked for 2; bounds 2 to 2/)
    expect(await rtc('explain', 'pool', 'eu'), 0, /RTCAutoscaler a sets it/, /kubectl rtc explain autoscaler a/)
  })

  promise(
    'cordon closes a node for good, its pool makes another; uncordon opens it again',
    async (scene, { cluster, history }) => {
      const rtc = rtcIn(scene, cluster)
      await scene.runningPool({ replicas: 1 })
      const [name = ''] = await names(scene)
      const versions = () => history.nodes(scene.key(name)).map(({ is }) => is?.spec.cordoned)
      expect(await rtc('cordon', name), 0, new RegExp(`rtcnode/${name} cordoned: .*pool eu makes another`))
      const { spec, metadata } = await scene.node(name)
      assert.deepEqual([spec.cordoned, metadata.annotations?.[annotations.closedByPool]], [true, undefined])
      await scene.expectNodes('eu', 'another is open', nodes => nodes.some(isOpen))
      expect(await rtc('cordon', name), 0, /is cordoned already/)
      expect(await rtc('explain', 'node', name), 0, /people have cordoned it \(kubectl-rtc, /)
      const answer = json(await rtc('uncordon', name, '-o', 'json')) as { results: { did: string }[] }
      assert.deepEqual(
        answer.results.map(({ did }) => did),
        ['patched'],
      )
      // Its pool has two now, and closes one again.
      await history.until('open again', () => versions().lastIndexOf(false) > versions().indexOf(true), 30_000)
    },
  )

  promise('cordon --host takes all nodes of a host, and no others', async (scene, { cluster, apply }) => {
    const rtc = rtcIn(scene, cluster)
    const host = `kwok-of-${scene.namespace}`
    await cluster.api.call('POST', '/api/v1/nodes', hostOfItsOwn(host))
    const tolerations = [{ operator: 'Exists' }]
    await apply(simClass('on-its-own', { pod: { nodeSelector: { 'kubernetes.io/hostname': host }, tolerations } }))
    await scene.runningNode({ name: 'elsewhere' })
    for (const name of ['one', 'two']) await scene.runningNode({ name, className: 'on-its-own' })
    const { results } = json(await rtc('cordon', '--host', host, '-o', 'json')) as {
      results: { name: string; did: string }[]
    }
    assert.deepEqual(results.map(({ name, did }) => `${name} ${did}`).sort(), ['one patched', 'two patched'])
    const cordoned = async (name: string) => (await scene.node(name)).spec.cordoned
    assert.deepEqual(await Promise.all(['one', 'two', 'elsewhere'].map(cordoned)), [true, true, false])
    expect(await rtc('cordon', 'one', '--host', host), 2, /both names \(one\) and --host/)
  })

  promise(
    'drain lets people finish within the deadline it was given, and cannot be taken back',
    async (scene, { cluster }) => {
      const rtc = rtcIn(scene, cluster)
      await scene.runningPool({ replicas: 1 })
      const [name = ''] = await names(scene)
      await scene.occupy(name, 2)
      expect(
        await rtc('drain', name, '--deadline', '20m'),
        0,
        new RegExp(`rtcnode/${name} drains: .*pool eu makes another; .*(19 min|20 min|1200 s) left \\(until `),
      )
      const { metadata, spec, status } = await scene.node(name)
      assert.notEqual(metadata.deletionTimestamp, undefined)
      assert.equal(spec.drain?.deadlineSeconds, 1_200)
      const [began, ends] = [metadata.deletionTimestamp, status?.drain?.deadline].map(at => Date.parse(at ?? ''))
      assert.equal((ends ?? 0) - (began ?? 0), 1_200_000)
      assert.equal(scene.sfu(name).present.length, 2, 'nobody was cut')

      expect(await rtc('undrain', name), 1, /cannot be taken back: it was deleted/, /pool eu has made another/)
      expect(await rtc('drain', name), 0, /drains already/)
      expect(await rtc('top'), 0, new RegExp(`^${name} +eu +\\w+ .* (19|20):\\d\\d left · 2 participants$`, 'm'))
      expect(await rtc('explain', 'node', name), 0, /it was deleted .* ago, which drains it/, /they may stay: /)
      scene.sfu(name).leaveAll()
      await scene.expectGone(name)
    },
  )

  promise('undrain --protect opens a node that its pool has closed, and another goes', async (scene, { cluster }) => {
    const rtc = rtcIn(scene, cluster)
    await scene.runningPool({ replicas: 2, spec: { scaleIn: { emptySeconds: 600 } } })
    const [kept = '', other = ''] = await names(scene)
    await scene.occupy(other, 3)
    await scene.scale('eu', 1)
    await scene.expectNode(kept, 'is closed, because nobody is there', isClosed)
    expect(await rtc('drain', kept, '--deadline', '1m'), 1, /a promise does not move/)
    expect(await rtc('undrain', kept, '--protect'), 0, /open again.*closes another one instead/)
    await scene.expectNode(other, 'is closed instead', isClosed)
    const { metadata, spec } = await scene.node(kept)
    assert.equal(spec.cordoned, false)
    assert.equal(metadata.annotations?.[annotations.scaleInProtection], 'true')
    expect(await rtc('undrain', kept), 0, /does not drain/)
  })

  promise('rollout: status, history, undo and unpin', async (scene, { cluster }) => {
    const rtc = rtcIn(scene, cluster)
    await scene.runningPool({ replicas: 1, spec: { template: inRegion('a') } })
    expect(await rtc('rollout', 'undo', 'eu'), 1, /no revision of pool eu before the present one has another template/)
    await scene.patchPool('eu', { template: inRegion('b') })
    expect(await rtc('rollout', 'status', 'eu', '--timeout', '50'), 0, /Complete: 1 of 1 open/)
    expect(
      await rtc('rollout', 'history', 'eu'),
      0,
      /^REVISION +RECORDED +NODES +IS +CHANGE$/m,
      /^ +2 .* update, current +spec\.region: "a" → "b"$/m,
    )
    expect(await rtc('rollout', 'history', 'eu', '--revision', '1'), 0, /region: a/)
    expect(await rtc('rollout', 'undo', 'eu', '--to-revision', '9'), 1, /no revision 9\n {2}→ there are 1 and 2/)
    assert.equal((await scene.pool('eu')).spec.strategy.pinnedRevision, undefined)

    expect(await rtc('rollout', 'undo', 'eu'), 0, /goes back to revision 1/)
    assert.equal((await scene.pool('eu')).spec.strategy.pinnedRevision, 1)
    expect(await rtc('rollout', 'status', 'eu', '--timeout', '50'), 0)
    const [open] = (await scene.nodesOf('eu')).filter(isOpen)
    assert.equal(open?.spec.region, 'a')
    expect(await rtc('explain', 'pool', 'eu'), 0, /made from revision 1/, /rollout unpin eu/)

    expect(await rtc('rollout', 'unpin', 'eu'), 0, /no longer pinned to revision 1/)
    assert.equal((await scene.pool('eu')).spec.strategy.pinnedRevision, undefined)
    const { state } = json(await rtc('rollout', 'status', 'eu', '--timeout', '50', '-o', 'json')) as { state: string }
    assert.equal(state, 'complete')
    assert.equal(only((await scene.nodesOf('eu')).filter(isOpen)).spec.region, 'b')
  })

  promise(
    'rollout status of one that cannot get on says so within its time, and exits with 1',
    async (scene, { cluster }) => {
      const rtc = rtcIn(scene, cluster)
      await scene.runningPool({ replicas: 1, spec: { template: inRegion('a') } })
      await scene.patchPool('eu', { template: { ...inRegion('a'), spec: { className: 'nowhere' } } })
      await scene.expectProgress('eu', 'ClassNotFound')
      expect(
        await rtc('rollout', 'status', 'eu', '--timeout', '20'),
        1,
        /ClassNotFound: /,
        /→ create RTCNodeClass nowhere/,
      )
      await scene.patchPool('eu', { template: inRegion('a'), strategy: { paused: true } })
      await scene.patchPool('eu', { template: inRegion('b') })
      await scene.expectProgress('eu', 'Paused')
      expect(await rtc('rollout', 'status', 'eu', '--no-watch'), 1, /Paused: /, /"paused":false/)
    },
  )

  promise('kubectl completes commands, options and names', async (scene, { cluster }) => {
    await scene.runningPool({ replicas: 1 })
    const [name = ''] = await names(scene)
    const complete = async (...words: string[]): Promise<string[]> => {
      const { stdout } = await kubectl(await built(), cluster.kubeconfigPath, ['__complete', 'rtc', ...words])
      return stdout.trim().split('\n')
    }
    assert.deepEqual(await complete('un'), ['uncordon', 'undrain', ':4'])
    assert.deepEqual(await complete('rollout', 'status', '-n', scene.namespace, ''), ['eu', ':4'])
    assert.deepEqual(await complete('drain', '-n', scene.namespace, 'eu-'), [name, ':4'])
    assert.deepEqual(await complete('top', '-n', 'nowhere', '--sort', 'p'), ['p99', ':4'])
  })

  promise(
    'whoever may only look is refused with the right that is missing, and nothing is changed',
    async (scene, { cluster, apply }) => {
      const viewer = await userWith(cluster, apply, scene.namespace, 'viewer', [
        { apiGroups: ['rtcnode.io'], resources: ['*'], verbs: ['get', 'list', 'watch'] },
      ])
      const rtc = async (...args: string[]) => kubectl(await built(), viewer, ['rtc', ...args, '-n', scene.namespace])
      const name = await scene.runningNode()
      expect(await rtc('top'), 0, new RegExp(name))
      expect(await rtc('cordon', name), 1, /is left as it is: .*viewer.*cannot patch.*rtcnodes/, /chart has roles/)
      assert.equal((await scene.node(name)).spec.cordoned, false)
      expect(await rtc('top', '-A'), 1, /cannot list.*\n {2}→ ask for the role/)
      expect(await rtc('explain', 'node', name), 0, /is Running: Serving/)

      const examined = json(await rtc('doctor', '-o', 'json')) as { checks: Examined[] }
      const found = (check: string): readonly Finding[] =>
        examined.checks.find(it => it.check === check)?.findings ?? []
      assert.ok(found('caller').some(({ level, says }) => level === 'note' && /may not delete rtcnodes/.test(says)))
      assert.ok(found('caller').some(({ level, says }) => level === 'warning' && /list controllerrevisions/.test(says)))
      for (const check of ['crds', 'operator-rights', 'leader'])
        assert.deepEqual(
          found(check).filter(({ level }) => level !== 'unchecked'),
          [],
          check,
        )
    },
  )

  promise('doctor finds nothing in a healthy installation', async (scene, world) => {
    const { cluster } = world
    await scene.runningNode({ name: 'n' })
    await operatorAsPod(world, OWN_NAMESPACE, { image: `rtcnode/rtcnode-operator:${packageJson.version}` })
    await grant(world.apply, 'rtcnode', OWN_NAMESPACE)
    const told = await until(
      'a healthy doctor',
      async () => {
        const answer = await rtcIn(scene, cluster)('doctor', '-o', 'json')
        // Other tests break things of their own, in namespaces of their own, on purpose.
        const { checks } = json(answer) as { checks: Examined[] }
        return (
          checks.every(({ findings }) => findings.every(({ level }) => level !== 'problem' && level !== 'warning')) && {
            answer,
            checks,
          }
        )
      },
      { withinMs: 120_000, everyMs: 1_000 },
    )
    assert.equal(told.answer.exitCode, 0)
    const says = (check: string): string =>
      (told.checks.find(it => it.check === check)?.findings ?? []).map(it => `${it.level}: ${it.says}`).join('\n')
    assert.match(says('crds'), /^ok: all 4 are there/)
    assert.match(says('caller'), /^ok/)
    assert.match(says('operator-rights'), /^ok: system:serviceaccount:rtcnode-system:rtcnode has all \d\d+ rights/)
    assert.match(says('leader'), /^ok: operator leads, and renewed its Lease while we watched/)
    assert.match(says('versions'), /^ok/)
    assert.match(says('clocks'), /^ok/)
    assert.match(says('hosts'), /unchecked: not to be seen without a privileged pod/)
    // The API server lets nobody reach a pod on loopback, so this needs an address of the machine.
    if (addressOfMachine !== undefined) assert.match(says('registry'), /^ok: seen by rtcnode-operator-0/)
  })

  promise(
    'doctor finds a dead leader, missing rights, another version and a registry out of sight, each with its remedy',
    async (scene, world) => {
      const { cluster, apply } = world
      const elsewhere = `${scene.namespace}-op`
      await ensureNamespace(cluster, elsewhere)
      await using blind = await blindOperator()
      await operatorAsPod(world, elsewhere, { image: 'rtcnode/rtcnode-operator:0.0.9', port: blind.port })
      await apply({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'rtcnode-operator', namespace: elsewhere },
        spec: { holderIdentity: 'long-gone', leaseDurationSeconds: 2, renewTime: '2026-01-01T00:00:00.000000Z' },
      })
      await scene.runningNode({ name: 'n' })
      expect(
        await rtcIn(scene, cluster)('doctor', '--operator-namespace', elsewhere),
        1,
        /✗ nobody leads: long-gone has not renewed its Lease.*\n {4}→ .*kubectl logs/,
        new RegExp(
          `✗ system:serviceaccount:${elsewhere}:rtcnode may not, in namespace ${elsewhere}: .*lease.*\\n {4}→ `,
        ),
        /! this plugin is .*, the operator 0\.0\.9\n {4}→ /,
        ...(addressOfMachine === undefined
          ? []
          : [/✗ rtcnode-operator-0 says: \[-\]registry failed: the registry cannot be seen\n {4}→ see to etcd/]),
        /\d problems, \d warnings?; /,
      )
      await cluster.api.call('DELETE', `/api/v1/namespaces/${elsewhere}`)
    },
  )
})
