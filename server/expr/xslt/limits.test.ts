import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOfSheet, sheet, transformed, XSL } from '../../testing/xslt-rig.ts'

const T = (body: string): string => `<xsl:template match="/">\n${body}</xsl:template>`
const CALL = '<xsl:call-template name="t"/>'

test('a template that calls itself without end is a fault with its line, at its end or in its middle', () => {
  const inside = faultOfSheet(sheet(`${T(CALL)}<xsl:template name="t"><a>${CALL}</a></xsl:template>`))
  assert.equal(inside.code, 'TRANSFORM_FAILED')
  assert.match(inside.message, /^main.xsl:\d+:\d+: templates call one another /)
  const last = faultOfSheet(sheet(`${T(CALL)}<xsl:template name="t">${CALL}</xsl:template>`))
  assert.match(last.message, /given up after 20000000 steps/)
  const applied = faultOfSheet(
    sheet('<xsl:template match="node()"><b><xsl:apply-templates select="."/></b></xsl:template>'),
  )
  assert.match(applied.message, /templates call one another/)
})

test('loops in loops end at the limit of steps', () => {
  const loops = '<xsl:for-each select="//*">'.repeat(4) + '<xsl:if test="0">x</xsl:if>' + '</xsl:for-each>'.repeat(4)
  const fault = faultOfSheet(sheet(T(loops)), `<r>${'<i/>'.repeat(200)}</r>`)
  assert.match(fault.message, /^main.xsl:2:\d+: it was given up after 20000000 steps/)
})

test('a result without end is stopped by nodes, and by characters', () => {
  const grow = `${T(CALL)}<xsl:template name="t"><a/>${CALL}</xsl:template>`
  assert.match(faultOfSheet(sheet(grow), '<r/>', { limits: { nodes: 1000 } }).message, /more than 1000 nodes/)
  const talk = `${T(CALL)}<xsl:template name="t">0123456789${CALL}</xsl:template>`
  assert.match(faultOfSheet(sheet(talk), '<r/>', { limits: { characters: 1000 } }).message, /more than 1000 characters/)
  const twice = `${T('<xsl:call-template name="t"><xsl:with-param name="s" select="\'ab\'"/></xsl:call-template>')}<xsl:template name="t"><xsl:param name="s"/><xsl:call-template name="t"><xsl:with-param name="s" select="concat($s, $s)"/></xsl:call-template></xsl:template>`
  assert.match(faultOfSheet(sheet(twice)).message, /longer than \d+ characters/)
})

test('trees in variables count as well, and so do copies of copies', () => {
  const bomb = `<xsl:variable name="a"><x/><x/></xsl:variable>${Array.from({ length: 30 }, (_, index) => {
    const [before, name] = [
      String.fromCharCode(97 + (index % 26)) + (index > 25 ? '1' : ''),
      String.fromCharCode(97 + ((index + 1) % 26)) + (index + 1 > 25 ? '1' : ''),
    ]
    return `<xsl:variable name="${name}"><xsl:copy-of select="$${before}"/><xsl:copy-of select="$${before}"/></xsl:variable>`
  }).join('')}<xsl:copy-of select="$e1"/>`
  assert.match(faultOfSheet(sheet(T(bomb))).message, /more than 2000000 nodes/)
})

test('a long text looked at in a loop counts each time', () => {
  const look = `<xsl:variable name="t" select="string(r/t)"/><xsl:for-each select="r/i"><xsl:if test="contains($t, 'y')">y</xsl:if></xsl:for-each>`
  const source = `<r><t>${'x'.repeat(1_000_000)}</t>${'<i/>'.repeat(2000)}</r>`
  assert.match(faultOfSheet(sheet(T(look)), source).message, /given up after 20000000 steps/)
})

test('variables, keys and attribute sets that need themselves are faults', () => {
  const circle = '<xsl:variable name="a" select="$b"/><xsl:variable name="b" select="$a"/>'
  assert.match(
    faultOfSheet(sheet(circle + T('<xsl:value-of select="$a"/>'))).message,
    /\$\w is defined by way of itself/,
  )
  const key = `<xsl:key name="k" match="r" use="key('k', 1)"/>`
  assert.match(
    faultOfSheet(sheet(key + T(`<xsl:value-of select="key('k', 1)"/>`))).message,
    /key is defined by way of itself/,
  )
  const sets =
    '<xsl:attribute-set name="a" use-attribute-sets="b"/><xsl:attribute-set name="b" use-attribute-sets="a"/>'
  assert.match(faultOfSheet(sheet(sets + T('<e xsl:use-attribute-sets="a"/>'))).message, /templates call one another/)
})

test('what is written wrongly is refused with line and column', () => {
  const said = (body: string): string => faultOfSheet(sheet(T(body))).message
  assert.match(said('<xsl:value-of select="a["/>'), /^main.xsl:2:15: .* \(at character 3 of "a\["\)/)
  assert.match(said('<xsl:value-of/>'), /^main.xsl:2:1: <xsl:value-of> needs the attribute select/)
  assert.match(said('<xsl:call-template name="gone"/>'), /no template with the name gone/)
  assert.match(said('<xsl:nope/>'), /<xsl:nope> is no instruction/)
  assert.match(said('<xsl:choose/>'), /needs an <xsl:when>/)
  assert.match(said('<xsl:value-of select="$v"/>'), /variable \$v is not known/)
  assert.match(said('<xsl:value-of select="q:a"/>'), /prefix q is not declared/)
  assert.match(said('a<xsl:param name="p"/>'), /stands at the beginning/)
  assert.match(said('<xsl:for-each select="1"/>'), /must select nodes/)
  assert.match(said('<xsl:apply-templates><b/></xsl:apply-templates>'), /takes only xsl:sort/)
  assert.match(faultOfSheet(sheet('<xsl:template match="a/.."/>')).message, /not a pattern/)
  assert.match(faultOfSheet(sheet('<xsl:template/>')).message, /needs match or name/)
  assert.match(faultOfSheet(sheet('<xsl:template name="a"/><xsl:template name="a"/>')).message, /a second/)
  assert.match(faultOfSheet('<a>').message, /^main.xsl:1:1: the stylesheet is not well-formed XML/)
  assert.match(faultOfSheet('<stylesheet version="1.0"/>').message, /its namespace must be/)
  assert.match(faultOfSheet(`<xsl:stylesheet ${XSL}/>`).message, /needs the attribute version/)
})

test('version 2.0 runs what is XSLT 1.0, and says what is not', () => {
  const two = (body: string): string => sheet(body, 'version="2.0"')
  assert.equal(transformed(two(T('<a><xsl:value-of select="count(//*)"/></a>')), '<r/>'), '<a>1</a>')
  const refused = (body: string): void => {
    const { code, message } = faultOfSheet(two(body))
    assert.equal(code, 'NOT_SUPPORTED', message)
    assert.match(message, /^main.xsl:\d+:\d+: .*XSLT 2.0 or later.*saxon-js/)
  }
  refused(T('<xsl:for-each-group select="//a" group-by="@b"/>'))
  refused(T('<xsl:value-of select="//a" separator=","/>'))
  refused(T('<xsl:value-of select="upper-case(r)"/>'))
  refused(T('<xsl:value-of select="for $i in 1 to 3 return $i"/>'))
  refused(T('<xsl:value-of select="if (1) then 2 else 3"/>'))
  refused(T('<xsl:sequence select="1"/>'))
  refused('<xsl:function name="p:f"/>')
  refused('<xsl:template match="a" mode="#all"/>')
  refused('<xsl:character-map name="m"/>')
})

test('of a later version what is guarded or has a fallback runs (§2.5)', () => {
  const guarded = `<xsl:choose><xsl:when test="system-property('xsl:version') &gt;= 2"><xsl:sequence select="1 to 3"/></xsl:when><xsl:otherwise>one</xsl:otherwise></xsl:choose>`
  assert.equal(transformed(sheet(T(guarded), 'version="2.0"'), '<r/>'), 'one')
  const fallback = '<xsl:sequence select="1"><xsl:fallback>other</xsl:fallback></xsl:sequence>'
  assert.equal(transformed(sheet(T(fallback), 'version="3.0"'), '<r/>'), 'other')
  assert.match(faultOfSheet(sheet(T(fallback))).message, /belongs to XSLT 2.0/)
})

test('extensions: a fallback runs, what is not there is named', () => {
  const s = (body: string): string =>
    sheet(T(body), 'version="1.0" xmlns:java="http://xml.apache.org/xalan/java" extension-element-prefixes="java"')
  assert.equal(transformed(s('<java:x><xsl:fallback>f</xsl:fallback></java:x>'), '<r/>'), 'f')
  assert.match(faultOfSheet(s('<java:x/>')).message, /extension element <java:x> does not exist/)
  const call = faultOfSheet(s('<xsl:value-of select="java:java.util.Date.new()"/>'))
  assert.deepEqual([call.code, /extension function/.test(call.message)], ['NOT_SUPPORTED', true])
  const asked = `<xsl:if test="function-available('java:f')"><xsl:value-of select="java:f()"/></xsl:if>ok`
  assert.equal(transformed(s(asked), '<r/>'), 'ok')
})
