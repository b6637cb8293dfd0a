/** Packages of Debian and its kin, installed when the tests may: as root. */
import { existsSync } from 'node:fs'
import { command, isInstalled } from './commands.ts'
import { Missing } from './missing.ts'

let updated: Promise<unknown> | undefined

/** Makes sure that `proof`, a path the package brings, is there. */
export async function debianPackage(name: string, proof: string): Promise<void> {
  if (existsSync(proof)) return
  if (!isInstalled('apt-get')) throw new Missing(`no ${proof}, and no apt-get that could install ${name}`)
  if (process.getuid?.() !== 0) throw new Missing(`the package ${name} is not installed, and only root may do that`)
  // With this run level the package does not start a service of its own.
  const env = { ...process.env, RUNLEVEL: '1', DEBIAN_FRONTEND: 'noninteractive' }
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  try {
    updated ??= command('apt-get', ['update', '-qq'])
    await updated
    await command('apt-get', [...wait, 'install', '-y', '-qq', '--no-install-recommends', name], { env })
  } catch (thrown) {
    throw new Missing(`apt-get could not install ${name}: ${(thrown as Error).message}`, { cause: thrown })
  }
  if (!existsSync(proof)) throw new Missing(`the package ${name} has no ${proof}`)
}
