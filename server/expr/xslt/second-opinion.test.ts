/**
 * Stylesheets and documents made at random, with what the XSLT processor of OpenJDK 17 (XSLTC) made of them:
 * second-opinion.json. Left out is what that processor gets wrong: default counting of names the stylesheet does not
 * mention, and the first node of several reverse axes.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseXml } from '../../xml/reader.ts'
import type { XmlNode } from '../../xml/tree.ts'
import { compileStylesheet } from './stylesheet.ts'

const { documents, cases } = JSON.parse(readFileSync(new URL('second-opinion.json', import.meta.url), 'utf8')) as {
  documents: string[]
  cases: { stylesheet: string; results: string[] }[]
}

/** Independent of prefixes, of the order of attributes, and of how characters are written. */
function canonical(node: XmlNode): string {
  switch (node.kind) {
    case 'text':
      return node.value
    case 'comment':
      return `<!--${node.value}-->`
    case 'pi':
      return `<?${node.target} ${node.value}?>`
    case 'element': {
      const attributes = node.attributes.map(({ uri, local, value }) => ` {${uri}}${local}=${JSON.stringify(value)}`)
      return `<{${node.uri}}${node.local}${attributes.sort().join('')}>${node.children.map(canonical).join('')}</>`
    }
  }
}

for (const [number, { stylesheet, results }] of cases.entries()) {
  test(`stylesheet ${number} gives what another processor gives`, () => {
    const compiled = compileStylesheet(stylesheet)
    const comparable = (text: string): string =>
      compiled.output.method === 'text' ? text : canonical(parseXml(`<result>${text}</result>`).root)
    for (const [index, document] of documents.entries()) {
      const made = compiled
        .transform(parseXml(document))
        .text()
        .replace(/^<\?xml[^>]*\?>/, '')
      assert.equal(comparable(made), comparable(results[index]!), `document ${index}:\n${document}\n${stylesheet}`)
    }
  })
}
