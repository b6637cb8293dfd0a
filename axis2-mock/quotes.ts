/** The numbers of a quote, and how a quote becomes XML. */
export interface Quote {
  readonly change: number
  readonly earnings: number
  readonly high: number
  readonly last: number
  readonly lastTradeTimestamp: string
  readonly low: number
  readonly marketCap: number
  readonly name: string
  readonly open: number
  readonly peRatio: number
  readonly percentageChange: number
  readonly prevClose: number
  readonly symbol: string
  readonly volume: number
}

/** `apache` has every element in one namespace; `wso2` has those below `return` in `…/xsd`. */
export type Dialect = 'apache' | 'wso2'

export const SERVICES = 'http://services.samples'

/** Random numbers that are the same for the same seed, and truly random without one. */
export function randomNumbers(seed: number | undefined): () => number {
  if (seed === undefined) return Math.random
  // Marsaglia's xorshift of 32 bits; its state must never be 0.
  let state = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x5bd1e995) | 0 || 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  // The first outputs of neighbouring seeds resemble each other.
  for (let round = 0; round < 8; round++) next()
  return next
}

export function makeQuote(symbol: string, random: () => number, timestamp: string): Quote {
  const near = (base: number, percent: number): number => base * (1 + ((random() * 2 - 1) * percent) / 100)
  const signed = (value: number): number => (random() < 0.5 ? -value : value)
  const last = near(100, 90)
  const change = signed(near(3, 50))
  const prevClose = signed(near(last, 15))
  return {
    change,
    earnings: signed(near(10, 40)),
    high: signed(near(last, 5)),
    last,
    lastTradeTimestamp: timestamp,
    low: signed(near(last, 5)),
    marketCap: signed(near(1e7, 500)),
    name: `${symbol} Company`,
    open: signed(near(last, 5)),
    peRatio: signed(near(20, 30)),
    percentageChange: (change / prevClose) * 100,
    prevClose,
    symbol,
    volume: Math.floor(random() * 20_000),
  }
}

/** What stands below `return`: elements with text, elements with elements, and arrays for repeated ones. */
export type Content = { readonly [name: string]: ContentValue }
type ContentValue = string | number | Content | readonly Content[]

export function responseXml(operation: string, type: string, content: Content, dialect: Dialect): string {
  const prefix = dialect === 'wso2' ? 'ax21' : 'ns'
  const declaration = dialect === 'wso2' ? ` xmlns:ax21="${SERVICES}/xsd"` : ''
  return (
    `<ns:${operation}Response xmlns:ns="${SERVICES}"><ns:return${declaration}` +
    ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="${prefix}:${type}">` +
    `${elements(content, prefix)}</ns:return></ns:${operation}Response>`
  )
}

function elements(content: Content, prefix: string): string {
  let xml = ''
  for (const name of Object.keys(content)) {
    const value = content[name]!
    if (isList(value)) {
      for (const item of value) xml += `<${prefix}:${name}>${elements(item, prefix)}</${prefix}:${name}>`
    } else {
      const inner = typeof value === 'object' ? elements(value, prefix) : escapeText(String(value))
      xml += `<${prefix}:${name}>${inner}</${prefix}:${name}>`
    }
  }
  return xml
}

function isList(value: ContentValue): value is readonly Content[] {
  return Array.isArray(value)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
}

export function escapeText(text: string): string {
  return /[&<>"\r]/.test(text) ? text.replace(/[&<>"\r]/g, character => ESCAPES[character]!) : text
}
