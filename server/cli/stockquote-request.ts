/** What the sample client sends: the same bytes, by and large, as the Ant task it stands in for. */
import { randomUUID } from 'node:crypto'

export const MODES = ['quote', 'customquote', 'fullquote', 'marketactivity', 'placeorder', 'dualquote'] as const
export type Mode = (typeof MODES)[number]

export const SERVICES = 'http://services.samples'
const ADDRESSING = 'http://www.w3.org/2005/08/addressing'
const ENVELOPES = {
  soap11: 'http://schemas.xmlsoap.org/soap/envelope/',
  soap12: 'http://www.w3.org/2003/05/soap-envelope',
} as const

export interface Wish {
  readonly mode: Mode
  readonly symbol: string
  readonly soap: 'soap11' | 'soap12'
  readonly rest: boolean
  /** How many `request` elements a quote carries. */
  readonly requests: number
  /** WS-Addressing `To`; without it the client is a "dumb" one and sends no addressing headers. */
  readonly to: string | undefined
  /** Where the reply of a dual-channel exchange is awaited. */
  readonly replyTo: string | undefined
}

export interface Order {
  readonly price: number
  readonly quantity: number
  readonly symbol: string
}

export interface ClientRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** What was ordered, for the line that says so. */
  readonly order?: Order
}

const ACTIONS: Readonly<Record<Mode, string>> = {
  quote: 'urn:getQuote',
  dualquote: 'urn:getQuote',
  customquote: 'urn:getQuote',
  fullquote: 'urn:getFullQuote',
  marketactivity: 'urn:getMarketActivity',
  placeorder: 'urn:placeOrder',
}

export function makeRequest(wish: Wish): ClientRequest {
  const action = ACTIONS[wish.mode]
  const order = wish.mode === 'placeorder' ? randomOrder(wish.symbol) : undefined
  const payload = payloadOf(wish, order)
  return {
    headers: headersOf(wish, action),
    body: wish.rest ? payload : envelope(wish, action, payload),
    ...(order ? { order } : {}),
  }
}

function headersOf({ rest, soap }: Wish, action: string): Record<string, string> {
  const always = { 'User-Agent': 'Axis2', 'Transfer-Encoding': 'chunked' }
  if (rest) {
    return { 'Content-Type': `application/xml; charset=UTF-8;action="${action}";`, SOAPAction: action, ...always }
  }
  return soap === 'soap12'
    ? { 'Content-Type': `application/soap+xml; charset=UTF-8; action="${action}"`, ...always }
    : { 'Content-Type': 'text/xml; charset=UTF-8', SOAPAction: `"${action}"`, ...always }
}

function payloadOf(wish: Wish, order: Order | undefined): string {
  const symbol = `<m0:symbol>${escapeXml(wish.symbol)}</m0:symbol>`
  switch (wish.mode) {
    case 'quote':
    case 'dualquote':
      return element('getQuote', `<m0:request>${symbol}</m0:request>`.repeat(wish.requests))
    case 'fullquote':
      return element('getFullQuote', `<m0:request>${symbol}</m0:request>`)
    case 'customquote':
      return element('CheckPriceRequest', `<m0:Code>${escapeXml(wish.symbol)}</m0:Code>`)
    case 'marketactivity': {
      const symbols = Array.from({ length: 100 }, () => `<m0:symbols>${randomSymbol()}</m0:symbols>`)
      return element('getMarketActivity', `<m0:request>${symbols.join('')}</m0:request>`)
    }
    case 'placeorder': {
      const { price, quantity } = order!
      const fields = `<m0:price>${price}</m0:price><m0:quantity>${quantity}</m0:quantity>${symbol}`
      return element('placeOrder', `<m0:order>${fields}</m0:order>`)
    }
  }
}

function element(name: string, content: string): string {
  return `<m0:${name} xmlns:m0="${SERVICES}">${content}</m0:${name}>`
}

function envelope({ soap, to, replyTo, mode }: Wish, action: string, payload: string): string {
  let header = ''
  if (to !== undefined) {
    const back = mode === 'placeorder' ? `${ADDRESSING}/none` : replyTo
    header =
      `<soapenv:Header xmlns:wsa="${ADDRESSING}"><wsa:To>${escapeXml(to)}</wsa:To>` +
      (back ? `<wsa:ReplyTo><wsa:Address>${escapeXml(back)}</wsa:Address></wsa:ReplyTo>` : '') +
      `<wsa:MessageID>urn:uuid:${randomUUID()}</wsa:MessageID><wsa:Action>${action}</wsa:Action></soapenv:Header>`
  }
  return (
    `<?xml version='1.0' encoding='UTF-8'?><soapenv:Envelope xmlns:soapenv="${ENVELOPES[soap]}">${header}` +
    `<soapenv:Body>${payload}</soapenv:Body></soapenv:Envelope>`
  )
}

function randomOrder(symbol: string): Order {
  return { price: 100 + (Math.random() * 2 - 1) * 90, quantity: 1 + Math.floor(Math.random() * 20_000), symbol }
}

function randomSymbol(): string {
  return String.fromCharCode(...Array.from({ length: 3 }, () => 65 + Math.floor(Math.random() * 26)))
}

function escapeXml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
