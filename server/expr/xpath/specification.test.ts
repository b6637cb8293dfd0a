/** The examples of XML Path Language 1.0 (W3C, 16 November 1999), each with the number of its section. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from '../../xml/reader.ts'
import type { XmlElement } from '../../xml/tree.ts'
import type { XPathNode } from './values.ts'
import { stringOf } from './values.ts'
import { Work } from './work.ts'
import { compileXPath } from './xpath.ts'

const document = parseXml(
  '<doc i="doc">' +
    '<chapter i="c1"><title i="t1">Introduction</title><para i="p1">one</para><section i="s1"><para i="p2">two</para></section></chapter>' +
    '<chapter i="here"><title i="t2">Here</title>text<para i="p3" type="warning">three</para><para i="p4" type="note">four</para><para i="p5" type="warning">five' +
    '<para i="p6">six</para></para><olist i="o1"><item i="i1"/></olist><para i="p7" type="warning">seven</para></chapter>' +
    '<chapter i="c3"><para i="p8">eight</para></chapter>' +
    '<chapter i="c4"><title i="t4">Four</title></chapter>' +
    '<chapter i="c5"><section i="s2"><para i="p9">nine</para></section><section i="s3"/></chapter>' +
    '<appendix i="a1"><figure i="f1"/></appendix>' +
    '<employee i="e1" secretary="Smith" assistant="Jones"/><employee i="e2" secretary="Brown"/>' +
    '</doc>',
)
const root = document.root
const here = root.childElements[1]!
const library = { namespace: () => undefined }

function found(source: string, from: XPathNode): string {
  return compileXPath(source, library)
    .select(from, {})
    .map(node => {
      if (node.kind === 'element') return node.attribute('i')
      return node.kind === 'document' ? '/' : `${node.kind}:${stringOf(node, new Work(1000))}`
    })
    .join(' ')
}

/** Expression, where it starts, what it selects. */
const paths: readonly (readonly [section: string, source: string, from: XPathNode, expected: string])[] = [
  ['2', 'child::para', here, 'p3 p4 p5 p7'],
  ['2', 'child::*', here, 't2 p3 p4 p5 o1 p7'],
  ['2', 'child::text()', here, 'text:text'],
  ['2', 'child::node()', here, 't2 text:text p3 p4 p5 o1 p7'],
  ['2', 'attribute::i', here, 'attribute:here'],
  ['2', 'attribute::*', here, 'attribute:here'],
  ['2', 'descendant::para', here, 'p3 p4 p5 p6 p7'],
  ['2', 'ancestor::doc', here, 'doc'],
  ['2', 'ancestor-or-self::chapter', here, 'here'],
  ['2', 'descendant-or-self::para', here, 'p3 p4 p5 p6 p7'],
  ['2', 'self::para', here, ''],
  ['2', 'child::chapter/descendant::para', root, 'p1 p2 p3 p4 p5 p6 p7 p8 p9'],
  ['2', 'child::*/child::para', root, 'p1 p3 p4 p5 p7 p8'],
  ['2', '/', here, '/'],
  ['2', '/descendant::para', here, 'p1 p2 p3 p4 p5 p6 p7 p8 p9'],
  ['2', '/descendant::olist/child::item', here, 'i1'],
  ['2', 'child::para[position()=1]', here, 'p3'],
  ['2', 'child::para[position()=last()]', here, 'p7'],
  ['2', 'child::para[position()=last()-1]', here, 'p5'],
  ['2', 'child::para[position()>1]', here, 'p4 p5 p7'],
  ['2', 'following-sibling::chapter[position()=1]', here, 'c3'],
  ['2', 'preceding-sibling::chapter[position()=1]', here, 'c1'],
  ['2', '/descendant::figure[position()=1]', here, 'f1'],
  ['2', '/child::doc/child::chapter[position()=5]/child::section[position()=2]', here, 's3'],
  ['2', 'child::para[attribute::type="warning"]', here, 'p3 p5 p7'],
  ['2', "child::para[attribute::type='warning'][position()=3]", here, 'p7'],
  ['2', 'child::para[position()=2][attribute::type="warning"]', here, ''],
  ['2', "child::chapter[child::title='Introduction']", root, 'c1'],
  ['2', 'child::chapter[child::title]', root, 'c1 here c4'],
  ['2', 'child::*[self::chapter or self::appendix]', root, 'c1 here c3 c4 c5 a1'],
  ['2', 'child::*[self::chapter or self::appendix][position()=last()]', root, 'a1'],
  ['2.5', 'para', here, 'p3 p4 p5 p7'],
  ['2.5', '*', here, 't2 p3 p4 p5 o1 p7'],
  ['2.5', 'text()', here, 'text:text'],
  ['2.5', '@i', here, 'attribute:here'],
  ['2.5', '@*', here, 'attribute:here'],
  ['2.5', 'para[1]', here, 'p3'],
  ['2.5', 'para[last()]', here, 'p7'],
  ['2.5', '*/para', root, 'p1 p3 p4 p5 p7 p8'],
  ['2.5', '/doc/chapter[5]/section[2]', here, 's3'],
  ['2.5', 'chapter//para', root, 'p1 p2 p3 p4 p5 p6 p7 p8 p9'],
  ['2.5', '//para', here, 'p1 p2 p3 p4 p5 p6 p7 p8 p9'],
  ['2.5', '//olist/item', here, 'i1'],
  ['2.5', '.', here, 'here'],
  ['2.5', './/para', here, 'p3 p4 p5 p6 p7'],
  ['2.5', '..', here, 'doc'],
  ['2.5', '../@i', here, 'attribute:doc'],
  ['2.5', 'para[@type="warning"]', here, 'p3 p5 p7'],
  ['2.5', 'para[@type="warning"][3]', here, 'p7'],
  ['2.5', 'para[2][@type="warning"]', here, ''],
  ['2.5', 'chapter[title="Introduction"]', root, 'c1'],
  ['2.5', 'chapter[title]', root, 'c1 here c4'],
  ['2.5', 'employee[@secretary and @assistant]', root, 'e1'],
  ['2.5', '/descendant::para[1]', here, 'p1'],
  ['2.5', '//para[1]', here, 'p1 p2 p3 p6 p8 p9'],
  ['3.3', '//chapter[2]//para | //figure', here, 'p3 p4 p5 p6 p7 f1'],
  ['2.4', 'preceding::para[1]', here, 'p2'],
  ['2.4', '(preceding::para)[1]', here, 'p1'],
]

for (const [section, source, from, expected] of paths) {
  test(`${section}: ${source} from ${(from as XmlElement).local} selects ${expected === '' ? 'nothing' : expected}`, () => {
    assert.equal(found(source, from), expected)
  })
}

for (const [section, source, expected] of [
  ['3.5', '5 mod 2', 1],
  ['3.5', '5 mod -2', 1],
  ['3.5', '-5 mod 2', -1],
  ['3.5', '-5 mod -2', -1],
  ['3.4', '3 > 2 > 1', false],
  ['4.2', 'starts-with("abc", "ab")', true],
  ['4.2', 'substring-before("1999/04/01", "/")', '1999'],
  ['4.2', 'substring-after("1999/04/01", "/")', '04/01'],
  ['4.2', 'substring-after("1999/04/01", "19")', '99/04/01'],
  ['4.2', 'substring("12345", 2, 3)', '234'],
  ['4.2', 'substring("12345", 2)', '2345'],
  ['4.2', 'substring("12345", 1.5, 2.6)', '234'],
  ['4.2', 'substring("12345", 0, 3)', '12'],
  ['4.2', 'substring("12345", 0 div 0, 3)', ''],
  ['4.2', 'substring("12345", 1, 0 div 0)', ''],
  ['4.2', 'substring("12345", -42, 1 div 0)', '12345'],
  ['4.2', 'substring("12345", -1 div 0, 1 div 0)', ''],
  ['4.2', 'translate("bar", "abc", "ABC")', 'BAr'],
  ['4.2', 'translate("--aaa--", "abc-", "ABC")', 'AAA'],
  ['4.2', 'string(0 div 0)', 'NaN'],
  ['4.2', 'string(-0)', '0'],
  ['4.2', 'string(1 div 0)', 'Infinity'],
  ['4.2', 'string(-1 div 0)', '-Infinity'],
  ['4.3', 'boolean(0 div 0)', false],
  ['4.3', 'boolean("false")', true],
  ['4.4', 'number(" 12 ")', 12],
  ['4.4', 'number("+1")', Number.NaN],
  ['4.4', 'number(true())', 1],
  ['4.4', 'round(-0.2)', -0],
  ['4.4', 'round(2.5)', 3],
  ['4.4', 'round(-2.5)', -2],
] as const) {
  test(`${section}: ${source} is ${Object.is(expected, -0) ? '-0' : JSON.stringify(expected)}`, () => {
    assert.ok(Object.is(compileXPath(source, library).evaluate(root, {}), expected))
  })
}
