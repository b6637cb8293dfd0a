/** Programs of the machine that get, make and ask the servers. */
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { Missing } from './missing.ts'

const run = promisify(execFile)

/** Longer than a download over a slow line. */
const LIMIT_MS = 10 * 60_000

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** Runs to its end and resolves with what it wrote; fails with the end of it. */
export async function command(
  program: string,
  args: readonly string[],
  { cwd, env = process.env }: CommandOptions = {},
): Promise<string> {
  try {
    const { stdout } = await run(program, args, {
      env,
      timeout: LIMIT_MS,
      maxBuffer: 64 * 1024 * 1024,
      ...(cwd !== undefined && { cwd }),
    })
    return stdout
  } catch (thrown) {
    const { stdout = '', stderr = '', message } = thrown as Error & { stdout?: string; stderr?: string }
    const last = `${stdout}\n${stderr}`.trim().split('\n').slice(-12).join('\n')
    throw new Error(`${program} ${args[0] ?? ''} failed: ${last || message}`, { cause: thrown })
  }
}

export function isInstalled(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.some(folder => isExecutable(join(folder, program)))
}

export function need(program: string, what: string): void {
  if (!isInstalled(program)) throw new Missing(`${what} is not installed (no "${program}" in the path)`)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
