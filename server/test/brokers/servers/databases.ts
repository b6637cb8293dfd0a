/** PostgreSQL and MariaDB of our own, on a free port and a folder that goes with the test (brokers.md §3.4). */
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Program } from '../../../testing/program.ts'
import { freePorts } from '../../../testing/ports.ts'
import { tempFolder } from '../../../testing/temp-folder.ts'
import { command, isInstalled } from './commands.ts'

export type DatabaseName = 'postgresql' | 'mariadb'

const NOBODY = 65534
const START_MS = 60_000

export interface RealDatabase extends AsyncDisposable {
  readonly port: number
  readonly driver: string
  readonly url: string
  readonly user: string
  /** kill -9. */
  kill(): Promise<void>
  /** On the data it has. */
  start(): Promise<void>
}

/** Why it cannot be had here, or false: the value for `skip` of a test. */
export async function missingDatabase(name: DatabaseName): Promise<string | false> {
  if (name === 'mariadb') {
    const needed = ['mariadbd', 'mariadb-install-db'].find(program => !isInstalled(program))
    return needed === undefined ? false : `mariadb: there is no ${needed} here; install mariadb-server`
  }
  return (await postgresFolder()) === undefined ? 'postgresql: there is no initdb here; install postgresql' : false
}

export function startDatabase(name: DatabaseName): Promise<RealDatabase> {
  return name === 'mariadb' ? startMariaDb() : startPostgres()
}

/** Debian keeps its programs out of the path. */
async function postgresFolder(): Promise<string | undefined> {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? (await readdir(root)).sort((a, b) => Number(b) - Number(a)) : []
  const found = versions.map(version => join(root, version, 'bin')).find(folder => existsSync(join(folder, 'initdb')))
  return found ?? (isInstalled('initdb') ? '' : undefined)
}

async function startPostgres(): Promise<RealDatabase> {
  const bin = (await postgresFolder())!
  const scratch = await tempFolder('postgres')
  const [port] = (await freePorts(1)) as [number]
  const data = join(scratch.path, 'pg')
  await mkdir(data)
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0
  if (isRoot) {
    await chmod(scratch.path, 0o755)
    await chown(data, NOBODY, NOBODY)
  }
  const prefix = isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : []
  const env = { ...process.env, HOME: data, LC_ALL: 'C.UTF-8' }
  const [init, ...initArgs] = [
    ...prefix,
    join(bin, 'initdb'),
    '-D',
    join(data, 'db'),
    '-U',
    'hf',
    '-A',
    'trust',
    '--no-sync',
  ]
  await command(init!, initArgs, { env })
  const options = ['-D', join(data, 'db'), '-p', String(port), '-k', data, '-c', 'listen_addresses=127.0.0.1']
  const [program, ...args] = [...prefix, join(bin, 'postgres'), ...options]
  const database = new Launched(`postgres on ${port}`, program!, args, env, /ready to accept connections/)
  await database.start()
  return {
    port,
    driver: 'org.postgresql.Driver',
    url: `jdbc:postgresql://127.0.0.1:${port}/postgres`,
    user: 'hf',
    kill: () => database.end('SIGKILL'),
    start: () => database.start(),
    async [Symbol.asyncDispose]() {
      await database.end('SIGINT')
      await scratch[Symbol.asyncDispose]()
    },
  }
}

async function startMariaDb(): Promise<RealDatabase> {
  const scratch = await tempFolder('mariadb')
  const [port] = (await freePorts(1)) as [number]
  const at = (name: string): string => join(scratch.path, name)
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  await command('mariadb-install-db', [
    '--no-defaults',
    `--datadir=${at('my')}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    ...user,
  ])
  const args = [
    '--no-defaults',
    `--datadir=${at('my')}`,
    `--socket=${at('my.sock')}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--pid-file=${at('my.pid')}`,
    '--innodb-buffer-pool-size=64M',
    ...user,
  ]
  const database = new Launched(`mariadbd on ${port}`, 'mariadbd', args, process.env, /ready for connections/)
  await database.start()
  return {
    port,
    driver: 'org.mariadb.jdbc.Driver',
    url: `jdbc:mariadb://127.0.0.1:${port}/mysql`,
    user: 'root',
    kill: () => database.end('SIGKILL'),
    start: () => database.start(),
    async [Symbol.asyncDispose]() {
      await database.end('SIGTERM')
      await scratch[Symbol.asyncDispose]()
    },
  }
}

class Launched {
  readonly #make: () => Program
  readonly #says: RegExp
  #program: Program | undefined

  constructor(title: string, program: string, args: readonly string[], env: NodeJS.ProcessEnv, says: RegExp) {
    // Should this test be killed, the database is killed with it.
    const bound = isInstalled('setpriv') ? ['setpriv', '--pdeathsig', 'KILL', program, ...args] : [program, ...args]
    this.#make = () => new Program({ title, program: bound[0]!, args: bound.slice(1), env })
    this.#says = says
  }

  async start(): Promise<void> {
    this.#program = this.#make()
    await this.#program.says(this.#says, START_MS)
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#program && !this.#program.exit) await this.#program.end(signal)
  }
}
