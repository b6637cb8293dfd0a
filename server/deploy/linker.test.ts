import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Diagnostic } from '../kernel/contracts.ts'
import { decode, SYNAPSE } from '../testing/rig.ts'
import { link, type Linked } from './linker.ts'

/** Links files given by name and text, on top of what runs already. */
function linked(files: Record<string, string>, deployed: Record<string, string> = {}): Linked {
  const decoded = Object.entries(files).map(([file, text]) => decode(text, {}, file))
  return link(decoded, { deployed: new Map(Object.entries(deployed)) })
}

const lines = (diagnostics: readonly Diagnostic[]): string[] =>
  diagnostics.map(({ at, severity, code }) => `${at.file}:${at.line}:${at.column} ${severity} ${code}`)
const keys = ({ artifacts }: Linked): string[] => artifacts.map(({ key }) => key)

const sequence = (name: string, inside = '<drop/>'): string => `<sequence name="${name}">${inside}</sequence>`
const store = (name: string, failover?: string): string =>
  `<messageStore name="${name}">${
    failover === undefined
      ? ''
      : `<parameter name="store.producer.guaranteed.delivery.enable">true</parameter><parameter name="store.failover.message.store.name">${failover}</parameter>`
  }</messageStore>`

test('of two artifacts with one name the first stays and the second says where the first is', () => {
  const result = linked({ 'a.xml': sequence('s'), 'b.xml': `\n${sequence('s')}` })
  assert.deepEqual(keys(result), ['sequence:s'])
  assert.deepEqual(lines(result.diagnostics), ['b.xml:2:1 error duplicate-name'])
  assert.equal(result.diagnostics[0]!.message, 'a sequence named "s" is already defined at a.xml:1:1')
})

test('the one that runs keeps its name against a newcomer, whatever their files are called', () => {
  const result = linked({ 'a.xml': sequence('s'), 'b.xml': sequence('s') }, { 'sequence:s': 'b.xml' })
  assert.deepEqual(
    result.artifacts.map(({ decoded }) => decoded.at.file),
    ['b.xml'],
  )
  assert.deepEqual(lines(result.diagnostics), ['a.xml:1:1 error duplicate-name'])
})

test('sequences, endpoints and local entries share one table of names; stores and proxies have their own', () => {
  const result = linked({
    'a.xml': '<endpoint name="x"><address uri="http://h"/></endpoint>',
    'b.xml': sequence('x'),
    'c.xml': '<localEntry key="x">text</localEntry>',
    'd.xml': store('x'),
    'e.xml': '<proxy name="x"><target><inSequence><drop/></inSequence></target></proxy>',
  })
  assert.deepEqual(keys(result), ['endpoint:x', 'message-store:x', 'proxy:x'])
  assert.deepEqual(
    result.diagnostics.map(({ message }) => message),
    ['an endpoint named "x" is already defined at a.xml:1:1', 'an endpoint named "x" is already defined at a.xml:1:1'],
  )
})

test('a dangling reference is a warning where it stands, with the name that was meant, and heals', () => {
  const broken = linked({ 'a.xml': sequence('a', '\n<sequence key="audti"/>'), 'z.xml': sequence('audit') })
  assert.deepEqual(lines(broken.diagnostics), ['a.xml:2:16 warning dangling-reference'])
  assert.match(broken.diagnostics[0]!.hint!, /Did you mean "audit"\?/)
  assert.equal(broken.artifacts.length, 2)
  const healed = linked({ 'a.xml': sequence('a', '\n<sequence key="audti"/>'), 'b.xml': sequence('audti') })
  assert.deepEqual(healed.diagnostics, [])
})

test('every kind of reference is looked up, keys of the registry are not', () => {
  const result = linked({
    'a.xml': sequence(
      'a',
      '<send receive="r"><endpoint key="e"/></send><store messageStore="m" sequence="s"/><sequence key="conf:/seq.xml"/><sequence key="gov:x"/>',
    ),
    'p.xml':
      '<messageProcessor name="p" class="org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor" messageStore="q" targetEndpoint="t"/>',
    'q.xml': '<proxy name="q"><target inSequence="i" outSequence="o" faultSequence="f" endpoint="n"/></proxy>',
  })
  const dangling = result.diagnostics.filter(({ code }) => code === 'dangling-reference')
  const named = dangling.map(({ message }) => /the (\S+) "(\w+)"/.exec(message)!.slice(1).join(' '))
  assert.deepEqual(named.sort(), [
    'endpoint e',
    'endpoint n',
    'endpoint t',
    'message-store m',
    'message-store q',
    'sequence f',
    'sequence i',
    'sequence o',
    'sequence r',
    'sequence s',
  ])
})

test('a reference to something faulty says so, unless an earlier version of it runs', () => {
  const files = { 'a.xml': sequence('a', '<sequence key="b"/>'), 'b.xml': sequence('b', '<nope/>') }
  assert.match(linked(files).diagnostics[0]!.message, /the sequence "b" has errors of its own/)
  assert.deepEqual(lines(linked(files, { 'sequence:b': 'b.xml' }).diagnostics), ['b.xml:1:20 error unknown-mediator'])
})

test('a failover chain that leads back to itself is an error for each store of the circle, and for no other', () => {
  const result = linked({
    'a.xml': store('a', 'b'),
    'b.xml': store('b', 'c'),
    'c.xml': store('c', 'a'),
    'd.xml': store('d', 'a'),
    'e.xml': store('e', 'f'),
    'f.xml': store('f'),
  })
  assert.deepEqual(keys(result), ['message-store:d', 'message-store:e', 'message-store:f'])
  assert.deepEqual(
    result.faulty.map(({ name }) => name),
    ['a', 'b', 'c'],
  )
  assert.equal(result.faulty[0]!.diagnostics.at(-1)!.code, 'failover-circle')
  assert.deepEqual(
    linked({ 'a.xml': store('a', 'a') }).faulty.map(({ name }) => name),
    ['a'],
  )
})

test('a store that sets messages aside in the one it stands in for is no circle', () => {
  const aside =
    '<messageStore name="b"><parameter name="store.quarantine.message.store.name">a</parameter></messageStore>'
  assert.deepEqual(linked({ 'a.xml': store('a', 'b'), 'b.xml': aside }).faulty, [])
})

test('sequences that can reach themselves are warned about: a condition may end them', () => {
  const result = linked({
    'a.xml': sequence('a', '<sequence key="b"/>'),
    'b.xml': sequence('b', '<filter xpath="true()"><then sequence="a"/></filter>'),
    'c.xml': sequence('c', '<sequence key="a"/>'),
  })
  assert.equal(result.artifacts.length, 3)
  assert.deepEqual(lines(result.diagnostics), [
    'a.xml:1:1 warning sequence-circle',
    'b.xml:1:1 warning sequence-circle',
  ])
})

test('a long chain of sequences is linked in no time', () => {
  const count = 1000
  const files: Record<string, string> = {}
  for (let index = 0; index < count; index++)
    files[`${index}.xml`] = sequence(`s${index}`, `<sequence key="s${index + 1}"/>`)
  assert.equal(linked(files).artifacts.length, count)
})

test('a file that is no XML is faulty as a whole and its diagnostics come in the order of files', () => {
  const result = linked({ 'b.xml': '<broken', 'a.xml': '<oops/>', 'c.xml': sequence('c') })
  assert.deepEqual(
    result.faulty.map(({ file, hides }) => [file, hides]),
    [
      ['b.xml', 'file'],
      ['a.xml', 'file'],
    ],
  )
  assert.deepEqual(
    lines(result.diagnostics).map(line => line.split(':')[0]),
    ['a.xml', 'b.xml'],
  )
  assert.deepEqual(keys(result), ['sequence:c'])
})

test('two APIs cannot have one context, two versions or hosts of it can', () => {
  const api = (name: string, more = ''): string => `<api name="${name}" context="/shop" ${more}/>`
  const xml = (...apis: string[]): string => `<definitions xmlns="${SYNAPSE}">${apis.join('')}</definitions>`
  const version = (number: number): string => `version="${number}" version-type="url"`
  const fine = link([decode(xml(api('a'), api('b', version(1)), api('b', version(2)), api('c', 'hostname="h"')))])
  assert.deepEqual([fine.artifacts.length, fine.faulty.length], [4, 0])
  const { artifacts, faulty } = link([decode(xml(api('a'), api('b')))])
  assert.deepEqual(
    artifacts.map(({ name }) => name),
    ['a'],
  )
  assert.match(faulty[0]!.diagnostics[0]!.message, /URL context: \/shop is already registered by api "a"/)
})

test('what runs while its file cannot be read is there for those that refer to it', () => {
  const files = { 'a.xml': '<sequence name="s"><log', 'b.xml': sequence('t', '<sequence key="s"/>') }
  assert.deepEqual(lines(linked(files, { 'sequence:s': 'a.xml' }).diagnostics), ['a.xml:1:20 error xml-malformed'])
  const never = lines(linked(files).diagnostics)
  assert.equal(never.length, 2, 'without one that runs the reference leads nowhere')
})
