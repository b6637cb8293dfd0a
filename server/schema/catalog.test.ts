import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { kinds } from '../kinds/all.ts'
import { comparable, titleOf } from '../testing/comparable.ts'
import { catalog, decode, SYNAPSE } from '../testing/rig.ts'
import { canonicalXml } from '../xml/canonical.ts'
import { parseXml } from '../xml/reader.ts'
import { Catalog } from './catalog.ts'
import type { DecodedArtifact } from './decode.ts'
import { fileNameOf } from './emit/pages.ts'
import { partsOf } from './emit/parts.ts'
import type { AnyKind } from './kinds.ts'
import type { ClassRole, FieldLike } from './shape.ts'
import { encodeArtifact } from './structure.ts'

/** What a kind is excused from, and why. An entry that is no longer needed fails. */
const WAIVERS: Readonly<Record<string, { readonly from: 'file name'; readonly reason: string }>> = {}

const folder = fileURLToPath(new URL('../kinds', import.meta.url))

const FOLDERS: Readonly<Record<string, string>> = {
  mediator: 'mediators',
  'endpoint-kind': 'endpoints',
  'endpoint-layer': 'endpoint-layers',
}

const CLASS_FOLDERS: Readonly<Record<ClassRole, string>> = {
  'message-store': 'stores',
  'message-processor': 'processors',
  'inbound-endpoint': 'inbound',
}

function folderOf(kind: AnyKind): string {
  if ('classes' in kind) return CLASS_FOLDERS[kind.role]
  return 'nameAttribute' in kind ? 'artifacts' : FOLDERS[kind.role]!
}

const label = (kind: AnyKind): string => `${folderOf(kind)}/${titleOf(kind)}`

/** An example as it would stand in a file: mediators in a sequence, endpoint kinds in an endpoint, layers in an address. */
function asFile(kind: AnyKind, xml: string): string {
  if ('classes' in kind || 'nameAttribute' in kind) return xml
  if (kind.role === 'mediator') return `<sequence name="example" xmlns="${SYNAPSE}">${xml}</sequence>`
  const inside = kind.role === 'endpoint-layer' ? `<address uri="http://127.0.0.1:9">${xml}</address>` : xml
  return `<endpoint name="example" xmlns="${SYNAPSE}">${inside}</endpoint>`
}

function onlyOne(xml: string): DecodedArtifact {
  const { artifacts, diagnostics } = decode(xml)
  assert.deepEqual(diagnostics, [])
  assert.equal(artifacts.length, 1)
  return artifacts[0]!
}

for (const kind of kinds) {
  test(`${label(kind)}: every example is decoded without a word, and the same after it was written back`, () => {
    assert.ok(kind.examples.length > 0, 'a kind needs an example')
    for (const { title, xml } of kind.examples) {
      const first = onlyOne(asFile(kind, xml))
      const worth = first.diagnostics.filter(({ severity }) => severity !== 'hint')
      assert.deepEqual(worth, [], title)
      const written = canonicalXml(encodeArtifact(first.node!))
      const second = onlyOne(written)
      assert.deepEqual(
        second.diagnostics,
        first.diagnostics.map((was, index) => ({ ...was, at: second.diagnostics[index]?.at })),
        title,
      )
      assert.deepEqual(comparable(second.node!.config), comparable(first.node!.config), title)
      assert.equal(canonicalXml(encodeArtifact(second.node!)), written, `${title}: written the same again`)
    }
  })

  test(`${label(kind)}: says what it is for, and so does everything it may carry`, () => {
    const sentence = /^[A-Z`*].*[.…:]$/s
    assert.match(kind.summary, sentence)
    if (kind.details !== undefined) assert.match(kind.details.trim(), /[.:]$/s)
    for (const doc of docsOf(kind.fields as Readonly<Record<string, FieldLike>>))
      assert.match(doc, /\S.*[.…]$/s, `"${doc}"`)
    for (const { title } of kind.examples) assert.match(title, /^[A-Z`]/)
  })
}

/** Every sentence a user may read about a field, those of nested elements included. */
function docsOf(fields: Readonly<Record<string, FieldLike>>): string[] {
  const { attributes, parameters, children, text, choices, ...rest } = partsOf(fields)
  const parts = Object.values(rest).flatMap(part => (typeof part === 'string' ? [part] : part ? [part.doc] : []))
  return [
    ...parts,
    ...[...attributes, ...parameters, ...choices, ...(text ? [text] : [])].map(({ doc }) => doc),
    ...children.flatMap(child => [child.doc, ...docsOf(child.fields)]),
  ]
}

test('every kind is in a file named like what a user writes, and every file of a kind is offered', () => {
  const excused = new Set<string>()
  const expected = kinds.map(kind => `${folderOf(kind)}/${fileNameOf(titleOf(kind))}.ts`)
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(file => file.replaceAll('\\', '/'))
    .filter(file => /^[a-z-]+\/[^/]+\.ts$/.test(file) && !file.endsWith('.test.ts'))
  for (const file of found.filter(file => !expected.includes(file))) {
    assert.ok(
      WAIVERS[file]?.from === 'file name',
      `${file} is not the file of a kind; a kind's file is named like its element or class`,
    )
    excused.add(file)
  }
  for (const file of expected) assert.ok(found.includes(file) || WAIVERS[file], `there is no ${file}`)
  assert.deepEqual(
    Object.keys(WAIVERS).filter(file => !excused.has(file)),
    [],
    'waivers that are no longer needed',
  )
})

test('every kind has tests of its own beside it', () => {
  const without = kinds
    .map(kind => `${folderOf(kind)}/${fileNameOf(titleOf(kind))}.test.ts`)
    .filter(file => !existsIn(file))
  assert.deepEqual(without, [])
})

function existsIn(file: string): boolean {
  try {
    return readFileSync(join(folder, file)).length > 0
  } catch {
    return false
  }
}

test('a class name, an element or a short name means one kind only', () => {
  const names = kinds.flatMap(kind =>
    'classes' in kind
      ? [...kind.classes.map(name => `${kind.role} class ${name}`), `${kind.role} ${kind.name}`]
      : [`${'nameAttribute' in kind ? 'artifact' : kind.role} ${kind.tag}`],
  )
  assert.equal(new Set(names).size, names.length)
})

test('two kinds that claim the same word stop the start', () => {
  const respond = catalog.mediator('respond')!
  assert.throws(() => new Catalog([respond, respond]), /two kinds claim "respond"/)
})

test('fields that only an error could fill are not required twice: names of attributes and parameters are unique', () => {
  for (const kind of kinds) {
    const { attributes, parameters, children } = partsOf(kind.fields as Readonly<Record<string, FieldLike>>)
    for (const names of [
      attributes.map(({ name }) => name),
      parameters.map(({ name }) => name),
      children.map(({ tag }) => tag),
    ]) {
      assert.equal(new Set(names).size, names.length, `${label(kind)}: ${names.join(', ')}`)
    }
  }
})

test('the catalog finds a kind by what a user writes', () => {
  assert.equal(catalog.mediator('respond')?.tag, 'respond')
  assert.equal(catalog.artifact('proxy')?.role, 'proxy')
  assert.equal(catalog.byClass('message-store', '')?.name, 'journal')
  assert.equal(catalog.mediator('http.get')?.tag, 'connector.operation')
  assert.equal(catalog.mediator('nonsense'), undefined)
})

test('what is written for a kind is well-formed XML in the namespace of the language', () => {
  const { node } = onlyOne('<sequence name="s"><property name="a" expression="//m:x" xmlns:m="urn:m"/></sequence>')
  const { root } = parseXml(canonicalXml(encodeArtifact(node!)))
  assert.equal(root.uri, SYNAPSE)
  assert.equal(root.firstElement!.lookupNamespace('m'), 'urn:m')
})
