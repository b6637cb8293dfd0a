/** The numbered lessons in `samples/`, found by number or by a part of their name. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nearest } from '../kernel/nearest.ts'

export interface Sample {
  /** Of its folder: `02-failover-ei`. */
  readonly name: string
  readonly title: string
  readonly folder: string
  readonly artifacts: string
  /** What its README tells to type first. */
  readonly first: readonly string[]
}

/** Every sample, by number. */
export async function samplesIn(root: string): Promise<readonly Sample[]> {
  const folder = join(root, 'samples')
  const names = (await readdir(folder, { withFileTypes: true }))
    .filter(entry => entry.isDirectory() && /^\d+-/.test(entry.name))
    .map(entry => entry.name)
    .sort()
  return Promise.all(names.map(name => readSample(join(folder, name), name)))
}

async function readSample(folder: string, name: string): Promise<Sample> {
  const readme = await readFile(join(folder, 'README.md'), 'utf8')
  return {
    name,
    title: /^# (?:\d+ · )?(.*)$/m.exec(readme)?.[1] ?? name,
    folder,
    artifacts: join(folder, 'artifacts'),
    first: commandBlocks(readme)[0] ?? [],
  }
}

/** The commands of a page, one list for each of its `sh` blocks; continued lines are joined. */
export function commandBlocks(page: string): readonly (readonly string[])[] {
  return [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) =>
    block!
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .map(line => line.trim())
      .filter(line => line !== '' && !line.startsWith('#')),
  )
}

/** The one that is meant, or a sentence that says why it is not clear. */
export function chooseSample(samples: readonly Sample[], wish: string): Sample | string {
  const wanted = wish.toLowerCase()
  const number = /^\d+$/.test(wanted) ? Number(wanted) : undefined
  const found = samples.filter(({ name }) =>
    number === undefined ? name.includes(wanted) : Number.parseInt(name, 10) === number,
  )
  const exact = samples.find(({ name }) => name === wanted) ?? (found.length === 1 ? found[0] : undefined)
  if (exact) return exact
  if (found.length > 1) return `"${wish}" may be any of these:\n${table(found)}`
  const words = new Map(samples.flatMap(({ name }) => [name, ...name.split('-')].map(word => [word, name] as const)))
  const near = nearest(wanted, words.keys())
  return `there is no sample "${wish}".${near === undefined ? '' : ` Did you mean ${words.get(near)}?`} There are:\n${table(samples)}`
}

/** One line each. */
export function table(samples: readonly Sample[]): string {
  return samples.map(({ name, title }) => `  ${name.padEnd(26)} ${title}`).join('\n')
}

/**
 * A copy of the artifacts that names other ports: the samples say, as the documents do, 9000 for the back end and 61616
 * for the broker.
 */
export async function copyWithPorts(from: string, to: string, ports: ReadonlyMap<number, number>): Promise<void> {
  await rm(to, { recursive: true, force: true })
  await mkdir(to, { recursive: true })
  await cp(from, to, { recursive: true })
  for (const entry of await readdir(to, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    await writeFile(file, withPorts(await readFile(file, 'utf8'), ports))
  }
}

/** The text with each `localhost:PORT` and `127.0.0.1:PORT` moved to where that port is now. */
export function withPorts(text: string, ports: ReadonlyMap<number, number>): string {
  return text.replaceAll(/\b(localhost|127\.0\.0\.1):(\d+)/g, (whole, host: string, port: string) => {
    const now = ports.get(Number(port))
    return now === undefined ? whole : `${host}:${now}`
  })
}
