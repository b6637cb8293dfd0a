import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { commands } from '../cli/all.ts'
import { parse, UsageError } from '../cli/command.ts'
import { commandBlocks } from '../cli/samples.ts'
import { diagnosticsOf } from '../testing/rig.ts'
import { parseXml } from '../xml/reader.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/'

/** Written by hand: what is generated is held by `generate --check` and the fleet test. */
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...pagesIn('server/docs'),
  ...pagesIn('server/docs/decisions'),
  ...readdirSync(join(root, 'samples'), { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => `samples/${name}/README.md`),
].map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))

function pagesIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter(name => name.endsWith('.md'))
    .map(name => `${folder}/${name}`)
}

test('every XML block of the guides is an artifact without a fault, or a SOAP envelope', () => {
  let blocks = 0
  for (const { path, text } of pages) {
    for (const [, xml] of text.matchAll(/^``` ?xml\n(.*?)^```$/gms)) {
      blocks++
      if (parseXml(xml!).root.uri === SOAP) continue
      const wrong = diagnosticsOf(xml!).filter(({ severity }) => severity !== 'hint')
      assert.deepEqual(wrong, [], `${path}:\n${xml}`)
    }
  }
  assert.ok(blocks > 3)
})

test('every holdfast command of the guides exists and takes the options it is given', async () => {
  let checked = 0
  for (const { path, text } of pages) {
    for (const line of commandBlocks(text).flat()) {
      const [, name, rest = ''] = /^npx holdfast (\S+) ?(.*)$/.exec(line) ?? []
      if (name === undefined) continue
      assert.ok(Object.hasOwn(commands, name), `${path}: ${line}`)
      const { default: command } = await commands[name]!()
      const parsed = parse(command, rest === '' ? [] : rest.split(' '))
      assert.ok(!(parsed instanceof UsageError), `${path}: ${line}: ${(parsed as UsageError).message}`)
      checked++
    }
  }
  assert.ok(checked > 10)
})

test('every npm command of the guides is a script', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }
  for (const { path, text } of pages) {
    for (const [, name] of text.matchAll(/\bnpm (?:run )?(start|test(?![\w-])|(?<=run )[\w:]+)/g)) {
      assert.ok(Object.hasOwn(scripts, name!), `${path}: npm run ${name}`)
    }
  }
})

test('every link and every path of the guides leads to a file', () => {
  for (const { path, text } of pages) {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(([, to]) =>
      join(dirname(path), to!),
    )
    const paths = [...text.matchAll(/`((?:server|samples|scripts|config)\/[\w./-]+)`/g)].map(([, to]) => to!)
    for (const to of [...links, ...paths]) assert.ok(existsSync(join(root, to)), `${path} names ${to}`)
  }
})

test('the page of differences is one table, and every row says why and how to get the old way back', () => {
  const { text } = pages.find(({ path }) => path === 'server/docs/differences.md')!
  const lines = text.split('\n').filter(line => line.startsWith('|'))
  const rows = lines.map(line => line.split(/(?<!\\)\|/).slice(1, -1))
  assert.equal(lines.filter(line => line.startsWith('|---')).length, 1)
  assert.ok(rows.length > 60)
  for (const row of rows) assert.equal(row.filter(cell => cell.trim() !== '').length, 5, row.join('|'))
})
