import { readFile } from 'node:fs/promises'

/** Of the package this code belongs to: found from `server/cli/` and from the built `dist/` alike. */
export async function packageVersion(): Promise<string> {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(await readFile(new URL(up, import.meta.url), 'utf8')) as {
        name?: string
        version?: string
      }
      if (name === 'holdfast' && version !== undefined) return version
    } catch {
      // Not on this level.
    }
  }
  return 'unknown'
}
