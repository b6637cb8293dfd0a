/** Small Java programs of the tests, compiled once for each set of libraries. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from './cache.ts'
import { command, need } from './commands.ts'

/**
 * Options of a Java that serves a test for some seconds: compiling half-heartedly, it is up in half the processor time.
 * Not for one whose speed is measured.
 */
export const SHORT_LIVED: readonly string[] = ['-XX:TieredStopAtLevel=1', '-XX:-UseG1GC', '-XX:+UseSerialGC']

/** The classes of `java/<program>.java`; run it with them and `classPath`. */
export async function compiled(program: string, flavour: string, classPath: readonly string[]): Promise<string> {
  const source = fileURLToPath(new URL(`java/${program}.java`, import.meta.url))
  const digest = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 12)
  return cached(`${basename(program)}-${flavour}-${digest}`, async into => {
    need('javac', 'A JDK')
    await command('javac', ['-nowarn', '-encoding', 'UTF-8', '-cp', classPath.join(delimiter), '-d', into, source])
  })
}

/** The jars of a folder, as a class path names them. */
export function jarsOf(folder: string): string {
  return join(folder, '*')
}
