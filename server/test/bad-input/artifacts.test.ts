/** Artifacts somebody got wrong: each says where and what, none takes a good one down, and what can heal does. */
import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { AppRig } from '../../testing/app-rig.ts'

/** A service that answers `<NAME/>`. */
const answering = (name: string, answer = name): string =>
  `<proxy name="${name}" transports="http">
  <target>
    <inSequence>
      <payloadFactory media-type="xml"><format><${answer}/></format></payloadFactory>
      <respond/>
    </inSequence>
  </target>
</proxy>
`
const GOOD = { 'good.xml': answering('Good') }

interface Mistake {
  readonly title: string
  readonly files: Readonly<Record<string, string>>
  /** Every line that is said, sorted by place. */
  readonly says: readonly string[]
  /** What the health check lists. */
  readonly faulty: readonly string[]
}

const mistakes: readonly Mistake[] = [
  {
    title: 'malformed XML is told where the mistake is noticed, with the line of its cause',
    files: { 'a.xml': '<sequence name="a">\n  <log level="full">\n  <drop/>\n</sequence>\n' },
    says: ['a.xml:4:1: </sequence> does not close <log> of line 2. Write </log> here, or close <log> before.'],
    faulty: ['a.xml'],
  },
  {
    title: 'text that is no XML at all is refused as such',
    files: { 'a.xml': '{"sequence": "a"}' },
    says: [
      'a.xml:1:1: text outside the root element. ' +
        'XML begins with < and ends with the end tag of its first element; remove what stands outside.',
    ],
    faulty: ['a.xml'],
  },
  {
    title: 'an unknown element makes its artifact faulty, with the name that was probably meant',
    files: { 'a.xml': '<sequence name="a">\n  <logg level="full"/>\n</sequence>' },
    says: ['a.xml:2:3: Unknown mediator referenced by configuration element : logg. Did you mean <log>?'],
    faulty: ['a'],
  },
  {
    title: 'an unknown attribute is ignored and said',
    files: { 'a.xml': '<sequence name="a">\n  <log levle="full"/>\n</sequence>' },
    says: ['a.xml:2:8: <log> has no attribute "levle". It is ignored. Did you mean "level"?'],
    faulty: [],
  },
  {
    title: 'a value that cannot be is refused with those that can',
    files: { 'a.xml': '<sequence name="a">\n  <log level="ful"/>\n</sequence>' },
    says: ['a.xml:2:15: attribute "level": "ful": expected one of simple, headers, full, custom. Did you mean "full"?'],
    faulty: ['a'],
  },
  {
    title: 'the second artifact of a name is refused and told where the first one is',
    files: { 'a.xml': answering('Twice', 'first'), 'b.xml': `\n${answering('Twice', 'second')}` },
    says: [
      'b.xml:2:1: a proxy named "Twice" is already defined at a.xml:1:1. Rename one of the two. The first one keeps running.',
    ],
    faulty: ['Twice'],
  },
  {
    title: 'stores that fail over in a circle are refused, each of them',
    files: {
      'a.xml': ['a b', 'b a']
        .map(pair => pair.split(' '))
        .map(
          ([name, failover]) =>
            `<messageStore name="${name}"><parameter name="store.producer.guaranteed.delivery.enable">true</parameter>` +
            `<parameter name="store.failover.message.store.name">${failover}</parameter></messageStore>`,
        )
        .join('\n')
        .replace(/^[^]*$/, stores => `<definitions>\n${stores}\n</definitions>`),
    },
    says: ['2', '3'].map(
      (line, index) =>
        `a.xml:${line}:1: the failover chain of store "${'ab'[index]}" leads back to itself. ` +
        'Let the chain end in a store without a failover store.',
    ),
    faulty: ['a', 'b'],
  },
  {
    title: 'a document type declaration is refused before any entity of it is looked at',
    files: {
      'a.xml':
        '<?xml version="1.0"?>\n<!DOCTYPE bomb [\n' +
        Array.from({ length: 9 }, (_, n) => `<!ENTITY e${n + 1} "${`&e${n};`.repeat(10)}">\n`).join('') +
        ']>\n<sequence name="a"><log><property name="x" value="&e9;"/></log></sequence>',
    },
    says: [
      'a.xml:2:1: a document type declaration is not accepted. Remove <!DOCTYPE …>, and write characters instead of its entities.',
    ],
    faulty: ['a.xml'],
  },
  {
    title: 'an entity nobody declared is refused',
    files: { 'a.xml': '<sequence name="a"><log><property name="x" value="&e9;"/></log></sequence>' },
    says: ['a.xml:1:51: the entity &e9; is not known. Write &amp; for & itself, &lt; for <.'],
    faulty: ['a.xml'],
  },
]

for (const { title, files, says, faulty } of mistakes) {
  test(title, async () => {
    await using rig = await AppRig.start({ ...GOOD, ...files })
    assert.deepEqual(rig.diagnostics, says)
    for (const line of says) assert.ok(rig.log.texts().includes(line), `the log says ${line}`)
    const { status, body } = await rig.health()
    assert.equal(status, 200)
    const listed = body['faultyArtifacts'] as { name: string; file: string }[]
    assert.deepEqual(
      listed.map(({ name, file }) => name || file),
      faulty,
    )
    assert.match((await rig.post('/services/Good', '<a/>')).text, /<Good\/>/)
  })
}

test('of two artifacts of one name the first answers', async () => {
  await using rig = await AppRig.start({ 'a.xml': answering('Twice', 'first'), 'b.xml': answering('Twice', 'second') })
  assert.match((await rig.post('/services/Twice', '<a/>')).text, /<first\/>/)
})

test('sequences that call one another without end fault the message, not the server', async () => {
  await using rig = await AppRig.start({
    ...GOOD,
    'a.xml': '<sequence name="a"><sequence key="b"/></sequence>',
    'b.xml': '<sequence name="b"><sequence key="a"/></sequence>',
    'round.xml': '<proxy name="Round" transports="http"><target inSequence="a"/></proxy>',
  })
  assert.deepEqual(
    rig.diagnostics,
    ['a', 'b'].map(
      name =>
        `${name}.xml:1:1: sequence "${name}" can reach itself. A message that goes round more than 128 times is faulted. ` +
        'Make sure a condition ends it.',
    ),
  )
  const { status, text } = await rig.post('/services/Round', '<a/>')
  assert.equal(status, 500)
  assert.match(text, /sequences call one another 128 levels deep; look for a sequence that reaches itself/)
  assert.match((await rig.post('/services/Good', '<a/>')).text, /<Good\/>/)
})

test('a dangling reference is a warning and a fault that names it, until the missing file arrives', async () => {
  const calling = answering('Calling').replace('<respond/>', '<sequence key="Later"/>')
  await using rig = await AppRig.start({ 'calling.xml': calling })
  assert.deepEqual(rig.diagnostics, [
    'calling.xml:5:22: the sequence "Later" does not exist. Messages that need it will fault until it is deployed.',
  ])
  const before = await rig.post('/services/Calling', '<a/>')
  assert.equal(before.status, 500)
  assert.match(before.text, /Sequence named Later cannot be found/)

  await rig.write('later.xml', '<sequence name="Later"><respond/></sequence>')
  await rig.says()
  const after = await rig.post('/services/Calling', '<a/>')
  assert.equal(after.status, 200)
  assert.match(after.text, /<Calling\/>/)
})

test('a file written in two halves is deployed when it is whole; what it replaces serves meanwhile', async () => {
  await using rig = await AppRig.start({ 'a.xml': answering('A', 'old') })
  const whole = answering('A', 'new')
  await rig.write('a.xml', whole.slice(0, whole.length / 2))
  await rig.says('a.xml:4:34: the value of media-type has no closing quote')
  assert.match((await rig.post('/services/A', '<a/>')).text, /<old\/>/)
  await rig.write('a.xml', whole)
  await rig.says()
  assert.match((await rig.post('/services/A', '<a/>')).text, /<new\/>/)
})

test('a removed file takes its service away and nothing else', async () => {
  await using rig = await AppRig.start({ ...GOOD, 'a.xml': answering('A') })
  assert.equal((await rig.post('/services/A', '<a/>')).status, 200)
  await rig.remove('a.xml')
  await rig.log.waitFor("ProxyService named 'A' has been undeployed")
  const gone = await rig.post('/services/A', '<a/>')
  assert.equal(gone.status, 404)
  assert.match(gone.text, /no service named A is deployed here/)
  assert.match((await rig.post('/services/Good', '<a/>')).text, /<Good\/>/)
})

test('an artifact folder that goes away is told, leaves its services running, and may come back', async () => {
  await using rig = await AppRig.start(GOOD)
  const aside = join(rig.folder, '..', 'aside')
  await rename(rig.folder, aside)
  await rig.says(`${rig.folder}:1:1: there is no such file or folder. Create it, or name another one.`)
  assert.match((await rig.post('/services/Good', '<a/>')).text, /<Good\/>/)
  await rename(aside, rig.folder)
  await rig.write('more.xml', answering('More'))
  await rig.says()
  assert.match((await rig.post('/services/More', '<a/>')).text, /<More\/>/)
})
