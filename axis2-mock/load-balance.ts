/** LBService1 and LBService2: they say which server answered, which is all a load-balancing sample wants to know. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../server/kernel/clock.ts'
import type { Call } from './call.ts'
import { escapeText } from './quotes.ts'
import type { Answer, Service } from './reply.ts'
import { fault } from './reply.ts'
import { operationNamed } from './stock-quote.ts'

const OPERATIONS = ['sampleOperation', 'sleepOperation', 'loadOperation', 'setClientName'] as const
const COOKIE = 'JSESSIONID'
/** Sessions are only remembered for as long as a sample runs. */
const MOST_SESSIONS = 10_000

export interface LoadBalanceOptions {
  readonly name: 'LBService1' | 'LBService2'
  readonly serverName: string | undefined
  readonly clock: Clock
  readonly print: (line: string) => void
}

export class LoadBalance implements Service {
  readonly name: 'LBService1' | 'LBService2'
  readonly #greeting: string
  readonly #clock: Clock
  readonly #print: (line: string) => void
  /** Client names by session; only LBService2 has sessions. */
  readonly #sessions: Map<string, string> | undefined

  constructor({ name, serverName, clock, print }: LoadBalanceOptions) {
    this.name = name
    this.#greeting = serverName ? `Response from server: ${serverName}` : 'Response from anonymous server'
    this.#clock = clock
    this.#print = print
    this.#sessions = name === 'LBService2' ? new Map() : undefined
  }

  operationOf(call: Call, rest: string): string | undefined {
    return operationNamed(OPERATIONS, call, rest) ?? 'sampleOperation'
  }

  invoke(operation: string, call: Call): Answer | Promise<Answer> {
    this.#print(`${this.name} :: ${operation}`)
    if (operation === 'setClientName') return this.#setClientName(call)
    if (operation === 'sampleOperation') return this.#echo(call)
    const load = Number(call.parameters?.first('load') ?? 0)
    if (!(load >= 0)) return fault('sender', `<load> must be a number, not "${call.parameters?.first('load')}".`)
    if (operation === 'sleepOperation') return this.#clock.sleep(load).then(() => this.#echo(call, 'load'))
    burn(load)
    return this.#echo(call, 'load')
  }

  #setClientName(call: Call): Answer {
    if (!this.#sessions) return fault('receiver', 'Sessions are not supported in this service.')
    const session = sessionOf(call) ?? randomUUID()
    if (this.#sessions.size >= MOST_SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value!)
    this.#sessions.set(session, call.parameters?.text ?? '')
    return { ...this.#element(call, 'Session started'), headers: { 'Set-Cookie': `${COOKIE}=${session}; Path=/` } }
  }

  #echo(call: Call, inside?: string): Answer {
    const client = this.#sessions?.get(sessionOf(call) ?? '')
    return this.#element(call, client === undefined ? this.#greeting : `${this.#greeting} (client ${client})`, inside)
  }

  /** The request's own element comes back with its text, or its child's, replaced. */
  #element(call: Call, text: string, inside?: string): Answer & { is: 'reply' } {
    const name = call.parameters?.name || 'Value'
    const namespace = call.parameters?.namespace
    const content = inside ? `<${inside}>${escapeText(text)}</${inside}>` : escapeText(text)
    const declaration = namespace ? ` xmlns="${escapeText(namespace)}"` : ''
    return {
      is: 'reply',
      xml: () => `<${name}${declaration}>${content}</${name}>`,
      json: () => ({ [name]: inside ? { [inside]: text } : text }),
    }
  }
}

function sessionOf(call: Call): string | undefined {
  const pair = call.request.cookie?.split(';').find(part => part.trim().startsWith(`${COOKIE}=`))
  return pair?.trim().slice(COOKIE.length + 1)
}

/** Processor time, as the sample asks for; the bound keeps a typing slip from stopping the server. */
function burn(rounds: number): number {
  let value = 0
  for (let round = 0; round < Math.min(rounds, 50_000_000); round++) value = (value * 31 + round) | 0
  return value
}
