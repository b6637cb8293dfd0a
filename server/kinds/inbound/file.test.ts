import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readdir, readFile, unlink, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { AppRig } from '../../testing/app-rig.ts'
import { diagnosticsOf, mark, SYNAPSE } from '../../testing/rig.ts'

const parameters = (given: Readonly<Record<string, string>>): string =>
  Object.entries(given)
    .map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
    .join('')

const inbound = (given: Readonly<Record<string, string>>, attributes = 'sequence="take"'): string =>
  `<inboundEndpoint xmlns="${SYNAPSE}" name="in" protocol="file" ${attributes}><parameters>${parameters({ interval: '20', ...given })}</parameters></inboundEndpoint>`

const vfs = (given: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [`transport.vfs.${name}`, value]))

const sequence = (name: string, inside: string): string =>
  `<sequence xmlns="${SYNAPSE}" name="${name}">${inside}</sequence>`

const errors = (given: Readonly<Record<string, string>>): string[] =>
  diagnosticsOf(inbound(given))
    .filter(({ severity }) => severity === 'error')
    .map(({ message }) => message)

/** A server with a folder of files that have rested, in HOME/files/in. */
async function start(artifacts: Readonly<Record<string, string>>): Promise<AppRig> {
  const rig = await AppRig.start({})
  await mkdir(folderOf(rig), { recursive: true })
  for (const [name, xml] of Object.entries(artifacts)) await rig.write(name, xml)
  return rig
}

const folderOf = (rig: AppRig, name = 'in'): string => join(rig.app.home, 'files', name)

/** A file that has rested, seen at once. */
async function drop(rig: AppRig, name: string, text: string): Promise<void> {
  const path = join(folderOf(rig), name)
  await writeFile(`${path}.lock`, '')
  await writeFile(path, text)
  await utimes(path, 1, 1)
  await unlink(`${path}.lock`)
}

async function until(true_: () => Promise<boolean>): Promise<void> {
  while (!(await true_())) await new Promise(resolve => setImmediate(resolve))
}

const names = async (rig: AppRig, folder: string): Promise<string[]> =>
  (await readdir(folderOf(rig, folder)).catch(() => [] as string[])).filter(
    name => !name.startsWith('.') && !name.endsWith('.lock'),
  )

test('a folder has to be named, of this machine, and a MOVE needs a place to go', () => {
  assert.deepEqual(errors({}), ['<parameters> needs parameter "transport.vfs.FileURI"'])
  assert.deepEqual(errors(vfs({ FileURI: 'vfs:sftp://u:geheim@h/in' })), [
    'files can be read from this machine only, not over sftp',
  ])
  assert.deepEqual(errors(vfs({ FileURI: 'file:///in', ActionAfterProcess: 'MOVE', ActionAfterFailure: 'MOVE' })), [
    'to MOVE a file there has to be a folder: parameter "transport.vfs.MoveAfterProcess"',
    'to MOVE a file there has to be a folder: parameter "transport.vfs.MoveAfterFailure"',
  ])
  assert.match(
    errors(vfs({ FileURI: 'file:///in', ActionAfterProcess: 'BURN' }))[0]!,
    /expected one of DELETE, MOVE, NONE/,
  )
  const inside = { FileURI: 'file:///in/*', ActionAfterProcess: 'MOVE', MoveAfterProcess: 'file:///in/done' }
  assert.match(errors(vfs(inside))[0]!, /moved to a subfolder of the folder they are read from, and be read again/)
  assert.deepEqual(errors(vfs({ ...inside, FileURI: 'file:///in' })), [])
  assert.deepEqual(errors(vfs({ ...inside, MoveAfterProcess: 'vfs:file:///inbox/*' })), [])
})

test('a file runs the sequence with its name and content, and is moved where it belongs', async () => {
  const log = `<log level="custom"><property name="mark" expression="concat($trp:FILE_NAME, ' ', //id)"/></log>`
  await using rig = await start({
    'take.xml': sequence('take', log),
    'in.xml': inbound(
      vfs({ FileURI: 'file:files/in', ActionAfterProcess: 'MOVE', MoveAfterProcess: 'file:files/done' }),
    ),
  })
  await drop(rig, 'a.xml', '<order><id>7</id></order>')
  await rig.log.waitFor('mark = a.xml 7')
  await until(async () => (await names(rig, 'done')).includes('a.xml') && (await names(rig, 'in')).length === 0)
})

test('subfolders are read with /*, told as RELATIVE_PATH, and kept where the place to go has it, too; each day has a folder', async () => {
  const log = `<log level="custom"><property name="mark" expression="concat($trp:RELATIVE_PATH, ' ', $trp:FILE_NAME)"/></log>`
  await using rig = await start({ 'take.xml': sequence('take', log) })
  await mkdir(join(folderOf(rig), 'north', 'west'), { recursive: true })
  await rig.write(
    'in.xml',
    inbound(
      vfs({
        FileURI: 'file:files/in/*',
        ActionAfterProcess: 'MOVE',
        MoveAfterProcess: 'file:files/done/*',
        SubFolderTimestampFormat: "'/'yyyy",
      }),
    ),
  )
  await drop(rig, 'north/west/a.xml', '<order/>')
  await rig.log.waitFor('mark = /north/west a.xml')
  const day = join('done', String(new Date().getFullYear()), 'north', 'west')
  await until(async () => (await names(rig, day)).includes('a.xml'))
})

test('with NONE a file stays and is read once, whatever is deployed meanwhile', async () => {
  const log = `<log level="custom"><property name="mark" expression="$trp:FILE_NAME"/></log>`
  await using rig = await start({ 'take.xml': sequence('take', log) })
  const artifact = inbound(vfs({ FileURI: 'file:files/in', ActionAfterProcess: 'none', Locking: 'disable' }))
  await rig.write('in.xml', artifact)
  await drop(rig, 'a.xml', '<order/>')
  await rig.log.waitFor('mark = a.xml')
  await rig.write('in.xml', artifact.replace('20<', '21<'))
  await rig.log.waitFor("Inbound Endpoint named 'in' has been updated")
  await drop(rig, 'b.xml', '<order/>')
  await rig.log.waitFor('mark = b.xml')
  assert.deepEqual(
    rig.log
      .texts('info')
      .filter(text => text.includes('mark ='))
      .map(text => text.replace(/.* - |.*mark/, 'mark')),
    ['mark = a.xml', 'mark = b.xml'],
  )
  assert.deepEqual((await names(rig, 'in')).sort(), ['a.xml', 'b.xml'])
})

test('a flow that fails moves its file to the failures, and the fault sequence of the endpoint has run', async () => {
  await using rig = await start({
    'take.xml': sequence('take', '<throwError type="X" errorMessage="not today"/>'),
    'oops.xml': sequence('oops', mark('handled')),
    'in.xml': inbound(
      vfs({ FileURI: 'file:files/in', ActionAfterFailure: 'MOVE', MoveAfterFailure: 'file:files/failed' }),
      'sequence="take" onError="oops"',
    ),
  })
  await drop(rig, 'a.xml', '<order/>')
  await rig.log.waitFor('mark = handled')
  await rig.log.waitFor('a.xml has failed and was moved to')
  assert.deepEqual(await readdir(folderOf(rig, 'failed')), ['a.xml'])
})

test('SET_ROLLBACK_ONLY is a failure, too', async () => {
  await using rig = await start({
    'take.xml': sequence('take', '<property name="SET_ROLLBACK_ONLY" value="true" scope="axis2"/>'),
    'in.xml': inbound(vfs({ FileURI: 'file:files/in' })),
  })
  await drop(rig, 'a.xml', '<order/>')
  await rig.log.waitFor('stays where it is and is tried again in 30 s')
  assert.deepEqual(await names(rig, 'in'), ['a.xml'])
})

test('what cannot be read as its content type is a failure, not a loss', async () => {
  await using rig = await start({
    'take.xml': sequence('take', '<log level="full"/>'),
    'in.xml': inbound(
      vfs({
        FileURI: 'file:files/in',
        ContentType: 'text/xml',
        ActionAfterErrors: 'MOVE',
        MoveAfterErrors: 'file:files/failed',
      }),
    ),
  })
  await drop(rig, 'a.xml', '<order>')
  await rig.log.waitFor('a.xml has failed and was moved to')
  assert.equal(await readFile(join(folderOf(rig, 'failed'), 'a.xml'), 'utf8'), '<order>')
})

test('a folder that may not be used is told with the setting that would allow it', async () => {
  await using rig = await start({
    'take.xml': sequence('take', ''),
    'in.xml': inbound(vfs({ FileURI: 'file:///etc' })),
  })
  const { text } = await rig.log.waitFor('files.folders')
  assert.match(text, /artifacts may not use \/etc/)
})

test('a proxy reads files by its parameters, and its answer is a file', async () => {
  await using rig = await start({
    'p.xml': `<proxy xmlns="${SYNAPSE}" name="P" transports="vfs"><target><inSequence>
      <payloadFactory media-type="xml"><format><taken xmlns="">$1</taken></format><args><arg expression="//id"/></args></payloadFactory>
      <property name="transport.vfs.ReplyFileName" expression="concat('re-', $trp:FILE_NAME)" scope="transport"/>
      <respond/></inSequence></target>${parameters({
        'transport.PollInterval': '20ms',
        ...vfs({ FileURI: 'file:files/in', ReplyFileURI: 'file:files/out/', FileNamePattern: '.*\\.xml' }),
      })}</proxy>`,
  })
  await drop(rig, 'a.xml', '<order><id>7</id></order>')
  const path = join(folderOf(rig, 'out'), 're-a.xml')
  await until(async () => (await names(rig, 'out')).length > 0)
  assert.equal(await readFile(path, 'utf8'), '<taken>7</taken>')
  const answer = await rig.post('/services/P', '<order/>')
  assert.equal(answer.status, 404)
})

test('an endpoint writes files: whole, named by the message, or appended', async () => {
  await using rig = await start({})
  const send = (uri: string, name = ''): string =>
    `${name === '' ? '' : `<property name="transport.vfs.ReplyFileName" value="${name}" scope="transport"/>`}<property name="OUT_ONLY" value="true"/><send><endpoint><address uri="${uri}" format="pox"/></endpoint></send>`
  const proxy = (name: string, inside: string): string =>
    `<proxy xmlns="${SYNAPSE}" name="${name}"><target><inSequence>${inside}</inSequence></target></proxy>`
  await rig.write('a.xml', proxy('Whole', send('vfs:file:files/in', 'order.xml')))
  await rig.write('b.xml', proxy('Append', send('vfs:file:files/log.txt?transport.vfs.Append=true')))
  await rig.write('c.xml', proxy('Out', send('vfs:file:files/in', '../../data/x')))
  await rig.log.waitFor("ProxyService named 'Out' has been deployed")
  assert.equal((await rig.post('/services/Whole', '<order/>', 'application/xml')).status, 202)
  assert.equal(await readFile(join(folderOf(rig), 'order.xml'), 'utf8'), '<order/>')
  for (let i = 0; i < 2; i++) await rig.post('/services/Append', '<l/>', 'application/xml')
  assert.equal(await readFile(join(rig.app.home, 'files/log.txt'), 'utf8'), '<l/><l/>')
  const refused = await rig.post('/services/Out', '<order/>', 'application/xml')
  assert.equal(refused.status, 500)
})

test('a send to a file answers the caller when the file is there, and a call goes on with the request', async () => {
  await using rig = await start({
    'a.xml': `<proxy xmlns="${SYNAPSE}" name="Send"><target><inSequence><send><endpoint><address uri="vfs:file:files/in/s.xml"/></endpoint></send></inSequence></target></proxy>`,
    'b.xml': `<proxy xmlns="${SYNAPSE}" name="Call"><target><inSequence><call><endpoint><address uri="vfs:file:files/in/c.xml"/></endpoint></call><respond/></inSequence></target></proxy>`,
  })
  await rig.log.waitFor("ProxyService named 'Call' has been deployed")
  assert.equal((await rig.post('/services/Send', '<order/>', 'application/xml')).status, 202)
  const called = await rig.post('/services/Call', '<order/>', 'application/xml')
  assert.deepEqual([called.status, called.text], [200, '<order/>'])
  assert.equal(await readFile(join(folderOf(rig), 'c.xml'), 'utf8'), '<order/>')
})

/** Answers each request when it is told to. */
async function backEnd(
  answer: (request: number) => Promise<void>,
): Promise<AsyncDisposable & { readonly url: string }> {
  let requests = 0
  const server = createServer((_request, response) => {
    response.on('close', () => void (response.writableFinished || (cut = true)))
    void answer(++requests).then(() => response.writeHead(cut ? 500 : 200).end())
  }).listen(0, '127.0.0.1')
  let cut = false
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

const callTo = (url: string): string => `<call><endpoint><address uri="${url}"/></endpoint></call>`

const movedBoth = vfs({
  FileURI: 'file:files/in',
  ActionAfterProcess: 'MOVE',
  MoveAfterProcess: 'file:files/done',
  ActionAfterFailure: 'MOVE',
  MoveAfterFailure: 'file:files/failed',
})

test('a file is done when the branches of its flow are, and their faults are its own', async () => {
  await using peer = await backEnd(() => Promise.resolve())
  const branch = `<target><sequence>${callTo(peer.url)}<throwError type="X" errorMessage="not today"/></sequence></target>`
  await using rig = await start({
    'take.xml': sequence('take', `<clone continueParent="true">${branch}</clone>`),
    'in.xml': inbound(movedBoth),
  })
  await drop(rig, 'a.xml', '<order/>')
  await until(async () => (await names(rig, 'done')).length + (await names(rig, 'failed')).length > 0)
  assert.deepEqual([await names(rig, 'done'), await names(rig, 'failed')], [[], ['a.xml']])
})

test('a stop does not cut off the flow of a file that was taken', async () => {
  let arrived!: () => void
  let go!: () => void
  const asked = new Promise<void>(resolve => (arrived = resolve))
  const told = new Promise<void>(resolve => (go = resolve))
  await using peer = await backEnd(() => (arrived(), told))
  await using rig = await start({ 'take.xml': sequence('take', callTo(peer.url)), 'in.xml': inbound(movedBoth) })
  await drop(rig, 'a.xml', '<order/>')
  await asked
  const endpoint = rig.app.registry.find('inbound-endpoint', 'in')!
  const stopped = endpoint.deactivate({ by: 'test' }, 'enough')
  await until(async () => endpoint.state.observed === 'stopped')
  go()
  await stopped
  assert.deepEqual([await names(rig, 'done'), await names(rig, 'failed')], [['a.xml'], []])
})
