import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startBackend } from '../../axis2-mock/main.ts'
import { systemClock } from '../kernel/clock.ts'
import { buildImage, inside, readDockerfile, type Image } from '../testing/dockerfile.ts'
import { freePorts } from '../testing/ports.ts'
import { tempFolder } from '../testing/temp-folder.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const isRoot = process.getuid?.() === 0
/** Nobody: somebody else than whoever runs the tests, where we may become somebody else. */
const OTHER = 65534
const owner = isRoot ? { uid: OTHER, gid: OTHER } : { uid: process.getuid!(), gid: process.getgid!() }
const NAMESPACE = ['-pf', '--mount-proc']
const asFirst = isRoot && spawnSync('unshare', [...NAMESPACE, 'true']).status === 0

const PROXY = (backend: string): string => `<proxy name="Slow" xmlns="http://ws.apache.org/ns/synapse">
  <target>
    <endpoint><address uri="${backend}"/></endpoint>
    <outSequence><send/></outSequence>
  </target>
</proxy>`

test('the image that the Dockerfile makes is healthy, and a SIGTERM lets it finish what it is at', async t => {
  await using folder = await tempFolder('docker')
  await chmod(folder.path, 0o755)
  const file = await readFile(join(root, 'Dockerfile'), 'utf8')
  const image = buildImage(readDockerfile(file), {
    context: root,
    into: folder.path,
    owner: `${owner.uid}:${owner.gid}`,
  })
  t.diagnostic(`started as ${isRoot ? 'another user' : 'ourselves'}${asFirst ? ', process 1 of a namespace' : ''}`)
  assert.notEqual(image.user, 'root')
  assert.equal(image.stopSignal, 'SIGTERM')

  await using backend = await startBackend({ port: 0, fault: { delay: 1500 } })
  const home = join(image.root, image.volumes[0]!)
  await writeFile(join(home, 'deploy', 'slow.xml'), PROXY(backend.url))
  const [http, management] = (await freePorts(2)) as [number, number]
  await using container = new Container(image, {
    HOLDFAST_HTTP_PORT: String(http),
    HOLDFAST_HTTPS_ENABLED: 'false',
    HOLDFAST_MANAGEMENT_PORT: String(management),
  })

  await container.healthy()
  const health = (await (await fetch(`http://localhost:${management}/healthz`)).json()) as {
    faultyArtifacts: unknown[]
  }
  assert.deepEqual(health.faultyArtifacts, [])
  const ids = await container.whoAmI()
  assert.deepEqual(ids.uid, owner.uid)
  if (asFirst) assert.equal(ids.pidInside, 1)

  const answer = fetch(`http://localhost:${http}/services/Slow`, {
    method: 'POST',
    headers: { 'content-type': 'text/xml', soapaction: 'urn:getQuote' },
    body: '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><getQuote xmlns="http://services.samples"><request><symbol>IBM</symbol></request></getQuote></s:Body></s:Envelope>',
  })
  await backend.waitFor(seen => seen.total === 1)
  const exit = container.stop()
  const { status } = await answer
  assert.equal(status, 200, 'what was under way is finished')
  assert.deepEqual(await exit, [0, null], container.output)
})

/** The command of an image, running as Docker would run it. */
class Container implements AsyncDisposable {
  readonly #image: Image
  readonly #env: Record<string, string>
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown[]>
  output = ''

  constructor(image: Image, settings: Readonly<Record<string, string>>) {
    this.#image = image
    const { PATH = '' } = process.env
    const own = Object.entries(image.env).map(([name, value]) => [name, inside(image.root, value)])
    this.#env = { PATH, ...Object.fromEntries(own), ...settings }
    const become = ['setpriv', '--reuid', String(owner.uid), '--regid', String(owner.gid), '--clear-groups']
    const [command, ...args] = [
      ...(asFirst ? ['unshare', ...NAMESPACE, ...become] : isRoot ? become : []),
      ...image.command,
    ]
    this.#child = spawn(command!, args, {
      cwd: join(image.root, image.workdir),
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', text => (this.output += text))
    }
    this.#exit = once(this.#child, 'exit')
  }

  /** Resolves once the HEALTHCHECK of the image says so. */
  async healthy(): Promise<void> {
    const [command, ...args] = this.#image.healthcheck
    const options = { cwd: join(this.#image.root, this.#image.workdir), env: this.#env, ...(isRoot && owner) }
    const since = systemClock.monotonic()
    for (;;) {
      const [code] = await once(spawn(command!, args, { ...options, stdio: 'ignore' }), 'exit')
      if (code === 0) return
      if (this.#child.exitCode !== null) assert.fail(`it ended:\n${this.output}`)
      assert.ok(systemClock.monotonic() - since < 30_000, `it is not healthy:\n${this.output}`)
      await systemClock.sleep(100)
    }
  }

  async whoAmI(): Promise<{ uid: number; pidInside: number }> {
    const status = await readFile(`/proc/${await this.#pid()}/status`, 'utf8')
    return {
      uid: Number(/^Uid:\s+(\d+)/m.exec(status)![1]),
      pidInside: Number(/^NSpid:.*?(\d+)$/m.exec(status)?.[1]),
    }
  }

  /** As `docker stop`; resolves with exit code and signal. */
  async stop(): Promise<unknown[]> {
    process.kill(await this.#pid(), this.#image.stopSignal)
    return this.#exit
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    process.kill(await this.#pid(), 'SIGKILL')
    await this.#exit
  }

  /** Of the server, as it is seen from here: `unshare` waits beside it. */
  async #pid(): Promise<number> {
    const own = this.#child.pid!
    if (!asFirst) return own
    const children = (await readFile(`/proc/${own}/task/${own}/children`, 'utf8')).trim()
    return children === '' ? own : Number(children.split(' ')[0])
  }
}
