/**
 * `node --import tsx server/test/bench/xslt.ts`: what a transformation costs beside reading and printing the same message,
 * for the stylesheet the server benchmark uses. Ratios of medians: absolute figures belong to the machine.
 */
import { envelopeView } from '../../codecs/envelope.ts'
import { asDocument } from '../../expr/xslt/as-document.ts'
import { compileStylesheet } from '../../expr/xslt/stylesheet.ts'
import { Body } from '../../kernel/message.ts'
import { printXml } from '../../xml/writer.ts'
import { median } from './report.ts'

const ROUNDS = 9
const WARM_UP = 3000

const stylesheet =
  compileStylesheet(`<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:m="http://services.samples" exclude-result-prefixes="m">
  <xsl:output method="xml" omit-xml-declaration="yes" indent="no"/>
  <xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>
  <xsl:template match="m:symbol"><m:Code><xsl:value-of select="."/></m:Code><m:items><xsl:value-of select="count(../m:item)"/></m:items></xsl:template>
</xsl:stylesheet>`)

/** A request of about `bytes` bytes: items before the symbol, as many as fit. */
function request(bytes: number): Buffer {
  const open =
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><m:getQuote xmlns:m="http://services.samples"><m:request>'
  const close = '<m:symbol>IBM</m:symbol></m:request></m:getQuote></soapenv:Body></soapenv:Envelope>'
  const item = (number: number): string =>
    `<m:item id="${String(number).padStart(5, '0')}"><m:v>0000000000</m:v></m:item>`
  const count = Math.max(0, Math.floor((bytes - open.length - close.length) / item(0).length))
  return Buffer.from(open + Array.from({ length: count }, (_, number) => item(number)).join('') + close)
}

/** Processor microseconds of one call, of many in a row. */
function cost(work: () => void, times: number): number {
  const before = process.cpuUsage()
  for (let count = 0; count < times; count++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

for (const size of [500, 10_000, 100_000]) {
  const bytes = request(size)
  const times = Math.ceil(4_000_000 / size / 4)
  const read = () => Body.ofBytes(bytes, 'text/xml').view(envelopeView)
  const known = read()
  const works = {
    'read and print': () => void printXml(read().root),
    transform: () => void asDocument(known.firstChild!, document => stylesheet.transform(document)),
  }
  const costs = { 'read and print': [] as number[], transform: [] as number[] }
  for (const work of Object.values(works)) cost(work, Math.min(WARM_UP, times * 3))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, work] of Object.entries(works)) costs[name as keyof typeof works].push(cost(work, times))
  }
  const base = median(costs['read and print'])
  console.log(`${bytes.length} bytes: transform ${(median(costs.transform) / base).toFixed(2)} × reading and printing`)
}
