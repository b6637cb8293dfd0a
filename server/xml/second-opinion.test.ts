import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { XMLParser } from 'fast-xml-parser'
import { parseXml } from './reader.ts'
import type { XmlNode } from './tree.ts'
import { printXml } from './writer.ts'

/** Two parsers of different authors must tell the same story about every sample we ship. */
const other = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  trimValues: false,
  parseTagValue: false,
  parseAttributeValue: false,
  htmlEntities: true,
  ignoreDeclaration: true,
  cdataPropName: '#cdata',
  commentPropName: '#comment',
  maxNestedTags: 1000,
})

type Story = [name: string, content: unknown, attributes?: Record<string, string>]

function ours(node: XmlNode): Story {
  if (node.kind === 'text') return [node.cdata ? '#cdata' : '#text', node.value]
  if (node.kind === 'comment') return ['#comment', node.value]
  if (node.kind === 'pi') return [`?${node.target}`, null]
  const attributes: Record<string, string> = {}
  for (const { prefix, uri } of node.declarations) attributes[prefix === '' ? 'xmlns' : `xmlns:${prefix}`] = uri
  for (const { name, value } of node.attributes) attributes[name] = value
  return [node.name, node.children.map(ours), attributes]
}

function theirs(node: Record<string, unknown>): Story {
  const name = Object.keys(node).find(key => key !== ':@')!
  const content = node[name]
  if (name === '#text') return [name, content]
  const list = content as Record<string, unknown>[]
  if (name === '#cdata' || name === '#comment') return [name, list[0]?.['#text'] ?? '']
  if (name.startsWith('?')) return [name, null]
  return [name, list.map(theirs), (node[':@'] as Record<string, string> | undefined) ?? {}]
}

function compare(source: string): void {
  const document = parseXml(source)
  const expected = (other.parse(source.replaceAll('\r\n', '\n')) as Record<string, unknown>[]).filter(
    node => !('#text' in node),
  )
  assert.deepEqual(document.children.map(ours), expected.map(theirs))
  assert.deepEqual(parseXml(printXml(document)).children.map(ours), document.children.map(ours))
}

for (const source of [
  '<?xml version="1.0"?>\n<a:r xmlns:a="urn:1" xmlns="urn:d"><b z="1" a:m="3"/><a:r xmlns:a="urn:2">t</a:r></a:r>',
  '<r>one <b>two</b> three<!-- c --><![CDATA[<x>&]]> end</r>',
  '<r a="&lt;&quot;&amp;&#10;x&#xE9;">&lt;&gt;&amp;&apos;&#169;&#x1F600;</r>',
  '<r>\r\n  <a> x </a>\t\n</r>',
  '<!-- before --><r><a>007</a><b>1e5</b></r><!-- after -->',
  `${'<a>'.repeat(300)}${'</a>'.repeat(300)}`,
]) {
  test(`fast-xml-parser reads alike: ${source.slice(0, 60).replaceAll(/\s+/g, ' ')}`, () => compare(source))
}

test('fast-xml-parser reads every sample alike', () => {
  const top = new URL('../../', import.meta.url)
  for (const folder of ['samples', 'config']) {
    const files = readdirSync(new URL(folder, top), { recursive: true, encoding: 'utf8' })
    for (const file of files.filter(name => name.endsWith('.xml'))) {
      compare(readFileSync(new URL(`${folder}/${file}`, top), 'utf8'))
    }
  }
})
