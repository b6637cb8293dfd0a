import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

interface Package {
  readonly root: string
  readonly version: string
}

/** Of the package this code belongs to: found from `server/cli/` and from the built `dist/` alike. */
export async function packageVersion(): Promise<string> {
  return (await ownPackage())?.version ?? 'unknown'
}

/** The folder of the package, where `samples/` and `dist/` are. */
export async function packageRoot(): Promise<string> {
  const own = await ownPackage()
  if (!own) throw new Error('the folder of the holdfast package was not found; is its package.json still there?')
  return own.root
}

async function ownPackage(): Promise<Package | undefined> {
  for (const up of ['../', '../../']) {
    const root = fileURLToPath(new URL(up, import.meta.url))
    try {
      const { name, version } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as {
        name?: string
        version?: string
      }
      if (name === 'holdfast' && version !== undefined) return { root, version }
    } catch {
      // Not on this level.
    }
  }
  return undefined
}
