import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isSame } from './compare.ts'
import type { Mock, MockResource } from './suite.ts'

/** Back ends of one suite, each on a free port of this machine. */
export class Mocks implements AsyncDisposable {
  readonly #servers: Server[] = []
  readonly #ports = new Map<Mock, number>()
  /** Requests that nothing was prepared for, in words. */
  readonly strays: string[] = []

  static async start(mocks: readonly Mock[]): Promise<Mocks> {
    const made = new Mocks()
    for (const mock of mocks) await made.#open(mock)
    return made
  }

  /**
   * The artifact with its back ends replaced: every address of the endpoint a mock is named after, and every address of
   * this machine with the port of a mock.
   */
  rewrite(xml: string, name: string): string {
    let text = xml
    for (const [mock, port] of this.#ports) {
      const at = `http://127.0.0.1:${port}`
      const anywhere = /\b(uri|uri-template)="https?:\/\/[^/"?{]*/g
      if (mock.service === name) text = text.replace(anywhere, (_all, attribute: string) => `${attribute}="${at}`)
      if (mock.port > 0) {
        const here = new RegExp(`https?://(?:localhost|127\\.0\\.0\\.1):${mock.port}(?!\\d)`, 'g')
        text = text.replace(here, at)
      }
    }
    return text
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#servers.map(server => {
        server.closeAllConnections()
        return new Promise<void>(resolve => server.close(() => resolve()))
      }),
    )
  }

  async #open(mock: Mock): Promise<void> {
    const server = createServer((request, response) => void this.#answer(mock, request, response))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    this.#servers.push(server)
    this.#ports.set(mock, (server.address() as AddressInfo).port)
  }

  async #answer(mock: Mock, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString('utf8')
    const found = mock.resources.find(resource => fits(mock, resource, request, body))
    if (!found) {
      const stray = `${request.method} ${request.url}${body === '' ? '' : ` with ${body.slice(0, 500)}`}`
      this.strays.push(`the mock service ${mock.service} has nothing for ${stray}`)
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`no resource of the mock service fits ${stray}`)
      return
    }
    const { status, headers, payload } = found.answer
    const given = headers.filter(([name]) => name !== '')
    const typed = given.some(([name]) => name.toLowerCase() === 'content-type')
    const all = typed || payload === '' ? given : [...given, ['Content-Type', typeOf(payload)] as const]
    response.writeHead(status, all.flat())
    response.end(payload)
  }
}

function fits(mock: Mock, resource: MockResource, request: IncomingMessage, body: string): boolean {
  const wanted = joined(mock.context, resource.path)
  const [path] = request.url!.split('?')
  return (
    request.method === resource.method &&
    (wanted.includes('?') ? request.url === wanted : trimmed(path!) === trimmed(wanted)) &&
    resource.headers.every(([name, value]) => name === '' || request.headers[name.toLowerCase()] === value) &&
    (resource.payload === undefined || isSame(body, resource.payload))
  )
}

function joined(context: string, path: string): string {
  const whole = `${context.replace(/\/$/, '')}/${path.replace(/^\//, '')}`
  return whole.startsWith('/') ? whole : `/${whole}`
}

function trimmed(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}

export function typeOf(payload: string): string {
  const text = payload.trimStart()
  if (/^[[{]/.test(text)) return 'application/json'
  if (!text.startsWith('<')) return 'text/plain'
  if (text.includes('http://schemas.xmlsoap.org/soap/envelope/')) return 'text/xml'
  return text.includes('http://www.w3.org/2003/05/soap-envelope') ? 'application/soap+xml' : 'application/xml'
}
