import type { Clock } from '../kernel/clock.ts'
import type { Log, Registry } from '../kernel/contracts.ts'
import type { OpenPort, OwnPort } from '../schema/services.ts'
import type { Settings } from '../settings/fields.ts'
import type { ServerCertificate } from '../transport/certificate.ts'
import type { PortWish } from '../transport/doors.ts'
import { startListener, type Listener, type ListenerParts } from '../transport/inbound.ts'
import { handleMain, MAIN } from '../transport/main-flow.ts'
import { transportCodecs } from '../transport/payload-codecs.ts'
import { portTls } from '../transport/port-tls.ts'
import { listenerDefaults } from '../transport/settings.ts'

export interface ListeningParts {
  readonly settings: Settings
  readonly clock: Clock
  readonly log: Log
  readonly registry: () => Registry
  readonly certificate: () => Promise<ServerCertificate>
}

/** The ports of the server for its callers, and those of single artifacts. */
export class Listening {
  readonly #parts: ListeningParts
  #listener: Listener | undefined

  constructor(parts: ListeningParts) {
    this.#parts = parts
  }

  get ports(): { readonly http: readonly number[]; readonly https: readonly number[] } {
    const doors = this.#listener?.ports ?? []
    const of = (scheme: string): number[] => doors.filter(door => door.scheme === scheme).map(door => door.port)
    return { http: of('http'), https: of('https') }
  }

  async open(): Promise<void> {
    const { http, https } = this.#parts.settings
    const ports: PortWish[] = http.enabled ? http.ports.map(port => ({ port, setting: '--http-port' })) : []
    if (https.enabled) {
      const tls = await this.#parts.certificate()
      ports.push(...https.ports.map(port => ({ port, tls, setting: '--https-port' })))
    }
    this.#listener = await this.#listen(ports, { main: { origin: MAIN, handle: handleMain } })
  }

  async stop(): Promise<void> {
    await this.#listener?.stop(this.#parts.settings.server.drain)
  }

  #listen(ports: readonly PortWish[], more: Pick<ListenerParts, 'main' | 'claims' | 'inbound'>): Promise<Listener> {
    const { settings, clock, log, registry } = this.#parts
    const { http } = settings
    return startListener({
      ports,
      settings: {
        ...listenerDefaults,
        ...(http.host !== '' && { host: http.host }),
        maxBodyBytes: http.maxBodySize,
        maxHeaderBytes: http.maxHeaderSize,
        maxInFlight: http.maxInFlight || Number.MAX_SAFE_INTEGER,
        maxHeldBytes: http.maxHeldSize || Number.MAX_SAFE_INTEGER,
        maxConnections: http.maxConnections || Number.MAX_SAFE_INTEGER,
        headersTimeoutMs: http.headersTimeout,
        requestTimeoutMs: http.requestTimeout,
        socketTimeoutMs: http.idleTimeout,
        keepAliveMs: http.keepAliveTimeout,
        answerTimeoutMs: http.answerTimeout,
      },
      registry,
      log: log.child({ category: 'Listener' }),
      clock,
      codecs: transportCodecs,
      ...more,
    })
  }

  /** A port of its own for an artifact. */
  async openPort(wish: OwnPort): Promise<OpenPort> {
    const { name, port, secure, claims, origin, handle } = wish
    const { settings, clock, certificate } = this.#parts
    const setting = `inbound.http.port of inbound endpoint ${name}`
    const tls = secure && { tls: await portTls(wish, settings.server.home, clock.now(), certificate) }
    const listener = await this.#listen([{ port, setting, ...tls }], {
      main: { origin, handle },
      claims,
      inbound: name,
    })
    return {
      port: listener.ports[0]!.port,
      close: () => listener.stop(settings.server.drain),
    }
  }
}
