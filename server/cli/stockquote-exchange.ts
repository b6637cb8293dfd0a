/** One HTTP exchange of the sample client, and what went wrong with it in words that help. */
import http from 'node:http'
import https from 'node:https'
import { systemClock } from '../kernel/clock.ts'
import { systemCode, textOf } from '../kernel/errors.ts'

export interface Target {
  /** Where the bytes go and, without `via`, what the request line names. */
  readonly url: URL
  /** An HTTP proxy: it gets the connection, and a request line with the whole URL. */
  readonly via: URL | undefined
  readonly insecure: boolean
  readonly timeoutMs: number
}

export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

/** The server could not be reached, or broke off. The text says which one and what to start. */
export class Unreachable extends Error {}

export function exchange(
  target: Target,
  headers: Readonly<Record<string, string>>,
  body: string,
  agent: http.Agent,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const to = target.via ?? target.url
  return new Promise((resolve, reject) => {
    const client = to.protocol === 'https:' ? https : http
    const request = client.request({
      agent,
      method: 'POST',
      hostname: to.hostname.replace(/^\[|\]$/g, ''),
      port: to.port || (to.protocol === 'https:' ? 443 : 80),
      path: target.via ? target.url.href : `${target.url.pathname}${target.url.search}`,
      headers: { Host: target.url.host, ...headers },
      signal,
      ...(target.insecure ? { rejectUnauthorized: false } : {}),
    })
    const timer = systemClock.after(target.timeoutMs, () => {
      request.destroy(new Unreachable(`${to.href} did not answer within ${target.timeoutMs} ms (--timeout).`))
    })
    const fail = (error: unknown): void => {
      timer.cancel()
      reject(error instanceof Unreachable ? error : explain(error, to))
    }
    request.on('error', fail)
    request.on('response', response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', fail)
      response.on('end', () => {
        timer.cancel()
        resolve({
          status: response.statusCode!,
          contentType: response.headers['content-type'] ?? '',
          body: Buffer.concat(chunks),
        })
      })
    })
    request.end(body)
  })
}

function explain(error: unknown, to: URL): Unreachable {
  const code = systemCode(error) ?? textOf(error)
  return new Unreachable(`${reasonOf(code, to)} (${code})`, { cause: error })
}

function reasonOf(code: string, to: URL): string {
  if (code === 'ECONNREFUSED') {
    const start = to.port === '9000' ? 'holdfast backend' : 'holdfast run'
    return `Nothing listens at ${to.href}. Start it with "${start}", or correct the address.`
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `There is no host "${to.hostname}". Correct the address.`
  if (code === 'ECONNRESET' || code === 'EPIPE') return `${to.href} closed the connection before it had answered.`
  if (code.startsWith('HPE_')) return `${to.href} answered something that is not HTTP.`
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) {
    return `The certificate of ${to.origin} is not trusted; --insecure accepts it.`
  }
  if (code === 'ABORT_ERR') return 'Interrupted.'
  return `${to.href} could not be called.`
}
