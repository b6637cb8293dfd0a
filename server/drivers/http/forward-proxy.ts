/** Reaching back ends through an HTTP proxy: plain HTTP by absolute request lines, HTTPS through a tunnel (RFC 9110, 9.3.6). */
import http from 'node:http'
import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'
import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'

export interface ForwardProxy {
  readonly host: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Hosts that are reached directly: `name`, `*.example.org`, `10.*`. */
  readonly bypass?: readonly string[]
}

/** As the hosts are written, in lower case: names are not looked up for this. */
export function bypasses({ bypass = [] }: ForwardProxy, hostname: string): boolean {
  return bypass.some(pattern => {
    const parts = pattern.trim().toLowerCase().split('*')
    const [first = '', ...rest] = parts
    const last = rest.pop()
    if (last === undefined) return hostname === first
    if (!hostname.startsWith(first) || !hostname.endsWith(last)) return false
    let at = first.length
    for (const part of rest) {
      const found = hostname.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= hostname.length - last.length
  })
}

/** The value of Proxy-Authorization, if the proxy wants to know who asks. */
export function proxyAuthorization({ username, password = '' }: ForwardProxy): string | undefined {
  return username === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** Opens a tunnel to the back end, over which `connect` then speaks TLS with it. */
export function tunnelled(
  connect: buildConnector.connector,
  proxy: ForwardProxy,
  timeoutMs: number,
  clock: Clock,
): buildConnector.connector {
  return (options, callback) => {
    const { hostname, port } = options
    const address = `${hostname}:${port || 443}`
    const authorization = proxyAuthorization(proxy)
    const request = http.request({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: address,
      headers: { host: address, ...(authorization !== undefined && { 'proxy-authorization': authorization }) },
      agent: false,
    })
    const timer = clock.after(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    request.once('connect', (response, socket: Socket) => {
      timer.cancel()
      if (response.statusCode === 200) {
        connect({ ...options, httpSocket: socket }, callback)
        return
      }
      socket.destroy()
      callback(refused(proxy, address, `answered ${response.statusCode} to CONNECT`), null)
    })
    request.once('error', (error: Error) => {
      timer.cancel()
      callback(refused(proxy, address, error.message), null)
    })
    request.end()
  }
}

function refused({ host, port }: ForwardProxy, address: string, why: string): IntegrationError {
  return new IntegrationError('CONNECT_FAILED', `the proxy ${host}:${port} opens no way to ${address}: ${why}`)
}
