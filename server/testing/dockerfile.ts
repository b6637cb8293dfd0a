/** Reads a Dockerfile and executes its steps in a folder, as far as ours uses the language. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { basename, isAbsolute, join } from 'node:path'

export interface Instruction {
  readonly name: string
  readonly rest: string
}

/** One instruction a line; continued lines are joined. */
export function readDockerfile(text: string): readonly Instruction[] {
  return text
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [, name, rest] = /^(\w+)\s+(.*)$/.exec(line) ?? []
      if (name === undefined) throw new Error(`this is no instruction: ${line}`)
      return { name: name.toUpperCase(), rest: rest! }
    })
}

export interface Image {
  /** What would be `/`. */
  readonly root: string
  /** Inside it. */
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  readonly user: string
  readonly command: readonly string[]
  readonly healthcheck: readonly string[]
  readonly stopSignal: string
  readonly volumes: readonly string[]
}

type Writable = { -readonly [Name in keyof Image]: Image[Name] }

export interface BuildOptions {
  /** What `docker build` would be given. */
  readonly context: string
  /** An empty folder. */
  readonly into: string
  /** `user:group` in numbers, in place of the names the base image knows. */
  readonly owner: string
}

/** Executes every step; throws with the output of the one that fails. Resolves to the last stage. */
export function buildImage(instructions: readonly Instruction[], options: BuildOptions): Image {
  const stages = new Map<string, Writable>()
  let stage: Writable | undefined
  for (const { name, rest } of instructions) {
    if (name === 'FROM') {
      const alias = / as (\S+)$/i.exec(rest)?.[1] ?? `stage${stages.size}`
      stage = emptyStage(join(options.into, alias))
      stages.set(alias, stage)
      continue
    }
    if (!stage) throw new Error(`${name} before FROM`)
    execute(stage, stages, name, rest, options)
  }
  if (!stage) throw new Error('there is no FROM')
  return stage
}

function emptyStage(root: string): Writable {
  mkdirSync(root, { recursive: true })
  return { root, workdir: '/', env: {}, user: 'root', command: [], healthcheck: [], stopSignal: 'SIGTERM', volumes: [] }
}

function execute(
  stage: Writable,
  stages: Map<string, Writable>,
  name: string,
  rest: string,
  options: BuildOptions,
): void {
  switch (name) {
    case 'WORKDIR':
      stage.workdir = rest
      mkdirSync(join(stage.root, rest), { recursive: true })
      return
    case 'COPY':
      return copy(stage, stages, rest, options)
    case 'RUN':
      return run(stage, rest, options)
    case 'ENV': {
      const [, variable, value] = /^(\w+)=(.*)$/.exec(rest)!
      stage.env = { ...stage.env, [variable!]: value! }
      return
    }
    case 'USER':
      stage.user = rest
      return
    case 'CMD':
      stage.command = JSON.parse(rest) as string[]
      return
    case 'HEALTHCHECK':
      stage.healthcheck = JSON.parse(rest.slice(rest.indexOf('CMD ') + 4)) as string[]
      return
    case 'STOPSIGNAL':
      stage.stopSignal = rest
      return
    case 'VOLUME':
      stage.volumes = [...stage.volumes, rest]
      return
    case 'EXPOSE':
      return
    default:
      throw new Error(`${name} is not known to this test; teach it to server/testing/dockerfile.ts`)
  }
}

function copy(stage: Writable, stages: Map<string, Writable>, rest: string, { context }: BuildOptions): void {
  const words = rest.split(/\s+/)
  const from = words[0]!.startsWith('--from=') ? words.shift()!.slice('--from='.length) : undefined
  const target = words.pop()!
  const source = from === undefined ? context : stages.get(from)!.root
  const to = isAbsolute(target) ? join(stage.root, target) : join(stage.root, stage.workdir, target)
  for (const word of words) {
    const path = join(source, word)
    if (!existsSync(path)) throw new Error(`COPY ${rest}: ${word} does not exist`)
    const destination = target.endsWith('/') ? join(to, basename(word)) : to
    cpSync(path, destination, { recursive: true, verbatimSymlinks: true, filter: file => !file.includes('/test/') })
  }
}

function run(stage: Writable, command: string, { owner }: BuildOptions): void {
  const cwd = join(stage.root, stage.workdir)
  const here = inside(stage.root, command).replaceAll('node:node', owner)
  // What is in npm's cache need not be fetched again.
  const env = { ...process.env, ...stage.env, npm_config_prefer_offline: 'true' }
  const { status, stdout, stderr } = spawnSync('sh', ['-c', here], { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`RUN ${command}\n${stdout}${stderr}`)
}

/** The text with the absolute paths of an image moved into its folder. */
export function inside(root: string, text: string): string {
  return text.replaceAll(
    /(^|[\s=:"'])(\/(?:app|build|var\/lib)\b)/g,
    (_, before: string, path: string) => `${before}${root}${path}`,
  )
}
