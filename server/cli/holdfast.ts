import { nearest } from '../kernel/nearest.ts'
import { commands } from './all.ts'
import type { Io } from './command.ts'
import { execute, table } from './command.ts'

/** The whole binary: `argv` is what follows its name. Resolves to the exit code. */
export async function holdfast(argv: readonly string[], io: Io, version: () => Promise<string>): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined) {
    io.err(await overview())
    return 2
  }
  if (name === 'help' && rest[0] !== undefined) return holdfast([rest[0], '--help'], io, version)
  if (name === '--help' || name === '-h' || name === 'help') {
    io.out(await overview())
    return 0
  }
  if (name === '--version' || name === '-v' || name === 'version') {
    io.out(`${await version()}\n`)
    return 0
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!load) {
    const meant = nearest(name, Object.keys(commands))
    io.err(`holdfast: there is no command "${name}".${meant ? ` Did you mean ${meant}?` : ''}\nSee: holdfast --help\n`)
    return 2
  }
  return execute((await load()).default, rest, io)
}

async function overview(): Promise<string> {
  const loaded = await Promise.all(Object.values(commands).map(async load => (await load()).default))
  return [
    'Holdfast runs Synapse-style XML and never loses a message it said yes to.',
    '',
    'Usage: holdfast COMMAND [options]',
    '',
    ...table(loaded.map(command => [command.name, command.summary])),
    '',
    'holdfast COMMAND --help shows the options of one of them, holdfast --version the version.',
    '',
  ].join('\n')
}
