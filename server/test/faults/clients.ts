/** Faults between clients and the server: nothing is held for those who went silent, nothing is taken half. */
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { orderBody } from '../../testing/order-load.ts'
import { Wire } from '../../testing/wire.ts'
import { journalArtifacts, serviceAt, STORE } from './artifacts.ts'
import type { Fault } from './play.ts'
import { Stand, type StandOptions } from './stand.ts'

const LIMITS = {
  HOLDFAST_HTTP_HEADERS_TIMEOUT: '1 s',
  HOLDFAST_HTTP_REQUEST_TIMEOUT: '3 s',
  HOLDFAST_HTTP_IDLE_TIMEOUT: '20 s',
}
const options: StandOptions = {
  artifacts: backend => journalArtifacts(serviceAt(`http://127.0.0.1:${backend}`)),
  path: STORE,
  env: LIMITS,
}

const head = (length: number): string =>
  `POST ${STORE} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nSOAPAction: "urn:placeOrder"\r\nContent-Length: ${length}\r\n`

const half: Fault = {
  name: 'client: goes silent in the middle of a request',
  play: async say => {
    await using stand = await Stand.open(options)
    const inHead = await Promise.all(Array.from({ length: 20 }, () => Wire.to(stand.http)))
    for (const wire of inHead) wire.send('POST /services/Orders HTTP/1.1\r\nHost:')
    const body = orderBody('half-1', 2_000)
    const inBody = await Promise.all(Array.from({ length: 20 }, () => Wire.to(stand.http)))
    for (const wire of inBody) wire.send(`${head(body.length)}\r\n${body.slice(0, 1_000)}`)
    await stand.accepted(20)
    say('note', '20 orders of others are accepted meanwhile')
    await Promise.all([...inHead, ...inBody].map(wire => wire.closed))
    const answers = new Set([...inHead, ...inBody].map(({ received }) => received.split('\r\n', 1)[0] ?? ''))
    if ([...answers].some(one => !one.includes('408'))) throw stand.failure(`they were told ${[...answers].join('; ')}`)
    say('client', `all 40 connections were closed: ${[...answers].join('; ')}`)
    if (stand.arrived.has('half-1')) throw stand.failure('half an order arrived')
    say('healed', await stand.settle())
    await stand.stop()
  },
}

const cut: Fault = {
  name: 'client: is cut off in the middle of requests and before answers',
  play: async say => {
    await using stand = await Stand.open(options)
    await using proxy = await startFaultProxy({ targetPort: stand.http })
    let unanswered = 0
    for (let times = 0; times < 40; times++) {
      proxy.cutAfter(20 + times * 61, times % 4 === 3 ? 'down' : 'up')
      const answers = await Promise.all(
        Array.from({ length: 3 }, () => stand.order({ padding: 500, port: proxy.port })),
      )
      unanswered += answers.filter(({ status }) => status === undefined).length
    }
    say('client', `120 orders, ${unanswered} without an answer`)
    await stand.accepted(10)
    say('healed', await stand.settle())
    await stand.stop()
  },
}

const swallowed: Fault = {
  name: 'client: never gets its answer, and is half-open',
  play: async say => {
    await using stand = await Stand.open(options)
    await using proxy = await startFaultProxy({ targetPort: stand.http })
    proxy.swallow('down')
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => stand.order({ port: proxy.port, timeoutMs: 1_500 })),
    )
    if (answers.some(({ status }) => status !== undefined)) throw stand.failure('an answer came through')
    say('client', '20 orders without an answer')
    proxy.forward()
    proxy.halfOpen()
    const silent = await Wire.to(proxy.port)
    silent.send(`${head(100)}\r\nhalf`)
    await proxy.waitFor(({ passed }) => passed.up > 100)
    silent.destroy()
    await stand.accepted(10)
    say('healed', await stand.settle())
    // A stop would wait for requests that nobody ends.
    await stand.stop()
  },
}

export const clientFaults: readonly Fault[] = [half, cut, swallowed]
