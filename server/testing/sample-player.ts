/** Plays the `exchange.json` of a sample against a real server, the embedded broker and the bundled back end. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { startBackend, type Backend } from '../../axis2-mock/main.ts'
import { createApp, type App } from '../app.ts'
import { startBroker, type Broker } from '../broker/broker.ts'
import { holdfast } from '../cli/holdfast.ts'
import { copyWithPorts, withPorts, type Sample } from '../cli/samples.ts'
import { Changes } from '../kernel/changes.ts'
import { systemClock } from '../kernel/clock.ts'
import { createLog, type LogSystem } from '../observe/log.ts'
import { loadSettings } from '../settings/load.ts'
import { ADMIN } from './child.ts'
import type { Action, BackendSaw, Edit, ProcessorIs, Send, Step, StoreHolds } from './exchange-file.ts'
import { recordedIo } from './io.ts'
import { ManagementClient } from './management-client.ts'
import { memoryLog } from './memory-log.ts'
import { freePorts } from './ports.ts'

/** Long enough for a processor that works once a second, and a broker that comes back. */
const PATIENCE_MS = 20_000
const ASK_AGAIN_MS = 20

/** A broker that is not ours, in the place of the embedded one. */
export interface OutsideBroker {
  /** Where it listens in the place of each port the sample names. */
  readonly ports: ReadonlyMap<number, number>
  start(): Promise<void>
  stop(): Promise<void>
  /** Makes an artifact fit this broker, such as its user. */
  adapt(text: string): string
}

/** Everything a sample needs, on ports nobody else has. */
export class SamplePlayer implements AsyncDisposable {
  readonly #sample: Sample
  readonly #home: string
  readonly #artifacts: string
  readonly #ports = new Map<number, number>()
  readonly #printed: string[] = []
  readonly #changes = new Changes(systemClock)
  #said = ''
  #backend!: Backend
  #broker: Broker | undefined
  readonly #outside: OutsideBroker | undefined
  #logs!: LogSystem
  #app!: App
  #management!: ManagementClient

  private constructor(sample: Sample, home: string, outside: OutsideBroker | undefined) {
    this.#outside = outside
    this.#sample = sample
    this.#home = home
    this.#artifacts = join(home, 'sample')
  }

  /** `home` is an empty folder that the caller removes. */
  static async start(sample: Sample, home: string, outside?: OutsideBroker): Promise<SamplePlayer> {
    const player = new SamplePlayer(sample, home, outside)
    try {
      await player.#start()
      return player
    } catch (thrown) {
      await player[Symbol.asyncDispose]()
      throw thrown
    }
  }

  async #start(): Promise<void> {
    const [http, management, broker, backend] = await freePorts(4)
    for (const [documented, now] of [
      [8280, http],
      [8290, http],
      [9164, management],
      [61616, broker],
      [9000, backend],
    ]) {
      this.#ports.set(documented!, now!)
    }
    for (const [documented, now] of this.#outside?.ports ?? []) this.#ports.set(documented, now)
    this.#backend = await startBackend({ port: backend!, print: line => this.#printed.push(line) })
    await this.#startBroker()
    await mkdir(join(this.#home, 'deploy'))
    await copyWithPorts(this.#sample.artifacts, this.#artifacts, this.#ports)
    if (this.#outside) await this.#adapt(this.#outside)
    const { settings, diagnostics } = await loadSettings({
      flags: {
        home: this.#home,
        artifacts: [this.#artifacts, join(this.#home, 'deploy')],
        'http-port': [String(http)],
        'management-port': String(management),
      },
      env: {
        HOLDFAST_HTTPS_ENABLED: 'false',
        HOLDFAST_ADMIN_USER: ADMIN.user,
        HOLDFAST_ADMIN_PASSWORD: ADMIN.password,
        HOLDFAST_DEPLOY_SCAN_INTERVAL: '100 ms',
      },
      cwd: this.#home,
    })
    assert.deepEqual(diagnostics, [])
    const heard = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#said += chunk.toString()
        this.#changes.tell()
        done()
      },
    })
    this.#logs = await createLog({ settings: { ...settings.log, file: '' }, clock: systemClock, stdout: heard })
    this.#app = createApp({ settings, logs: this.#logs, clock: systemClock, env: {}, version: '0.0.0' })
    await this.#app.start()
    this.#management = new ManagementClient(management!)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app?.stop()
    await this.#logs?.[Symbol.asyncDispose]()
    await this.#broker?.stop()
    await this.#backend?.stop()
  }

  /** Problems found in the artifacts as they are deployed now. */
  get diagnostics(): readonly string[] {
    const { diagnostics = [] } = this.#app.lastDeployment ?? {}
    return diagnostics.filter(({ severity }) => severity !== 'hint').map(({ at, message }) => `${at.file}: ${message}`)
  }

  /** Throws an assertion error, with the log of the server, if it is not as the step says. */
  async play(step: Step): Promise<void> {
    try {
      await this.#play(step)
    } catch (thrown) {
      const text = thrown instanceof Error ? thrown.message : String(thrown)
      throw new Error(`${JSON.stringify(step)}\n${text}\nThe log of the server:\n${this.#said.slice(-6000)}`, {
        cause: thrown,
      })
    }
  }

  #play(step: Step): Promise<void> | void {
    if ('run' in step) return this.#run(step.run, step.prints, step.fails)
    if ('send' in step) return this.#send(step)
    if ('backend' in step) return this.#checkBackend(step.backend)
    if ('store' in step) return this.#checkStore(step.store)
    if ('processor' in step) return this.#checkProcessor(step.processor)
    if ('log' in step) return this.#hears(() => this.#said.includes(withPorts(step.log, this.#ports)), step.log)
    if ('health' in step) return this.#checkHealth(step.health)
    if ('fault' in step) return this.#backend.faults.arm(step.fault)
    if ('do' in step) return this.#do(step.do)
    if ('manage' in step) return this.#manage(step.manage, step.body, step.contains)
    if ('edit' in step) return this.#edit(step)
    if ('copy' in step) return this.#copy(step.copy, step.deployed)
    return this.#remove(step.remove, step.gone)
  }

  async #run(command: string, prints = '', fails?: string): Promise<void> {
    const [npx, program, ...argv] = words(withPorts(command, this.#ports))
    assert.deepEqual([npx, program], ['npx', 'holdfast'], 'a README tells to type npx holdfast …')
    const io = recordedIo({ cwd: this.#home })
    const status = await holdfast(argv, io, async () => '0.0.0')
    assert.equal(status, fails === undefined ? 0 : 1, io.stdout + io.stderr)
    const [text, wanted] = fails === undefined ? [io.stdout, prints] : [io.stderr, fails]
    assert.ok(text.includes(wanted), `it printed ${JSON.stringify(text)}`)
  }

  async #send({ send, headers, body, bodyFile, expect }: Send): Promise<void> {
    const [method = '', where = ''] = send.split(' ')
    const url = where.startsWith('/') ? `http://localhost:8280${where}` : where
    const payload = bodyFile === undefined ? body : await readFile(join(this.#sample.folder, bodyFile))
    const response = await fetch(withPorts(url, this.#ports), {
      method,
      ...(headers && { headers }),
      ...(payload !== undefined && { body: payload }),
    })
    const text = await response.text()
    const told = `it answered ${response.status}: ${text}`
    const statuses = expect.statusIn ?? [expect.status ?? 200]
    assert.ok(statuses.includes(response.status), told)
    for (const part of expect.contains ?? []) assert.ok(text.includes(part), told)
    if (expect.empty) assert.equal(text, '')
  }

  async #checkBackend(expected: BackendSaw['backend']): Promise<void> {
    const { operation, count, arrived, prints, duplicates } = expected
    const backend = this.#backend
    if (operation !== undefined && count !== undefined) {
      await backend.waitFor(seen => seen.count(operation) >= count, PATIENCE_MS)
      assert.equal(backend.seen.count(operation), count)
    }
    if (arrived !== undefined) {
      await backend.waitFor(seen => seen.total >= arrived, PATIENCE_MS)
      assert.equal(backend.seen.total, arrived)
    }
    if (prints !== undefined) {
      assert.ok(
        this.#printed.some(line => line.includes(prints)),
        this.#printed.join('\n'),
      )
    }
    if (duplicates !== undefined) assert.equal(backend.seen.duplicates().length, duplicates)
  }

  async #checkStore({ name, depth, contains }: StoreHolds['store']): Promise<void> {
    await this.#comesAbout(() => this.#depthOf(name), depth)
    if (contains === undefined) return
    const bodies = await Promise.all(
      (await this.#messagesIn(name)).map(({ id }) =>
        this.#management.get<{ body: string }>(`message-stores/${name}/messages/${encodeURIComponent(id)}`),
      ),
    )
    assert.ok(
      bodies.some(({ body }) => body.includes(contains)),
      bodies.map(({ body }) => body).join('\n'),
    )
  }

  /** Counted by a look into it where the store does not know, as queues over OpenWire; −1 while nobody can look. */
  async #depthOf(name: string): Promise<number | undefined> {
    const told = (await this.#management.depths())[name]
    if (told !== -1) return told
    return this.#messagesIn(name).then(
      ({ length }) => length,
      () => -1,
    )
  }

  async #messagesIn(store: string): Promise<readonly { readonly id: string }[]> {
    const { list } = await this.#management.get<{ list: { id: string }[] }>(`message-stores/${store}/messages`)
    return list
  }

  async #checkProcessor({ name, status }: ProcessorIs['processor']): Promise<void> {
    const look = () => this.#management.get<{ status: string }>(`message-processors?name=${name}`)
    await this.#comesAbout(async () => (await look()).status, status)
  }

  async #checkHealth(faulty: string): Promise<void> {
    const response = await fetch(withPorts('http://localhost:9164/healthz', this.#ports))
    assert.equal(response.status, 200)
    const { faultyArtifacts } = (await response.json()) as { faultyArtifacts: { name: string; file: string }[] }
    assert.ok(
      faultyArtifacts.some(({ file }) => file.includes(faulty)),
      JSON.stringify(faultyArtifacts),
    )
  }

  async #do(what: Action['do']): Promise<void> {
    switch (what) {
      case 'stop broker':
        await (this.#outside ?? this.#broker)!.stop()
        break
      case 'start broker':
        await this.#startBroker()
        break
      case 'stop backend':
        await this.#backend.stop()
        break
      case 'start backend':
        await this.#backend.restart()
        break
      case 'clear faults':
        this.#backend.faults.clear()
    }
  }

  async #manage(request: string, body: object, contains: string): Promise<void> {
    const [method = '', path = ''] = request.split(' ')
    const base = withPorts('http://localhost:9164/management', this.#ports)
    const basic = Buffer.from(`${ADMIN.user}:${ADMIN.password}`).toString('base64')
    const login = await fetch(`${base}/login`, { headers: { authorization: `Basic ${basic}` } })
    const { AccessToken } = (await login.json()) as { AccessToken: string }
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { authorization: `Bearer ${AccessToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    assert.ok(response.status === 200 && text.includes(contains), `it answered ${response.status}: ${text}`)
  }

  async #edit({ edit, replace, with: by, deployed }: Edit): Promise<void> {
    const file = join(this.#artifacts, edit)
    const text = await readFile(file, 'utf8')
    assert.ok(text.includes(replace), `${edit} does not contain ${replace}`)
    const before = await this.#count(deployed)
    await writeFile(file, text.replace(replace, by))
    if (deployed !== undefined) await this.#hears(() => this.#inForce(deployed) > before, `${deployed} deployed again`)
  }

  async #copy(folder: string, deployed: string): Promise<void> {
    const before = await this.#count(deployed)
    const from = join(this.#sample.folder, '..', folder)
    for (const name of await readdir(from)) {
      const text = await readFile(join(from, name), 'utf8')
      await writeFile(join(this.#home, 'deploy', name), withPorts(text, this.#ports))
    }
    await this.#hears(() => this.#inForce(deployed) > before, `${deployed} deployed`)
  }

  async #remove(name: string, gone: string): Promise<void> {
    await rm(join(this.#home, 'deploy', name))
    await this.#hears(() => this.#said.includes(`named '${gone}' has been undeployed`), `${gone} undeployed`)
  }

  /** How often the log has said so far that this artifact is in force. */
  async #count(artifact: string | undefined): Promise<number> {
    await this.#logs.flush()
    return this.#inForce(artifact)
  }

  #inForce(artifact = ''): number {
    return this.#said.split(`named '${artifact}' has been `).length
  }

  #hears(condition: () => boolean, what: string): Promise<void> {
    return this.#changes.until(condition, PATIENCE_MS, () => `the log does not say: ${what}`)
  }

  async #comesAbout<T>(look: () => Promise<T>, wanted: T): Promise<void> {
    const since = systemClock.monotonic()
    let found = await look()
    while (found !== wanted && systemClock.monotonic() - since < PATIENCE_MS) {
      await systemClock.sleep(ASK_AGAIN_MS)
      found = await look()
    }
    assert.equal(found, wanted)
  }

  async #adapt({ adapt }: OutsideBroker): Promise<void> {
    for (const name of await readdir(this.#artifacts)) {
      const file = join(this.#artifacts, name)
      await writeFile(file, adapt(await readFile(file, 'utf8')))
    }
  }

  async #startBroker(): Promise<void> {
    if (this.#outside) return this.#outside.start()
    this.#broker = await startBroker({ home: this.#home, port: this.#ports.get(61616)!, log: memoryLog() })
  }
}

/** As a shell would split it, as far as single quotes. */
function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!)
}
