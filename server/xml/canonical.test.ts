import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalXml } from './canonical.ts'
import { parseXml } from './reader.ts'

const canonical = (source: string): string => canonicalXml(parseXml(source))

test('elements stand one on a line, two spaces a level', () => {
  assert.equal(
    canonical(
      '<!-- mine --><proxy name="x" xmlns="urn:s"><target>\n\n<log  level="full"/><a>t</a><b> </b></target></proxy>',
    ),
    '<!-- mine -->\n<proxy xmlns="urn:s" name="x">\n  <target>\n    <log level="full"/>\n    <a>t</a>\n    <b/>\n  </target>\n</proxy>\n',
  )
})

test('mixed content, CDATA, preserved space and line ends in attributes stay as they are', () => {
  const kept =
    '<r>\n  <f>one <b>two</b></f>\n  <g><![CDATA[{"a": 1}]]></g>\n  <h xml:space="preserve"> <i/> </h>\n  <j a="x&#10;y"/>\n</r>\n'
  assert.equal(canonical(kept), kept)
})

test('canonical text is its own canonical text', () => {
  const once = canonical('<r><a><b/><!--c--></a><?p i?><c>x<d/></c></r>')
  assert.equal(canonical(once), once)
})
