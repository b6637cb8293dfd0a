import http, { type RequestListener, type Server, type ServerOptions } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Log } from '../kernel/contracts.ts'
import { IntegrationError, systemCode, textOf } from '../kernel/errors.ts'
import type { Door } from './arrival.ts'
import { portHolder } from './port-holder.ts'
import type { ListenerSettings } from './settings.ts'

export interface PortWish {
  /** 0: any free one. */
  readonly port: number
  /** Present: HTTPS with this certificate and key. */
  readonly tls?: PortTls
  /** The setting that chose the port, for the text when it is taken. */
  readonly setting: string
}

/** PEM, or a PKCS #12 file with both. */
export type PortTls = ({ readonly certificate: string; readonly key: string } | { readonly pfx: Uint8Array }) & {
  readonly passphrase?: string
  /** Callers show a certificate of one of these authorities (PEM), or have to. */
  readonly callers?: { readonly trusted: string; readonly mustShow: boolean }
}

/** One port that is listened on. */
export interface OpenDoor extends Door {
  readonly server: Server
}

/** `connections` holds those of all doors together. */
export async function openDoor(
  wish: PortWish,
  settings: ListenerSettings,
  connections: Set<Socket>,
  log: Log,
  onRequest: (door: Door) => RequestListener,
): Promise<OpenDoor> {
  const server = createServer(wish, settings)
  server.keepAliveTimeout = settings.keepAliveMs
  server.timeout = settings.socketTimeoutMs
  admitConnections(server, wish, settings, connections)
  server.on('clientError', (error: Error, socket) => refuseMalformed(error, socket as Socket, log))
  const port = await listen(server, wish, settings)
  server.on('error', error => log.error('the listener reported an error', { port, error }))
  const door: OpenDoor = { scheme: wish.tls ? 'https' : 'http', port, server }
  server.on('request', onRequest(door))
  return door
}

function createServer(wish: PortWish, settings: ListenerSettings): Server {
  const options: ServerOptions = {
    maxHeaderSize: settings.maxHeaderBytes,
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    connectionsCheckingInterval: settings.checkIntervalMs,
    noDelay: true,
  }
  const { tls } = wish
  if (!tls) return http.createServer(options)
  try {
    return https.createServer({
      ...options,
      ...('pfx' in tls ? { pfx: Buffer.from(tls.pfx) } : { cert: tls.certificate, key: tls.key }),
      ...(tls.callers && { ca: tls.callers.trusted, requestCert: true, rejectUnauthorized: tls.callers.mustShow }),
      ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
      minVersion: 'TLSv1.2',
    })
  } catch (thrown) {
    throw new IntegrationError(
      'SETTING_INVALID',
      `the certificate for ${wish.setting} cannot be used: ${textOf(thrown)}; it has to be PEM, with the private key that belongs to it, or a PKCS #12 file with its password`,
      { cause: thrown },
    )
  }
}

/** A connection beyond the limit hears why before it is closed, where it can: TLS would first need a handshake. */
function admitConnections(server: Server, wish: PortWish, settings: ListenerSettings, connections: Set<Socket>): void {
  server.on('connection', (socket: Socket) => {
    if (connections.size >= settings.maxConnections) {
      if (wish.tls) socket.destroy()
      else {
        socket.end(
          plainAnswer(
            503,
            'Service Unavailable',
            'too many connections',
            `Retry-After: ${settings.retryAfterSeconds}\r\n`,
          ),
        )
        socket.resume()
      }
      return
    }
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
}

function listen(server: Server, wish: PortWish, settings: ListenerSettings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(cannotListen(error, wish)))
    server.listen({ port: wish.port, ...(settings.host !== undefined && { host: settings.host }) }, () => {
      server.removeAllListeners('error')
      resolve((server.address() as AddressInfo).port)
    })
  })
}

function cannotListen(error: Error, { port, setting }: PortWish): IntegrationError {
  const code = systemCode(error)
  if (code === 'EADDRINUSE') {
    const holder = portHolder(port)
    const who = holder === undefined ? 'another process' : holder
    return new IntegrationError(
      'PORT_IN_USE',
      `port ${port} is used by ${who}; stop it or choose another port with ${setting}`,
      {
        cause: error,
      },
    )
  }
  if (code === 'EACCES') {
    return new IntegrationError(
      'SETTING_INVALID',
      `this user may not listen on port ${port}; choose one above 1023 with ${setting}`,
      {
        cause: error,
      },
    )
  }
  return new IntegrationError(
    'SETTING_INVALID',
    `cannot listen on port ${port}: ${error.message}; see ${setting} and the host to listen on`,
    {
      cause: error,
    },
  )
}

/** What is not HTTP, too large in its header or too slow gets a short answer by hand: there is no request object for it. */
function refuseMalformed(error: Error, socket: Socket, log: Log): void {
  const code = systemCode(error)
  if (log.debugOn) log.debug('a connection was refused', { code, error: error.message })
  if (!socket.writable || code === 'ECONNRESET' || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  socket.end(
    code === 'HPE_HEADER_OVERFLOW'
      ? plainAnswer(431, 'Request Header Fields Too Large', 'the header of the request is too large')
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? plainAnswer(408, 'Request Timeout', 'the request did not arrive in time')
        : plainAnswer(400, 'Bad Request', 'this is not a well-formed HTTP request'),
    () => socket.destroy(),
  )
}

function plainAnswer(status: number, reason: string, text: string, headers = ''): string {
  return `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Type: text/plain\r\n${headers}Content-Length: ${text.length}\r\n\r\n${text}`
}
