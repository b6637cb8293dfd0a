/** What is fuzzed: each case is a function of its dice alone, so that a finding can be played again. */
import { setImmediate as turn } from 'node:timers/promises'
import { envelopeView } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { parseJson, printJson } from '../../codecs/json-text.ts'
import { jsonToXml, xmlToJson } from '../../codecs/json-xml.ts'
import { format, payloads } from '../../codecs/payloads.ts'
import { messageViews } from '../../codecs/views.ts'
import { buildArtifact } from '../../deploy/build.ts'
import { toJms } from '../../drivers/jms/mapping.ts'
import { fromJms } from '../../drivers/jms/reading.ts'
import { openJournal } from '../../drivers/journal/journal.ts'
import { readStructure, writeStructure } from '../../drivers/openwire/commands.ts'
import { FrameSplitter } from '../../drivers/openwire/frames.ts'
import { decodeMessage, encodeMessage } from '../../drivers/openwire/message.ts'
import { OpenWireWriter } from '../../drivers/openwire/writer.ts'
import { expressionCompiler } from '../../expr/expression.ts'
import { ManualClock } from '../../kernel/clock.ts'
import { decodeStored, encodeStored } from '../../kernel/stored-message.ts'
import { decodeFile } from '../../schema/decode.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { contextOf, fakeServices, mediate, testDecodeEnv } from '../../testing/rig.ts'
import { ScriptedDisk } from '../../testing/scripted-disk.ts'
import { stored } from '../../testing/store-rig.ts'
import { parseXml } from '../../xml/reader.ts'
import { printXml } from '../../xml/writer.ts'
import { HOSTILE, type Dice } from './dice.ts'
import { anExpression } from './expressions.ts'
import { anArtifact, someMediators } from './grammar.ts'
import { aJson, aMessage, anExtreme, anXml, aSoap } from './messages.ts'
import { expected, tried, type Target } from './target.ts'
import { broker, requests } from './wire-targets.ts'

const simple = (once: (dice: Dice) => void | Promise<void>) => async (): Promise<Target> => ({
  once,
  async [Symbol.asyncDispose]() {},
})

const artifacts = simple(async dice => {
  const xml = anArtifact(dice)
  const text = dice.once(3) ? dice.noise(Buffer.from(xml), 1) : xml
  const { artifacts, diagnostics } = decodeFile(text, 'fuzz.xml', testDecodeEnv())
  for (const { at, message, code } of [...diagnostics, ...artifacts.flatMap(one => one.diagnostics)]) {
    if (!(at.line >= 1) || !(at.column >= 1) || message === '' || code === '')
      throw new Error(`a diagnostic without a place or a text: ${JSON.stringify({ at, message, code })}`)
  }
  for (const { node } of artifacts) {
    if (!node) continue
    await tried(async () => {
      const instance = buildArtifact(node, fakeServices())
      if (Symbol.asyncDispose in instance) await (instance as AsyncDisposable)[Symbol.asyncDispose]()
    })
  }
})

/** Mediators on messages. What waits for a clock that stands still is left waiting. */
const mediation = simple(async dice => {
  const { contentType, bytes } = aMessage(dice)
  const xml = someMediators(dice)
  const { artifacts } = decodeFile(
    `<sequence xmlns="http://ws.apache.org/ns/synapse" name="s">${xml}</sequence>`,
    'f',
    testDecodeEnv(),
  )
  if (!artifacts[0]?.node) return
  const running = tried(() =>
    mediate(xml, {
      body: bytes.toString('latin1'),
      contentType,
      axis2: { a: dice.pick(HOSTILE) },
      properties: { a: dice.pick(HOSTILE) },
    }),
  )
  const flow: { over: boolean; failure?: unknown } = { over: false }
  void running.then(
    () => (flow.over = true),
    (failure: unknown) => Object.assign(flow, { over: true, failure }),
  )
  // Each a real turn of the loop: what the flow has begun is worked off. What waits for something may wait.
  for (let turns = 0; turns < 20 && !flow.over; turns++) await turn()
  if (flow.failure !== undefined) throw flow.failure
})

const messages = simple(async dice => {
  const { contentType, bytes } = aMessage(dice)
  const ctx = contextOf({ body: bytes.toString('latin1'), contentType })
  const { message } = ctx
  await tried(() => message.body.view(envelopeView))
  await tried(() => message.body.view(jsonView))
  await tried(() => payloads.serialise(message))
  await tried(() => void message.body.edit(envelopeView))
  await tried(() => format(message))
  await tried(() => void message.body.edit(jsonView))
  await tried(() => format(message))
})

const xml = simple(dice => {
  const text = dice.once(40) ? anExtreme(dice).text : dice.pick([aSoap, anXml])(dice)
  const bytes = dice.once(2) ? dice.noise(Buffer.from(text)) : Buffer.from(text)
  let printed: string
  try {
    printed = printXml(parseXml(bytes))
  } catch (thrown) {
    expected(thrown)
    return
  }
  const again = printXml(parseXml(printed))
  if (again !== printed) throw new Error(`printed, read and printed again it is another: ${printed.slice(0, 500)}`)
})

const json = simple(dice => {
  const whole = dice.once(40) ? anExtreme(dice).text : aJson(dice)
  const text = dice.once(2) ? dice.garble(whole) : whole
  let native: unknown
  let isJson = true
  try {
    native = JSON.parse(text)
  } catch {
    isJson = false
  }
  let ours: ReturnType<typeof parseJson>
  try {
    ours = parseJson(text)
  } catch (thrown) {
    expected(thrown)
    if (isJson && !/inside one another/.test((thrown as Error).message))
      throw new Error(`refused, and yet it is JSON: ${text.slice(0, 300)}`, { cause: thrown })
    return
  }
  const printed = printJson(ours)
  if (isJson && JSON.stringify(JSON.parse(printed)) !== JSON.stringify(native))
    throw new Error(`it became another: ${text.slice(0, 300)}`)
  let element: ReturnType<typeof jsonToXml>
  try {
    element = jsonToXml(ours)
  } catch (thrown) {
    expected(thrown)
    return
  }
  try {
    printJson(xmlToJson(element))
    printXml(element)
  } catch (thrown) {
    expected(thrown)
  }
})

const compile = expressionCompiler({ views: messageViews, clock: new ManualClock() })
const PREFIXES: Readonly<Record<string, string>> = {
  m: 'urn:m',
  x: 'urn:x',
  soapenv: 'http://schemas.xmlsoap.org/soap/envelope/',
}

const expressions = simple(async dice => {
  const source = anExpression(dice)
  await tried(async () => {
    const compiled = compile(source, prefix => PREFIXES[prefix], { file: 'f', line: 1, column: 1 })
    const { contentType, bytes } = aMessage(dice)
    for (const way of ['string', 'boolean', 'number', 'value'] as const) {
      await tried(() =>
        compiled[way](
          contextOf({ body: bytes.toString('latin1'), contentType, properties: { a: dice.pick(HOSTILE) } }),
        ),
      )
    }
  })
})

const storedMessages = simple(async dice => {
  const whole = Buffer.concat(
    encodeStored(stored(aSoap(dice), { a: dice.pick(HOSTILE), b: [1, { c: null }] })).map(part => Buffer.from(part)),
  )
  await tried(() => decodeStored(dice.noise(whole, 1)))
})

const journal = simple(async dice => {
  const disk = new ScriptedDisk()
  const open = () =>
    openJournal({
      folder: '/j',
      clock: new ManualClock(),
      log: memoryLog({ debug: false }),
      disk: disk.process(),
      segmentBytes: 8192,
    })
  {
    await using whole = await open()
    const queue = whole.queue('q')
    for (let i = 0; i < 20; i++) await queue.put(`m${i}`, Buffer.alloc(dice.below(1200), i))
    for (let i = 0; i < dice.below(12); i++) await queue.lease()?.ack()
    const lease = queue.lease()
    await lease?.keep(Buffer.from('note'))
    await whole.table('t').set('k', { v: [1, 'x'] })
    await whole.ledger('l').done('id', 1)
  }
  for (let times = 1 + dice.few(3); times > 0; times--) {
    const files = disk.names.filter(name => /\.(?:log|footer|spare)$/.test(name))
    if (files.length > 0) disk.damage(dice.pick(files), bytes => dice.noise(bytes, 1))
  }
  for (let opening = 0; opening < 2; opening++) {
    await tried(async () => {
      await using after = await open()
      for (const name of after.queueNames()) {
        for (const entry of await after.queue(name).page(undefined, 1_000)) await tried(() => entry.read())
      }
      await after.queue('q').put('new', Buffer.from('new'))
      const lease = after.queue('q').lease()
      await tried(() => lease?.read())
      await lease?.ack()
      after.stats()
    })
    disk.kill()
  }
})

/** Frames of a broker that speaks OpenWire, down to the message they carry. */
const openwire = simple(async dice => {
  const writer = new OpenWireWriter()
  const message = stored(aSoap(dice), { a: dice.pick(HOSTILE), JMS_MSG_P_count: 7 })
  const sending = {
    destination: { name: 'Queue', physicalName: 'q' },
    producerId: { name: 'ProducerId', connectionId: 'ID:us', value: 3, sessionId: 1 },
    sequence: 5,
    compress: dice.once(3),
    now: 1000,
  } as const
  writeStructure(writer, encodeMessage(toJms(message), sending))
  const body = Buffer.from(writer.finish())
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  const bytes = dice.noise(Buffer.concat([length, body, length, body]), 1)
  const splitter = new FrameSplitter(1 << 20, frame => {
    const structure = readStructure(frame)
    if (structure === undefined || !structure.name.endsWith('Message')) return
    const read = fromJms(decodeMessage(structure as Parameters<typeof decodeMessage>[0], 0), 1000)
    encodeStored(read.message)
  })
  await tried(() => {
    for (let at = 0; at < bytes.length;) {
      const piece = 1 + dice.few(bytes.length)
      splitter.push(Buffer.from(bytes.subarray(at, at + piece)))
      at += piece
    }
  })
})

export const targets: Readonly<Record<string, () => Promise<Target>>> = {
  artifacts,
  mediation,
  requests,
  messages,
  xml,
  json,
  expressions,
  stored: storedMessages,
  broker,
  openwire,
  journal,
}
