/** Another revision of this repository, built in a folder of its own. */
import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './stage.ts'

/** Throws with what the command has said. */
export function checkoutOf(reference: string, work: string): { readonly folder: string; remove(): void } {
  const folder = join(work, 'reference')
  run(root, 'git', 'worktree', 'add', '--detach', folder, reference)
  try {
    // The same packages need not be installed twice.
    const lock = (where: string): string => readFileSync(join(where, 'package-lock.json'), 'utf8')
    if (lock(folder) === lock(root)) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    else run(folder, 'npm', 'ci')
    run(folder, 'node', 'scripts/build.mjs')
  } catch (thrown) {
    remove()
    throw thrown
  }
  return { folder, remove }

  function remove(): void {
    run(root, 'git', 'worktree', 'remove', '--force', folder)
  }
}

function run(folder: string, command: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`)
}
