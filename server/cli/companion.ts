/** Another command of this binary in a process of its own, whose lines appear here behind its name. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { IntegrationError } from '../kernel/errors.ts'
import type { Io } from './command.ts'

export interface Companion extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  /** Asks it to end in good order and waits until it has. */
  stop(): Promise<void>
}

export interface CompanionOptions {
  readonly name: string
  /** The command and its options. */
  readonly argv: readonly string[]
  readonly io: Io
  readonly quiet: boolean
  /** Called when it ends without having been asked to; `how` is its exit code or signal. */
  readonly onEnd: (how: string) => void
}

/**
 * Resolves once the command has printed its first line; rejects with what it said if it ends before that.
 *
 * It leads a process group of its own, so that a Ctrl-C in the terminal reaches only us and we can stop it in its turn.
 * If we are killed, the channel between us breaks and it ends by itself (`main.ts`).
 */
export async function startCompanion(options: CompanionOptions): Promise<Companion> {
  const { name, argv, io, quiet, onEnd } = options
  const child = fork(process.argv[1]!, [...argv], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
    cwd: io.cwd,
    env: io.env,
  })
  const ended = once(child, 'exit')
  let last = ''
  const show = (line: string): void => {
    last = line
    if (!quiet) io.out(`${name.padEnd(8)}| ${line}\n`)
  }
  const lines = createInterface({ input: child.stdout! }).on('line', show)
  createInterface({ input: child.stderr! }).on('line', show)
  await Promise.race([once(lines, 'line'), ended])
  if (child.exitCode !== null || child.signalCode !== null) {
    throw new IntegrationError('SETTING_INVALID', `the ${name} did not start: ${last || howItEnded(child)}`)
  }
  let asked = false
  child.once('exit', () => {
    if (!asked) onEnd(howItEnded(child))
  })
  io.hurry.addEventListener('abort', () => child.kill('SIGKILL'), { once: true })
  const stop = async (): Promise<void> => {
    asked = true
    if (child.connected) child.disconnect()
    await ended
  }
  return { name, pid: child.pid!, stop, [Symbol.asyncDispose]: stop }
}

function howItEnded(child: ChildProcess): string {
  return child.signalCode ?? `exit code ${child.exitCode}`
}
