import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../kernel/clock.ts'
import { textOf } from '../kernel/errors.ts'
import type { Command, Io, ParsedArgs } from './command.ts'
import { UsageError } from './command.ts'
import { describeFault, readPrices } from './stockquote-answer.ts'
import type { HttpAnswer, Target } from './stockquote-exchange.ts'
import { exchange, Unreachable } from './stockquote-exchange.ts'
import type { ClientRequest, Mode, Wish } from './stockquote-request.ts'
import { makeRequest, MODES } from './stockquote-request.ts'

const stockquote: Command = {
  name: 'stockquote',
  summary: 'The sample client: asks for quotes and places orders, as "ant stockquote" does.',
  usage: '--addurl URL | --trpurl URL [--prxurl URL] [--mode quote] [options]',
  options: [
    { name: 'addurl', value: 'URL', doc: 'Address of the service; sent as WS-Addressing To.' },
    { name: 'trpurl', value: 'URL', doc: 'Where the request goes, if not to --addurl. Alone: no addressing headers.' },
    { name: 'prxurl', value: 'URL', doc: 'Goes through this HTTP proxy (with --addurl).' },
    { name: 'mode', value: 'MODE', choices: MODES, default: 'quote', doc: 'What to ask.' },
    { name: 'symbol', value: 'TEXT', default: 'IBM', doc: 'Whose stock.' },
    { name: 'rest', doc: 'Sends the bare payload element instead of a SOAP envelope.' },
    { name: 'soapver', value: 'VERSION', choices: ['soap11', 'soap12'], default: 'soap11', doc: 'SOAP version.' },
    { name: 'itr', value: 'N', default: '1', doc: 'How many request elements one quote request carries.' },
    { name: 'iterations', short: 'i', value: 'N', default: '1', doc: 'How many requests are sent, one after another.' },
    { name: 'timeout', value: 'MS', default: '30000', doc: 'Longest wait for an answer.' },
    { name: 'insecure', doc: 'Accepts any certificate.' },
  ],
  examples: [
    'holdfast stockquote --addurl http://localhost:8280/services/Proxy1 --mode placeorder',
    'holdfast stockquote --trpurl http://localhost:9000/services/SimpleStockQuoteService --symbol MSFT',
    'holdfast stockquote -Daddurl=http://localhost:8280/services/Proxy1 -Dmode=placeorder -Di=10',
  ],
  rewrite: fromAnt,

  async run(args, io) {
    const target = targetOf(args)
    if (target instanceof UsageError) {
      io.err(`holdfast stockquote: ${target.message}\nSee: holdfast stockquote --help\n`)
      return 2
    }
    const agent = newAgent(target.via ?? target.url)
    try {
      const iterations = args.number('iterations')!
      for (let done = 0; done < iterations; done++) {
        if (!(await once(args, target, agent, io))) {
          if (done > 0) io.err(`${done} of ${iterations} requests had gone well before.\n`)
          return 1
        }
      }
      return 0
    } finally {
      agent.destroy()
    }
  },
}

export default stockquote

/** The Ant task's spellings: `-Dmode=quote`, and `mode=quote` without any dash. Empty values count as not given. */
function fromAnt(argv: readonly string[]): string[] {
  const switches = new Set(stockquote.options.filter(option => !option.value).map(option => option.name))
  const known = new Set(stockquote.options.map(option => option.name))
  return argv.flatMap(written => {
    const [, dashes, short, value] = /^(-D|--)?([\w.]+)=(.*)$/s.exec(written) ?? []
    if (short === undefined) return [written === '--i' ? '--iterations' : written]
    const name = short === 'i' ? 'iterations' : short
    if (dashes === undefined && !known.has(name)) return [written]
    if (value === '') return []
    if (!switches.has(name)) return [`--${name}=${value}`]
    return value === 'true' ? [`--${name}`] : value === 'false' ? [] : [`--${name}=${value}`]
  })
}

function targetOf(args: ParsedArgs): Target | UsageError {
  const urls = new Map<string, URL>()
  for (const name of ['addurl', 'trpurl', 'prxurl']) {
    const text = args.text(name)
    if (text === undefined) continue
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      return new UsageError(`--${name} must be an http or https URL, not "${text}".`)
    }
    urls.set(name, url)
  }
  const via = urls.get('prxurl')
  const url = via ? urls.get('addurl') : (urls.get('trpurl') ?? urls.get('addurl'))
  if (!url) {
    return new UsageError(
      via
        ? '--prxurl needs --addurl: the address the proxy is to reach.'
        : 'Say where to: --addurl URL or --trpurl URL, such as --addurl http://localhost:8280/services/Proxy1.',
    )
  }
  if (args.text('mode') === 'dualquote' && !urls.has('addurl')) {
    return new UsageError('--mode dualquote needs --addurl: the reply comes by WS-Addressing.')
  }
  return { url, via, insecure: args.has('insecure'), timeoutMs: args.number('timeout')! }
}

function newAgent(url: URL): http.Agent {
  return url.protocol === 'https:' ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true })
}

/** One request and its line of output; false if it failed, which has been told then. */
async function once(args: ParsedArgs, target: Target, agent: http.Agent, io: Io): Promise<boolean> {
  const mode = args.text('mode') as Mode
  await using listener = mode === 'dualquote' ? await awaitReply(target.timeoutMs, io.signal) : null
  const wish: Wish = {
    mode,
    symbol: args.text('symbol')!,
    soap: args.text('soapver') === 'soap12' ? 'soap12' : 'soap11',
    rest: args.has('rest'),
    requests: args.number('itr')!,
    to: args.text('addurl'),
    replyTo: listener?.url,
  }
  const request = makeRequest(wish)
  try {
    const answer = await exchange(target, request.headers, request.body, agent, io.signal)
    const wrong = describeFault(answer, target.url)
    if (wrong === undefined && listener) return report(mode, request, await listener.reply, io)
    if (wrong === undefined) return report(mode, request, answer, io)
    io.err(`${wrong}\n`)
  } catch (thrown) {
    if (!(thrown instanceof Unreachable)) throw thrown
    io.err(`${thrown.message}\n`)
  }
  return false
}

function report(mode: Mode, { order }: ClientRequest, answer: HttpAnswer, io: Io): boolean {
  if (order) {
    io.out(`Order placed for ${order.quantity} shares of stock ${order.symbol} at a price of $ ${order.price}\n`)
    return true
  }
  const prices = readPrices(mode, answer)
  if (typeof prices === 'string') {
    io.err(`${prices}\n`)
    return false
  }
  const average = (): number => prices.reduce((sum, price) => sum + Number(price), 0) / prices.length
  switch (mode) {
    case 'customquote':
      io.out(`Custom :: Stock price = $${prices[0]}\n`)
      break
    case 'fullquote':
      io.out(`Full :: Average price = $${average()}\n`)
      break
    case 'marketactivity':
      io.out(`Activity :: Average price = $${average()}\n`)
      break
    case 'dualquote':
      io.out(`Standard dual channel :: Stock price = $${prices[0]}\n`)
      break
    default:
      io.out(`Standard :: Stock price = $${prices[0]}\n`)
  }
  return true
}

/** The second channel: a listener of our own that takes one reply. */
async function awaitReply(
  timeoutMs: number,
  signal: AbortSignal,
): Promise<AsyncDisposable & { url: string; reply: Promise<HttpAnswer> }> {
  const server = http.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/axis2/services/anonService`
  let timer = { cancel: (): void => {} }
  const reply = new Promise<HttpAnswer>((resolve, reject) => {
    const giveUp = (why: string): void => reject(new Unreachable(why))
    timer = systemClock.after(timeoutMs, () => giveUp(`No reply came to ${url} within ${timeoutMs} ms (--timeout).`))
    signal.addEventListener('abort', () => giveUp('Interrupted.'), { once: true })
    server.on('request', (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('error', error => giveUp(textOf(error)))
      request.on('end', () => {
        response.writeHead(202, { 'Content-Length': 0 }).end()
        const contentType = request.headers['content-type'] ?? ''
        resolve({ status: 200, contentType, body: Buffer.concat(chunks) })
      })
    })
  })
  // The first request may fail first, and then nobody waits for this one.
  reply.catch(() => {})
  return {
    url,
    reply,
    async [Symbol.asyncDispose]() {
      timer.cancel()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
