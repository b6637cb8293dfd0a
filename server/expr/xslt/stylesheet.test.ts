import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from '../../xml/reader.ts'
import { printXml } from '../../xml/writer.ts'
import { faultOfSheet, made, sheet, transformed, XSL } from '../../testing/xslt-rig.ts'
import { compileStylesheet } from './stylesheet.ts'

const T = (match: string, body: string, more = ''): string =>
  `<xsl:template match="${match}" ${more}>${body}</xsl:template>`
const V = (select: string): string => `<xsl:value-of select="${select}"/>`

test('the document of appendix D.1 becomes the HTML it shows', () => {
  const stylesheet = `<xsl:stylesheet version="1.0" ${XSL} xmlns="http://www.w3.org/TR/xhtml1/strict">
    <xsl:strip-space elements="doc chapter section"/>
    <xsl:output method="xml" indent="no" encoding="iso-8859-1"/>
    ${T('doc', '<html><head><title><xsl:value-of select="title"/></title></head><body><xsl:apply-templates/></body></html>')}
    ${T('doc/title', '<h1><xsl:apply-templates/></h1>')}
    ${T('chapter/title', '<h2><xsl:apply-templates/></h2>')}
    ${T('section/title', '<h3><xsl:apply-templates/></h3>')}
    ${T('para', '<p><xsl:apply-templates/></p>')}
    ${T('note', '<p class="note"><b>NOTE: </b><xsl:apply-templates/></p>')}
    ${T('emph', '<em><xsl:apply-templates/></em>')}</xsl:stylesheet>`
  const source = `<doc><title>Document Title</title>
  <chapter><title>Chapter Title</title>
   <section><title>Section Title</title>
    <para>This is a test.</para><note>This is a note.</note></section>
   <section><title>Another Section Title</title><para>This is <emph>another</emph> test.</para></section></chapter></doc>`
  assert.equal(
    transformed(stylesheet, source),
    '<html xmlns="http://www.w3.org/TR/xhtml1/strict"><head><title>Document Title</title></head><body><h1>Document Title</h1><h2>Chapter Title</h2><h3>Section Title</h3><p>This is a test.</p><p class="note"><b>NOTE: </b>This is a note.</p><h3>Another Section Title</h3><p>This is <em>another</em> test.</p></body></html>',
  )
})

test('the data of appendix D.2 becomes a table, by a simplified stylesheet', () => {
  const stylesheet = `<html xsl:version="1.0" ${XSL} lang="en"><head><title>Sales Results By Division</title></head><body><table border="1"><tr><th>Division</th><th>Revenue</th><th>Growth</th><th>Bonus</th></tr><xsl:for-each select="sales/division"><xsl:sort select="revenue" data-type="number" order="descending"/><tr><td><em><xsl:value-of select="@id"/></em></td><td><xsl:value-of select="revenue"/></td><td><xsl:if test="growth &lt; 0"><xsl:attribute name="style"><xsl:text>color:red</xsl:text></xsl:attribute></xsl:if><xsl:value-of select="growth"/></td><td><xsl:value-of select="bonus"/></td></tr></xsl:for-each></table></body></html>`
  const source =
    '<sales><division id="North"><revenue>10</revenue><growth>9</growth><bonus>7</bonus></division><division id="South"><revenue>4</revenue><growth>3</growth><bonus>4</bonus></division><division id="West"><revenue>6</revenue><growth>-1.5</growth><bonus>2</bonus></division></sales>'
  const text = transformed(stylesheet, source)
  assert.match(
    text,
    /^<html lang="en"><head><META http-equiv="Content-Type" content="text\/html; charset=UTF-8"><title>/,
  )
  assert.match(
    text,
    /<tr><td><em>North<\/em><\/td><td>10<\/td><td>9<\/td><td>7<\/td><\/tr><tr><td><em>West<\/em><\/td><td>6<\/td><td style="color:red">-1.5<\/td><td>2<\/td><\/tr><tr><td><em>South<\/em>/,
  )
})

test('built-in rules go inside and copy text, in every mode; comments and instructions vanish', () => {
  assert.equal(transformed(sheet(''), '<a b="c">1<b>2</b><!--3--><?p 4?></a>'), '12')
  const mode = sheet(T('/', '<xsl:apply-templates mode="m"/>') + T('b', '[x]', 'mode="m"') + T('b', '[y]'))
  assert.equal(transformed(mode, '<a>1<b>2</b></a>'), '1[x]')
})

test('of several rules the one of higher priority runs, of equals the last', () => {
  const which = (...templates: string[]): string =>
    transformed(sheet(templates.join('')), '<a x="1"><p:b xmlns:p="urn:p"/></a>')
  assert.equal(which(T('*', '1'), T('a', '2'), T('node()', '3')), '2')
  assert.equal(which(T('a', '1'), T('a', '2')), '2')
  assert.equal(which(T('a[@x]', '1'), T('a', '2')), '1')
  assert.equal(which(T('a', '<xsl:apply-templates/>'), T('p:*', '1'), T('*', '2')), '1')
  assert.equal(which(T('a', '<xsl:apply-templates/>'), T('p:b', '1'), T('a/*', '2')), '2')
  assert.equal(which(T('a', '1', 'priority="0.4"'), T('*', '2', 'priority="0.5"')), '2')
  assert.equal(which(T('a|b', '1'), T('*', '2')), '1')
})

test('import: the importing one wins, the last of several, and apply-imports reaches what is behind', () => {
  const texts = {
    'a.xsl': sheet(T('pre', '<pre><xsl:apply-templates/></pre>') + T('v', 'a') + '<xsl:variable name="g" select="1"/>'),
    'b.xsl': sheet(T('v', 'b')),
  }
  const main = sheet(
    `<xsl:import href="a.xsl"/><xsl:import href="b.xsl"/>${T('pre', '<div><xsl:apply-imports/></div>')}${T('g', V('$g'))}`,
  )
  // The example of §5.6.
  assert.equal(transformed(main, '<pre>x</pre>', { texts }), '<div><pre>x</pre></div>')
  assert.equal(transformed(main, '<v/>', { texts }), 'b')
  assert.equal(transformed(main, '<g/>', { texts }), '1')
  const override = sheet(`<xsl:import href="a.xsl"/><xsl:variable name="g" select="2"/>${T('g', V('$g'))}`)
  assert.equal(transformed(override, '<g/>', { texts }), '2')
})

test('apply-imports sees only what the module of the rule imports', () => {
  const texts = {
    'one.xsl': sheet(`<xsl:import href="deep.xsl"/>${T('e', '1(<xsl:apply-imports/>)')}`),
    'deep.xsl': sheet(T('e', 'deep')),
    'zero.xsl': sheet(T('e', 'zero')),
  }
  const main = sheet(`<xsl:import href="zero.xsl"/><xsl:import href="one.xsl"/>${T('e', 'm(<xsl:apply-imports/>)')}`)
  assert.equal(transformed(main, '<e/>', { texts }), 'm(1(deep))')
})

test('include: rules of the included text count as if they stood there, its imports come after', () => {
  const texts = {
    'a.xsl': sheet(`<xsl:import href="b.xsl"/>${T('e', 'a')}`),
    'b.xsl': sheet(T('e', 'b') + T('f', 'b')),
  }
  assert.equal(transformed(sheet(`${T('e', 'm')}<xsl:include href="a.xsl"/>`), '<e/>', { texts }), 'a')
  assert.equal(transformed(sheet(`<xsl:include href="a.xsl"/>${T('e', 'm')}`), '<e/>', { texts }), 'm')
  assert.equal(transformed(sheet('<xsl:include href="a.xsl"/>'), '<f/>', { texts }), 'b')
})

test('a stylesheet that includes itself, or one that is not there, is refused with its line', () => {
  const loop = { 'a.xsl': sheet('\n<xsl:include href="a.xsl"/>') }
  assert.match(
    faultOfSheet(sheet('<xsl:include href="a.xsl"/>'), '<r/>', { texts: loop }).message,
    /^a.xsl:2:14: .*leads back/,
  )
  assert.match(
    faultOfSheet(sheet('\n <xsl:import href="gone.xsl"/>')).message,
    /^main.xsl:2:14: "gone.xsl" finds nothing/,
  )
})

test('a rename of one element copies everything else as it was', () => {
  const identity = sheet(
    T('@*|node()', '<xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy>') + T('p:old', '<p:new>!</p:new>'),
  )
  const source =
    '<a xmlns="urn:d" xmlns:p="urn:p" x="1" p:y="&quot;2&lt;"><!-- c --><?pi d?>t &amp; t<p:old/><b xmlns=""><c xmlns:q="urn:q" t="q:n"/></b></a>'
  assert.equal(transformed(identity, source), source.replace('<p:old/>', '<p:new>!</p:new>'))
})

test('parameters of templates: given, by default, and unknown ones ignored', () => {
  const s = sheet(
    `${T('/', `<xsl:call-template name="t"><xsl:with-param name="a" select="1 + 1"/><xsl:with-param name="zzz" select="9"/></xsl:call-template>`)}
    <xsl:template name="t"><xsl:param name="a" select="7"/><xsl:param name="b"><q/>x</xsl:param><xsl:param name="c"/>${V("concat($a, $b, '[', $c, ']')")}</xsl:template>`,
  )
  assert.equal(transformed(s, '<r/>'), '2x[]')
})

test('parameters reach rules that apply-templates chooses, but not through built-in ones', () => {
  const s = (select: string): string =>
    sheet(
      `${T('/', `<xsl:apply-templates select="${select}"><xsl:with-param name="a" select="5"/></xsl:apply-templates>`)}${T('b', `<xsl:param name="a" select="0"/>${V('$a')}`)}`,
    )
  assert.equal(transformed(s('r/b'), '<r><b/></r>'), '5')
  assert.equal(transformed(s('r'), '<r><b/></r>'), '0')
})

test('a variable is seen by what follows it in its element; a local one hides a global one', () => {
  const s = sheet(
    `<xsl:variable name="v" select="'g'"/><xsl:param name="p" select="$w"/><xsl:variable name="w">late</xsl:variable>${T(
      '/',
      `${V('$v')}<xsl:if test="true()"><xsl:variable name="v" select="'l'"/>${V('$v')}</xsl:if>${V('$v')}${V('$p')}`,
    )}`,
  )
  assert.equal(transformed(s, '<r/>'), 'glglate')
  assert.equal(transformed(s, '<r/>', { params: new Map([['p', 'given']]) }), 'glggiven')
  assert.match(
    faultOfSheet(sheet(T('/', `<xsl:variable name="n" select="$n"/>`))).message,
    /the variable \$n is not known/,
  )
})

test('a tree in a variable is true, is copied as nodes, read as text, and gone through with node-set()', () => {
  const variable =
    '<xsl:variable name="t"><i>1</i><i>2</i></xsl:variable><xsl:variable name="e"><xsl:text/></xsl:variable>'
  assert.equal(made(`${variable}<o><xsl:copy-of select="$t"/></o>`), '<o><i>1</i><i>2</i></o>')
  assert.equal(made(variable + V("concat($t, boolean($e), string-length($e), $t = '12')")), '12true0true')
  assert.equal(
    made(`${variable}<xsl:for-each select="x:node-set($t)/i">${V("concat(position(), ':', ., ' ')")}</xsl:for-each>`),
    '1:1 2:2 ',
  )
  assert.equal(made(`<xsl:variable name="s" select="''"/>${V('boolean($s)')}`), 'false')
})

test('for-each, choose, if and position() follow the current list', () => {
  const loop = `<xsl:for-each select="r/i"><xsl:choose><xsl:when test="position() = 1">first</xsl:when><xsl:when test="position() = last()">last</xsl:when><xsl:otherwise>,</xsl:otherwise></xsl:choose><xsl:if test=". = 2">*</xsl:if></xsl:for-each>${V('position()')}`
  assert.equal(made(loop, '<r><i>1</i><i>2</i><i>3</i></r>'), 'first,*last1')
})

test('current() is the node of the template, the dot that of the predicate', () => {
  const s = sheet(
    T('/', '<xsl:apply-templates select="//item"/>') +
      T('item', `${V('//g[@n = current()/@ref]')}${V("count(//item[@ref = 'b'])")}`),
  )
  assert.equal(transformed(s, '<r><g n="a">A</g><g n="b">B</g><item ref="b"/><item ref="a"/></r>'), 'B1A1')
})

test('computed elements and attributes take their namespace from the prefix or the attribute', () => {
  assert.equal(made(`<xsl:element name="{'p'}:e"/>`), '<p:e xmlns:p="urn:p"/>')
  assert.equal(made('<xsl:element name="e" namespace="urn:{1+1}"/>'), '<e xmlns="urn:2"/>')
  assert.equal(
    made(
      '<e><xsl:attribute name="p:a">1</xsl:attribute><xsl:attribute name="b" namespace="urn:b">2</xsl:attribute></e>',
    ),
    '<e xmlns:p="urn:p" xmlns:ns1="urn:b" p:a="1" ns1:b="2"/>',
  )
  assert.equal(
    made('<e a="1"><xsl:attribute name="a">2</xsl:attribute>t<xsl:attribute name="late">3</xsl:attribute></e>'),
    '<e a="2">t</e>',
  )
  assert.match(
    faultOfSheet(sheet(T('/', '\n<xsl:element name="{1}"/>'))).message,
    /^main.xsl:2:14: "1" cannot be the name of an element/,
  )
})

test('attribute value templates: several expressions, doubled braces, braces in quotes', () => {
  assert.equal(made(`<e a="{{x}}{r/@v}-{concat('}', &quot;{&quot;)}"/>`, '<r v="7"/>'), '<e a="{x}7-}{"/>')
  assert.match(faultOfSheet(sheet(T('/', '<e a="{1"/>'))).message, /\{ has no \}/)
  assert.match(faultOfSheet(sheet(T('/', '<e a="1}"/>'))).message, /a single \}/)
})

test('attribute sets add up, use one another, and yield to what stands on the element', () => {
  const sets = `<xsl:attribute-set name="a"><xsl:attribute name="x">1</xsl:attribute><xsl:attribute name="y">1</xsl:attribute></xsl:attribute-set><xsl:attribute-set name="b" use-attribute-sets="a"><xsl:attribute name="y">{<xsl:value-of select="name()"/>}</xsl:attribute></xsl:attribute-set>`
  const with_ = (element: string): string => transformed(sheet(sets + T('r', element)), '<r/>')
  assert.equal(with_('<e xsl:use-attribute-sets="b" x="2"/>'), '<e x="2" y="{r}"/>')
  assert.equal(with_('<xsl:element name="e" use-attribute-sets="a"/>'), '<e x="1" y="1"/>')
  assert.equal(with_('<xsl:copy use-attribute-sets="a b"/>'), '<r x="1" y="{r}"/>')
  assert.match(
    faultOfSheet(sheet(T('/', '<e xsl:use-attribute-sets="none"/>'))).message,
    /no <xsl:attribute-set name="none"/,
  )
})

test('namespace-alias makes a stylesheet that makes a stylesheet (§7.1.1)', () => {
  const s = `<xsl:stylesheet version="1.0" ${XSL} xmlns:axsl="urn:alias"><xsl:namespace-alias stylesheet-prefix="axsl" result-prefix="xsl"/>${T('/', '<axsl:stylesheet version="1.0"><axsl:template match="{name(*)}"/></axsl:stylesheet>')}</xsl:stylesheet>`
  assert.equal(
    transformed(s, '<r/>'),
    `<xsl:stylesheet ${XSL} version="1.0"><xsl:template match="r"/></xsl:stylesheet>`,
  )
})

test('namespaces in scope go into the result once, the excluded ones not', () => {
  const s = `<xsl:stylesheet version="1.0" ${XSL} xmlns:k="urn:k" xmlns:z="urn:z" exclude-result-prefixes="z">${T('/', '<a><b><z:c/></b></a><d xmlns:q="urn:q" xsl:exclude-result-prefixes="k q"/>')}</xsl:stylesheet>`
  assert.equal(transformed(s, '<r/>'), '<a xmlns:k="urn:k"><b><z:c xmlns:z="urn:z"/></b></a><d/>')
})

test('comments and instructions are made so that they can be read again', () => {
  assert.equal(made('<xsl:comment>a--b-</xsl:comment>'), '<!--a- -b- -->')
  assert.equal(made('<xsl:processing-instruction name="p">a?>b</xsl:processing-instruction>'), '<?p a? >b?>')
})

test('white space in the stylesheet counts only in xsl:text, or where it is to be preserved', () => {
  assert.equal(made('\n  <a>\n    <b/> <xsl:text> </xsl:text>\n x </a>\n'), '<a><b/> \n x </a>')
  assert.equal(made('<a xml:space="preserve"> <b/></a>'), '<a xml:space="preserve"> <b/></a>')
})

test('strip-space takes white space out of what is looked at, and leaves the source alone', () => {
  const s = sheet(
    `<xsl:strip-space elements="*"/><xsl:preserve-space elements="k"/>${T('/', '<n><xsl:copy-of select="."/></n>')}`,
  )
  const source = '<r> <a> <b/> x </a> <k> <b/> </k><s xml:space="preserve"> </s><t> <![CDATA[c]]></t></r>'
  const document = parseXml(source)
  assert.equal(
    compileStylesheet(s)
      .transform(document)
      .nodes.map(node => printXml(node))
      .join(''),
    '<n><r><a><b/> x </a><k> <b/> </k><s xml:space="preserve"> </s><t> c</t></r></n>',
  )
  assert.equal(printXml(document), source)
})

test('CDATA sections and the text beside them are one node', () => {
  const s = sheet(T('text()', `[${V('.')}]`))
  assert.equal(transformed(s, '<r>a<![CDATA[b]]>c<x/>d</r>'), '[abc][d]')
})

test('keys find nodes by value, by several values, in the tree of the context node', () => {
  const key = `<xsl:key name="id" match="i" use="@n|alias"/><xsl:key name="id" match="j" use="'j'"/>`
  const source = '<r><i n="a">1</i><i n="b">2<alias>a</alias></i><j>3</j><q>b</q><q>j</q></r>'
  const get = (select: string): string =>
    transformed(sheet(key + T('/', `<xsl:for-each select="${select}">${V('text()')}</xsl:for-each>`)), source)
  assert.equal(get("key('id', 'a')"), '12')
  assert.equal(get("key('id', //q)"), '23')
  assert.equal(get("key('id', 'none')"), '')
  const inTree = `${key}${T('/', `<xsl:variable name="t"><i n="a">t</i></xsl:variable><xsl:for-each select="x:node-set($t)">${V("key('id', 'a')")}</xsl:for-each>${V("count(key('id', 'a'))")}`)}`
  assert.equal(transformed(sheet(inTree), source), 't2')
  assert.equal(transformed(sheet(key + T("key('id', 'a')", 'K') + T('text()', '')), source), 'KK')
  assert.match(faultOfSheet(sheet(T('/', V("key('none', 1)")))).message, /no <xsl:key name="none">/)
})

test('grouping by key, the way of Muench, with generate-id()', () => {
  const s = sheet(
    `<xsl:key name="by" match="i" use="@g"/>${T('/', `<xsl:for-each select="//i[generate-id() = generate-id(key('by', @g)[1])]">${V('@g')}=${V("count(key('by', @g))")};</xsl:for-each>`)}`,
  )
  assert.equal(transformed(s, '<r><i g="x"/><i g="y"/><i g="x"/></r>'), 'x=2;y=1;')
})

test('document() reads what the resolver knows, once; an empty name is the stylesheet', () => {
  const texts = { 'd.xml': '<d><v>1</v></d>' }
  assert.equal(made(V("document('d.xml')/d/v"), '<r/>', { texts }), '1')
  assert.equal(made(V("generate-id(document('d.xml')) = generate-id(document('d.xml'))"), '<r/>', { texts }), 'true')
  assert.equal(made(V('document(r/f)/d/v'), '<r><f>d.xml</f></r>', { texts }), '1')
  assert.equal(made(V("count(document('')//xsl:template)")), '1')
  const gone = faultOfSheet(sheet(T('/', `\n${V("document('http://example.org/x.xml')")}`)))
  assert.match(gone.message, /^main.xsl:2:1: document\("http:\/\/example.org\/x.xml"\) finds nothing/)
})

test('what the processor says about itself', () => {
  assert.equal(made(V("system-property('xsl:version')")), '1')
  assert.equal(made(V("concat(system-property('xsl:vendor'), system-property('none'))")), 'Holdfast')
  assert.equal(
    made(V("concat(element-available('xsl:if'), element-available('xsl:sequence'), element-available('if'))")),
    'truefalsefalse',
  )
  assert.equal(
    made(
      V(
        "concat(function-available('key'), function-available('count'), function-available('x:node-set'), function-available('nope'))",
      ),
    ),
    'truetruetruefalse',
  )
})

test('xsl:message is told to whoever listens, with the text of its content', () => {
  const said: string[] = []
  const around = { message: (text: string) => void said.push(text) }
  assert.equal(made('<xsl:message>a<b>c</b></xsl:message>x', '<r/>', around), 'x')
  assert.deepEqual(said, ['ac'])
})

test('a loop of calls at the end of a template does not nest', () => {
  const s = sheet(
    `${T('/', '<xsl:call-template name="t"><xsl:with-param name="n" select="50000"/></xsl:call-template>')}<xsl:template name="t"><xsl:param name="n"/><xsl:choose><xsl:when test="$n &gt; 0"><xsl:call-template name="t"><xsl:with-param name="n" select="$n - 1"/></xsl:call-template></xsl:when><xsl:otherwise>end</xsl:otherwise></xsl:choose></xsl:template>`,
  )
  assert.equal(transformed(s, '<r/>'), 'end')
})

test('a document as deep as one may be is copied', () => {
  const deep = '<a>'.repeat(999) + '</a>'.repeat(999)
  const identity = sheet(T('@*|node()', '<xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy>'))
  assert.equal(transformed(identity, deep).length, '<a>'.length * 998 + '</a>'.length * 998 + '<a/>'.length)
})
