/** What was downloaded or compiled stays between runs, outside the checkout. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

const FOLDER = process.env['HOLDFAST_BROKER_CACHE'] ?? join(homedir(), '.cache', 'holdfast-brokers')

const making = new Map<string, Promise<string>>()

/** The folder `name` of the cache, filled by `fill` when it is not there yet. Test files run side by side may all ask. */
export function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  let made = making.get(name)
  if (!made) {
    made = make(name, fill)
    making.set(name, made)
  }
  return made
}

async function make(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(FOLDER, name)
  if (existsSync(folder)) return folder
  await mkdir(FOLDER, { recursive: true })
  const building = await mkdtemp(join(FOLDER, '.making-'))
  try {
    await fill(building)
    // The name appears with everything in it, or not at all.
    await rename(building, folder)
  } catch (thrown) {
    await rm(building, { recursive: true, force: true })
    // Another process was faster: its folder is as good.
    if (!existsSync(folder)) throw thrown
  }
  return folder
}
