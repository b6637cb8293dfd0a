import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from './reader.ts'
import type { XmlElement } from './tree.ts'
import { whereIs } from './where-is.ts'
import { XmlError } from './xml-error.ts'

function refused(input: string | Uint8Array, charset?: string): XmlError {
  try {
    parseXml(input, charset === undefined ? {} : { charset })
  } catch (thrown) {
    assert.ok(thrown instanceof XmlError, String(thrown))
    return thrown
  }
  assert.fail(`accepted: ${input.toString().slice(0, 80)}`)
}

const root = (source: string): XmlElement => parseXml(source).root

const ILL_FORMED: readonly [title: string, source: string, line: number, column: number, reason: RegExp][] = [
  ['an undeclared prefix', '<r><x:y/></r>', 1, 5, /prefix x is not declared/],
  ['an undeclared prefix of an attribute', '<r>\n <y a:b="1"/></r>', 2, 5, /prefix a is not declared/],
  ['an attribute given twice', '<r a="1" a="2"/>', 1, 10, /attribute a is given twice/],
  [
    'an attribute given twice under two prefixes',
    '<r xmlns:p="u" xmlns:q="u" p:a="1" q:a="2"/>',
    1,
    36,
    /a of the namespace u/,
  ],
  ['a declaration given twice', '<r xmlns:p="u" xmlns:p="v"/>', 1, 16, /prefix p is declared twice/],
  ['a prefix declared as nothing', '<r xmlns:p=""/>', 1, 4, /declared as nothing/],
  ['a rebound xml prefix', '<r xmlns:xml="urn:x"/>', 1, 4, /xml cannot stand for/],
  ['a crossed end tag', '<r>\n  <a>\n  </b>\n</r>', 3, 3, /<\/b> does not close <a> of line 2/],
  ['an end tag that only begins alike', '<ab></abc>', 1, 5, /<\/abc> does not close <ab>/],
  ['an element never closed', '<r>\n <a>', 2, 2, /<a> is never closed/],
  ['a tag without end', '<r>\n <a b="1"', 2, 2, /tag <a> has no end/],
  ['two roots', '<a/><b/>', 1, 5, /second root/],
  ['text after the root', '<a/>junk', 1, 5, /text outside/],
  ['text before the root', 'junk<a/>', 1, 1, /text outside/],
  ['a reference after the root', '<a/>&#32;', 1, 5, /text outside/],
  ['CDATA after the root', '<a/><![CDATA[]]>', 1, 5, /text outside/],
  ['a bare ampersand', '<r>AT&T</r>', 1, 6, /& without a name/],
  ['a bare ampersand before a far semicolon', '<r>a & b; c</r>', 1, 6, /& without a name/],
  ['< in an attribute', '<r a="<"/>', 1, 7, /< inside the value of a/],
  [']]> in text', '<r>a]]>b</r>', 1, 5, /]]> in text/],
  ['a control character', '<r>a\u0001b</r>', 1, 5, /U\+0001/],
  ['half a surrogate pair', '<r>a\ud800b</r>', 1, 5, /U\+D800/],
  ['a reference to a control character', '<r>&#1;</r>', 1, 4, /not a character/],
  ['a reference beyond Unicode', '<r>&#x110000;</r>', 1, 4, /not a character/],
  ['-- in a comment', '<r><!-- a -- b --></r>', 1, 11, /-- inside a comment/],
  ['a comment without end', '<r><!-- a </r>', 1, 4, /comment has no end/],
  ['CDATA without end', '<r><![CDATA[ a </r>', 1, 4, /CDATA section has no end/],
  ['an unquoted value', '<r a=1/>', 1, 6, /not in quotes/],
  ['an attribute without value', '<r a/>', 1, 5, /attribute a has no value/],
  ['attributes without white space between', '<r a="1"b="2"/>', 1, 9, /white space is expected/],
  ['an empty document', '', 1, 1, /no text at all/],
  ['white space only', ' \n ', 1, 1, /no root element/],
  ['an unknown entity', '<r>&foo;</r>', 1, 4, /entity &foo; is not known/],
  ['an entity named like an object member', '<r>&toString;</r>', 1, 4, /entity &toString; is not known/],
  ['a declaration that is not first', '\n<?xml version="1.0"?><r/>', 2, 1, /declaration/],
  ['a declaration without version', '<?xml encoding="UTF-8"?><r/>', 1, 1, /declaration/],
  ['a declaration inside', '<r><?XML version="1.0"?></r>', 1, 4, /declaration/],
  ['two colons in a name', '<r xmlns:a="u"><a:b:c/></r>', 1, 17, /not a qualified name/],
  ['a local name that begins with a digit', '<r xmlns:a="u"><a:1/></r>', 1, 17, /not a qualified name/],
  ['a name that begins with a digit', '<1/>', 1, 2, /element name is expected/],
  ['unknown markup', '<r><!ELEMENT x></r>', 1, 4, /unknown markup/],
]

for (const [title, source, line, column, reason] of ILL_FORMED) {
  test(`${title} is refused with its position`, () => {
    const error = refused(source)
    assert.match(error.reason, reason)
    assert.deepEqual([error.line, error.column], [line, column])
  })
}

for (const [title, source] of [
  ['an internal entity', '<!DOCTYPE r [<!ENTITY e "hello">]><r>&e;</r>'],
  ['an external entity', '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>'],
  ['a parameter entity', '<!DOCTYPE r [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><r/>'],
  ['a billion laughs', `<!DOCTYPE r [<!ENTITY a0 "lol"><!ENTITY a1 "${'&a0;'.repeat(10)}">]><r>&a1;</r>`],
] as const) {
  test(`a DOCTYPE with ${title} is refused before it is read`, () => {
    const error = refused(source)
    assert.equal(error.offset, 0)
    assert.match(error.reason, /document type declaration/)
    assert.match(error.hint ?? '', /Remove/)
  })
}

test('a diagnostic names the file, the place and what to do', () => {
  assert.deepEqual(refused('<r>\n<x:y/></r>').diagnostic('orders.xml'), {
    code: 'xml-malformed',
    severity: 'error',
    message: 'the prefix x is not declared',
    at: { file: 'orders.xml', line: 2, column: 2 },
    hint: 'Add xmlns:x="…" to this element or one around it.',
  })
})

test('prefixes mean what the nearest declaration says', () => {
  const r = root(
    '<a:r xmlns:a="urn:1" xmlns="urn:d"><b z="1" a:m="3"/><a:r xmlns:a="urn:2"><a:x/></a:r><a:y/><c xmlns=""/></a:r>',
  )
  const [b, inner, y, c] = r.childElements
  assert.equal(r.uri, 'urn:1')
  assert.equal(b!.uri, 'urn:d')
  assert.equal(b!.attribute('z'), '1')
  assert.equal(b!.attribute('m', 'urn:1'), '3')
  assert.equal(inner!.uri, 'urn:2')
  assert.equal(inner!.firstElement!.uri, 'urn:2')
  assert.equal(y!.uri, 'urn:1')
  assert.equal(c!.uri, '')
})

test('CDATA, comments, instructions and mixed content keep their order and kind', () => {
  const r = root('<r>one <b>two</b> three<!-- c --><![CDATA[<x>&]]><?pi  some data?> end</r>')
  assert.deepEqual(
    r.children.map(node => [node.kind, node.kind === 'element' ? node.local : node.value]),
    [
      ['text', 'one '],
      ['element', 'b'],
      ['text', ' three'],
      ['comment', ' c '],
      ['text', '<x>&'],
      ['pi', 'some data'],
      ['text', ' end'],
    ],
  )
  assert.equal(r.text, 'one two three<x>& end')
  assert.equal(r.ownText, 'one  three<x>& end')
})

test('references are resolved in text and attributes, 2000 of them as well', () => {
  const r = root('<r a="&lt;&quot;&amp;&#10;x&#xE9;">&lt;&gt;&amp;&apos;&#169;&#x1F600;</r>')
  assert.equal(r.attribute('a'), '<"&\nxé')
  assert.equal(r.text, "<>&'©😀")
  assert.equal(root(`<r>${'&amp;'.repeat(2000)}</r>`).text, '&'.repeat(2000))
})

test('line ends become one newline, and white space in attributes becomes spaces unless written as reference', () => {
  const r = root('<r a="x\ty\r\nz&#13;&#9;">\r\n  <a> x </a>\t\r&#13;</r>')
  assert.equal(r.attribute('a'), 'x y z\r\t')
  assert.equal(r.ownText, '\n  \t\n\r')
  assert.equal(root('<r><![CDATA[a\r\nb]]><!--a\rb--></r>').text, 'a\nb')
})

test('white space only, empty and self-closed elements are told apart', () => {
  const [a, b, c] = root('<r><a> </a><b></b><c/></r>').childElements
  assert.equal(a!.text, ' ')
  assert.equal(b!.children.length, 0)
  assert.equal(c!.children.length, 0)
})

test('comments and instructions around the root are kept', () => {
  const document = parseXml(
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<!-- before -->\n<r/>\n<?after it?>\n',
  )
  assert.deepEqual(
    document.children.map(node => node.kind),
    ['comment', 'element', 'pi'],
  )
  assert.equal(document.root.parent, document)
})

test('numbers stay text', () => {
  const r = root('<r><a>007</a><b>1e5</b><c>12345678901234567890</c></r>')
  assert.deepEqual(
    r.childElements.map(e => e.text),
    ['007', '1e5', '12345678901234567890'],
  )
})

test('names like object members are names', () => {
  const r = root('<r><__proto__>1</__proto__><constructor>2</constructor><hasOwnProperty a="1" __proto__="2"/></r>')
  assert.deepEqual(
    r.childElements.map(e => e.local),
    ['__proto__', 'constructor', 'hasOwnProperty'],
  )
  assert.equal(r.childElements[2]!.attribute('__proto__'), '2')
})

test('names may hold letters of any script', () => {
  const r = root('<größe 単位="m"><a·b/></größe>')
  assert.equal(r.local, 'größe')
  assert.equal(r.attribute('単位'), 'm')
  assert.equal(r.firstElement!.local, 'a·b')
  assert.match(refused('<a×/>').reason, /white space/)
})

test('positions of elements and attributes count lines, whatever ends them', () => {
  const document = parseXml(
    '<proxy name="x">\r\n  <target>\r\n    <log level="full"\r         category="INFO"/></target>\n</proxy>',
    { file: 'p.xml' },
  )
  const log = document.root.firstElement!.firstElement!
  assert.deepEqual(whereIs(log), { file: 'p.xml', line: 3, column: 5 })
  assert.deepEqual(whereIs(log.attributeNode('level')!), { file: 'p.xml', line: 3, column: 10 })
  assert.deepEqual(whereIs(log.attributeNode('category')!), { file: 'p.xml', line: 4, column: 10 })
  assert.deepEqual(document.positionOf(0), { line: 1, column: 1 })
})

test('1000 levels are read and 20000 are refused without recursion', () => {
  assert.equal(root('<a>'.repeat(1000) + '</a>'.repeat(1000)).local, 'a')
  assert.match(refused('<a>'.repeat(20_000) + '</a>'.repeat(20_000)).reason, /more than 1000/)
})

test('a huge attribute, many attributes and many declarations are read in linear time', () => {
  const huge = 'x'.repeat(10_000_000)
  assert.equal(root(`<r a="${huge}"/>`).attribute('a')!.length, huge.length)
  const many = Array.from({ length: 20_000 }, (_, index) => ` a${index}="${index}"`).join('')
  assert.equal(root(`<r${many}/>`).attributes.length, 20_000)
  assert.match(refused(`<r${many} a7=""/>`).reason, /a7 is given twice/)
  const declarations = Array.from({ length: 20_000 }, (_, index) => ` xmlns:a${index}="u"`).join('')
  assert.match(refused(`<r${declarations}/>`).reason, /more than 1000 namespaces/)
})

test('a byte order mark decides the encoding', () => {
  const text = '<?xml version="1.0" encoding="ISO-8859-1"?><r>é😀</r>'
  assert.equal(parseXml(Buffer.from(`\ufeff${text}`)).root.text, 'é😀')
  assert.equal(parseXml(Buffer.from(`\ufeff${text}`, 'utf16le')).root.text, 'é😀')
  assert.equal(parseXml(Buffer.from(`\ufeff${text}`, 'utf16le').swap16()).root.text, 'é😀')
  assert.equal(parseXml('\ufeff<r/>').root.offset, 0)
})

test('without mark the content type decides, then the declaration, then UTF-8', () => {
  const latin1 = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><r>é</r>', 'latin1')
  assert.equal(parseXml(latin1).root.text, 'é')
  const utf8 = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><r>é</r>')
  assert.equal(parseXml(utf8, { charset: 'utf-8' }).root.text, 'é')
  assert.equal(parseXml(utf8).root.text, 'Ã©')
  assert.equal(parseXml(Buffer.from('<r>é</r>')).root.text, 'é')
  assert.equal(parseXml(Buffer.from('<?xml version="1.0"?><r>é</r>', 'utf16le')).root.text, 'é')
  assert.equal(parseXml(Buffer.from('<r>Ă</r>', 'latin1').fill(0xc3, 3, 4), { charset: 'iso-8859-2' }).root.text, 'Ă')
})

test('bytes that are not in the encoding are refused with a position', () => {
  const broken = refused(Buffer.concat([Buffer.from('<r>\n é'), Buffer.from([0xff]), Buffer.from('</r>')]))
  assert.deepEqual([broken.line, broken.column], [2, 3])
  assert.match(broken.reason, /UTF-8/)
  assert.match(refused(Buffer.from('<r>é</r>'), 'us-ascii').reason, /US-ASCII/)
  assert.match(refused(Buffer.from('<r/>'), 'klingon').reason, /klingon is not known/)
  assert.match(refused(Buffer.from('<?xml version="1.0" encoding="UTF-16"?><r/>')).reason, /UTF-16/)
})
