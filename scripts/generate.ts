/**
 * Writes everything that is made from the kinds and settings, or with `--check` says which files are stale. The list of
 * kinds is made from file names before any kind is loaded. `--into DIR` takes another folder than the repository.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { emitKindsList, isKindFile } from '../server/schema/emit/kinds-list.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const kindsFolder = join(root, 'server', 'kinds')
const KINDS_LIST = 'server/kinds/all.ts'
const PAGES = 'server/docs/reference'

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, into: { type: 'string' } } })
const { check } = values
const target = values.into ?? root
const stale: string[] = []

put(KINDS_LIST, emitKindsList(filesIn(kindsFolder).filter(isKindFile)))

// Loaded only now: the catalog reads the list just written.
const { Catalog } = await import('../server/schema/catalog.ts')
const { kinds } = await import('../server/kinds/all.ts')
const { emitXsd } = await import('../server/schema/emit/xsd.ts')
const { emitJsonSchema } = await import('../server/schema/emit/json-schema.ts')
const { emitPages } = await import('../server/schema/emit/pages.ts')
const { emitDeploymentToml } = await import('../server/settings/emit.ts')

const catalog = new Catalog(kinds)
put('config/schema/holdfast.xsd', emitXsd(catalog))
put('config/schema/holdfast.schema.json', emitJsonSchema(catalog))
put('config/deployment.toml', emitDeploymentToml())
const pages = emitPages(catalog)
for (const [name, text] of pages) put(`${PAGES}/${name}`, text)
for (const name of filesIn(join(target, PAGES))) if (!pages.has(name)) remove(`${PAGES}/${name}`)

if (stale.length > 0) {
  console.error(`${stale.map(file => `stale: ${file}`).join('\n')}\nRun: npm run generate`)
  process.exitCode = 1
}

function put(file: string, text: string): void {
  const path = join(target, file)
  if (read(path) === text) return
  if (check) {
    stale.push(file)
    return
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  console.log(`wrote ${file}`)
}

function remove(file: string): void {
  if (check) {
    stale.push(file)
    return
  }
  rmSync(join(target, file))
  console.log(`removed ${file}`)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Every file below a folder, with forward slashes, relative to it. */
function filesIn(folder: string): string[] {
  let entries
  try {
    entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  } catch {
    return []
  }
  return entries
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}
