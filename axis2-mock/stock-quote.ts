/** The SimpleStockQuoteService: what nearly every Synapse sample talks to. */
import type { Clock } from '../server/kernel/clock.ts'
import type { Call, Parameters } from './call.ts'
import type { Content, Dialect } from './quotes.ts'
import { makeQuote, responseXml } from './quotes.ts'
import type { Answer, Service } from './reply.ts'
import { fault } from './reply.ts'
import { stockQuoteWsdl } from './wsdl.ts'

const OPERATIONS = ['getQuote', 'getSimpleQuote', 'getFullQuote', 'getMarketActivity', 'placeOrder'] as const
const DAYS = 365
/** The original writes one blank before `::`, but two for an order; people search for both. */
const WHO = 'samples.services.SimpleStockQuoteService'

export interface StockQuoteOptions {
  readonly dialect: Dialect
  readonly random: () => number
  readonly clock: Clock
  readonly print: (line: string) => void
}

export class StockQuote implements Service {
  readonly name = 'SimpleStockQuoteService'
  readonly #dialect: Dialect
  readonly #random: () => number
  readonly #clock: Clock
  readonly #print: (line: string) => void
  #orders = 0

  constructor({ dialect, random, clock, print }: StockQuoteOptions) {
    this.#dialect = dialect
    this.#random = random
    this.#clock = clock
    this.#print = print
  }

  /** Orders accepted since the service exists. */
  get orders(): number {
    return this.#orders
  }

  operationOf(call: Call, rest: string): string | undefined {
    if (call.request.method === 'GET' && [...call.request.query.keys()].some(key => /^wsdl2?$/i.test(key)))
      return 'wsdl'
    return operationNamed(OPERATIONS, call, rest)
  }

  invoke(operation: string, call: Call, addresses: readonly string[]): Answer {
    if (operation === 'wsdl') {
      return { is: 'document', type: 'text/xml; charset=UTF-8', text: stockQuoteWsdl(addresses) }
    }
    const { parameters } = call
    if (!parameters) return fault('receiver', `The ${operation} request has no payload.`)
    switch (operation) {
      case 'getFullQuote':
        return this.#fullQuote(parameters)
      case 'getMarketActivity':
        return this.#marketActivity(parameters)
      case 'placeOrder':
        return this.#placeOrder(parameters)
      default:
        return this.#quote(operation, parameters)
    }
  }

  #quote(operation: string, parameters: Parameters): Answer {
    const symbol = parameters.first('symbol')
    const told = operation === 'getQuote'
    if (told) this.#printPlain('Stock quote service invoked.')
    if (symbol === undefined) return fault('receiver', `The ${operation} request names no symbol.`)
    if (told && symbol === 'ERR') return fault('receiver', 'Invalid stock symbol : ERR')
    if (told) this.#printPlain(`Generating getQuote response for ${symbol}`)
    this.#printDated(`${WHO} :: Generating quote for : ${symbol}`)
    const answer = this.#reply(operation, 'GetQuoteResponse', this.#content(symbol))
    if (told) this.#printPlain('Stock quote generated.')
    return answer
  }

  #fullQuote(parameters: Parameters): Answer {
    const symbol = parameters.first('symbol')
    if (symbol === undefined) return fault('receiver', 'The getFullQuote request names no symbol.')
    this.#printDated(`${WHO} :: Full quote for : ${symbol}`)
    const tradeHistory = Array.from({ length: DAYS }, (_, day) => ({ day, quote: this.#content(symbol) }))
    return this.#reply('getFullQuote', 'GetFullQuoteResponse', { tradeHistory })
  }

  #marketActivity(parameters: Parameters): Answer {
    const symbols = parameters.all('symbols')
    this.#printDated(`${WHO} :: Generating Market activity report for : [${symbols.join(', ')}]`)
    const quotes = symbols.map(symbol => this.#content(symbol))
    return this.#reply('getMarketActivity', 'GetMarketActivityResponse', { quotes })
  }

  #placeOrder(parameters: Parameters): Answer {
    const symbol = parameters.first('symbol')
    const quantity = parameters.first('quantity')
    const price = parameters.first('price')
    if (symbol === undefined && quantity === undefined && price === undefined) {
      return fault('receiver', 'The placeOrder request carries no order.')
    }
    const number = ++this.#orders
    this.#printDated(
      `${WHO}  :: Accepted order #${number} for : ${quantity ?? 0} stocks of ${symbol ?? 'null'} at $ ${price ?? '0.0'}`,
    )
    return { is: 'accepted' }
  }

  #content(symbol: string): Content {
    return { ...makeQuote(symbol, this.#random, javaDate(this.#clock.now())) }
  }

  #reply(operation: string, type: string, content: Content): Answer {
    return {
      is: 'reply',
      xml: () => responseXml(operation, type, content, this.#dialect),
      json: () => ({ [`${operation}Response`]: { return: content } }),
    }
  }

  #printDated(text: string): void {
    this.#print(`${javaDate(this.#clock.now())} ${text}`)
  }

  /** Another build of the service, used by WSO2 MI's documents, logs in this form. */
  #printPlain(text: string): void {
    const stamp = new Date(this.#clock.now()).toISOString().slice(0, -1).replace('T', ' ').replace('.', ',')
    this.#print(`${stamp} INFO  [wso2/stockquote_service] - ${text}`)
  }
}

/** The operation a call names: by action, by the path below the service, or by its payload element. */
export function operationNamed(known: readonly string[], call: Call, rest: string): string | undefined {
  const byAction = call.action.slice(Math.max(call.action.lastIndexOf(':'), call.action.lastIndexOf('/')) + 1)
  return [byAction, rest, call.parameters?.name].find(name => name !== undefined && known.includes(name))
}

const PARTS = new Intl.DateTimeFormat('en-US', {
  weekday: 'short',
  month: 'short',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
  year: 'numeric',
})
let stampOf = Number.NaN
let stamp = ''

/** `Tue Mar 03 10:22:11 UTC 2026`, as Java prints a date. One second's text is kept: a full quote needs it 365 times. */
export function javaDate(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second !== stampOf) {
    const part = Object.fromEntries(PARTS.formatToParts(second * 1000).map(({ type, value }) => [type, value]))
    const time = `${part['hour']}:${part['minute']}:${part['second']}`
    stamp = `${part['weekday']} ${part['month']} ${part['day']} ${time} ${part['timeZoneName']} ${part['year']}`
    stampOf = second
  }
  return stamp
}
