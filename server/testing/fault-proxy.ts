import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { Changes } from '../kernel/changes.ts'
import { systemClock } from '../kernel/clock.ts'

/** `up` is from the client to the server, `down` the other way. */
export type Direction = 'up' | 'down'
type Flow = 'forward' | 'stall' | 'swallow'

export interface Traffic {
  readonly up: number
  readonly down: number
}

/**
 * A TCP proxy that fails in the ways networks do. It stands between a client and the server at `target`, on a port of
 * its own, and does at run time what it is told; in every state but {@link FaultProxy.refuse} it accepts connections.
 */
export interface FaultProxy extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Connections whose client has not closed its side. */
  readonly open: number
  /** Connections accepted since the start. */
  readonly accepted: number
  /** Bytes passed on. */
  readonly passed: Traffic
  /** Bytes taken and thrown away. */
  readonly swallowed: Traffic
  /** All is well again: stalled bytes flow, held ends are passed on. Swallowed bytes stay lost. */
  forward(): void
  /** Bytes are no longer taken, but connections stay open: a black hole for live and new connections alike. */
  stall(direction?: Direction): void
  /** Bytes are taken and thrown away: to the sender all looks well. */
  swallow(direction: Direction): void
  /** When one side closes, the other is not told; {@link forward} tells it. */
  halfOpen(): void
  /** Resets (RST) all live connections, on one side or both. New ones are not affected. */
  cut(side?: 'client' | 'server'): void
  /** Cuts a connection as soon as this many more bytes have passed on it in that direction; also one yet to come. Once. */
  cutAfter(bytes: number, direction: Direction): void
  /** Nobody listens any more (ECONNREFUSED); live connections go on. */
  refuse(): Promise<void>
  /** Listens again on the same port. */
  accept(): Promise<void>
  /** Where new connections lead from now on; a restarted server may have another port. */
  retarget(port: number): void
  waitFor(condition: (proxy: FaultProxy) => boolean, ms?: number): Promise<void>
}

export interface FaultProxyOptions {
  readonly targetPort: number
  readonly targetHost?: string
}

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new TcpProxy(options)
  await proxy.accept()
  return proxy
}

interface Link {
  readonly client: net.Socket
  /** Absent while a black hole keeps it from being opened. */
  server?: net.Socket
  /** What one side did that the other has not been told. */
  readonly held: (() => void)[]
}

class TcpProxy implements FaultProxy {
  readonly host = '127.0.0.1'
  readonly #targetHost: string
  readonly #changes = new Changes(systemClock)
  readonly #links = new Set<Link>()
  readonly #flow: Record<Direction, Flow> = { up: 'forward', down: 'forward' }
  readonly #passed = { up: 0, down: 0 }
  readonly #swallowed = { up: 0, down: 0 }
  #targetPort: number
  #listener: net.Server | undefined
  #port = 0
  #accepted = 0
  #holdsEnds = false
  #fuse: { direction: Direction; left: number } | undefined

  constructor({ targetPort, targetHost }: FaultProxyOptions) {
    this.#targetPort = targetPort
    this.#targetHost = targetHost ?? '127.0.0.1'
  }

  get port(): number {
    return this.#port
  }

  get open(): number {
    return [...this.#links].filter(({ client }) => !client.destroyed && !client.readableEnded).length
  }

  get accepted(): number {
    return this.#accepted
  }

  get passed(): Traffic {
    return { ...this.#passed }
  }

  get swallowed(): Traffic {
    return { ...this.#swallowed }
  }

  forward(): void {
    this.#flow.up = 'forward'
    this.#flow.down = 'forward'
    this.#holdsEnds = false
    for (const link of this.#links) {
      if (!link.server && !link.client.destroyed) this.#connect(link)
      link.client.resume()
      link.server?.resume()
      for (const tell of link.held.splice(0)) tell()
    }
  }

  stall(direction?: Direction): void {
    this.#holdsEnds = true
    for (const one of direction ? [direction] : (['up', 'down'] as const)) {
      this.#flow[one] = 'stall'
      for (const link of this.#links) (one === 'up' ? link.client : link.server)?.pause()
    }
  }

  swallow(direction: Direction): void {
    this.#flow[direction] = 'swallow'
    for (const link of this.#links) (direction === 'up' ? link.client : link.server)?.resume()
  }

  halfOpen(): void {
    this.#holdsEnds = true
  }

  cut(side?: 'client' | 'server'): void {
    for (const link of this.#links) {
      if (side !== 'server') link.client.resetAndDestroy()
      if (side !== 'client') link.server?.resetAndDestroy()
    }
  }

  cutAfter(bytes: number, direction: Direction): void {
    this.#fuse = { direction, left: bytes }
  }

  async refuse(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    if (!listener) return
    // `close` calls back only when the last connection has gone; the port itself is free at once.
    listener.close()
    await new Promise(resolve => setImmediate(resolve))
  }

  async accept(): Promise<void> {
    if (this.#listener) return
    const listener = net.createServer({ allowHalfOpen: true }, client => this.#take(client))
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject)
      listener.listen(this.#port, this.host, () => {
        listener.off('error', reject)
        resolve()
      })
    })
    this.#listener = listener
    this.#port = (listener.address() as AddressInfo).port
  }

  retarget(port: number): void {
    this.#targetPort = port
  }

  waitFor(condition: (proxy: FaultProxy) => boolean, ms = 10_000): Promise<void> {
    const state = (): string => {
      const bytes = `${this.#passed.up} bytes up, ${this.#passed.down} down`
      return `${this.#accepted} connections accepted, ${this.open} open, ${bytes}`
    }
    return this.#changes.until(() => condition(this), ms, state)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse()
    for (const link of this.#links) {
      link.client.destroy()
      link.server?.destroy()
    }
    this.#links.clear()
  }

  #take(client: net.Socket): void {
    const link: Link = { client, held: [] }
    this.#links.add(link)
    this.#accepted++
    client.setNoDelay(true)
    this.#watch(link, client, 'up')
    if (this.#flow.up === 'stall' && this.#flow.down === 'stall') client.pause()
    else this.#connect(link)
    this.#changes.tell()
  }

  #connect(link: Link): void {
    const server = net.connect({ port: this.#targetPort, host: this.#targetHost, allowHalfOpen: true })
    link.server = server
    server.setNoDelay(true)
    this.#watch(link, server, 'down')
  }

  /** Carries what `from` says to the other side, whose socket may come later. */
  #watch(link: Link, from: net.Socket, direction: Direction): void {
    const other = (): net.Socket | undefined => (direction === 'up' ? link.server : link.client)
    if (this.#flow[direction] === 'stall') from.pause()
    from.on('data', (chunk: Buffer) => this.#carry(link, from, other(), direction, chunk))
    from.on('drain', () => {
      if (this.#flow[direction === 'up' ? 'down' : 'up'] !== 'stall') other()?.resume()
    })
    from.on('error', () => {})
    from.once('end', () => {
      this.#pass(link, () => other()?.end())
      this.#changes.tell()
    })
    from.once('close', broken => {
      this.#pass(link, () => {
        if (broken) other()?.resetAndDestroy()
        else other()?.destroySoon()
      })
      if (link.client.destroyed && (link.server?.destroyed ?? true)) this.#links.delete(link)
      this.#changes.tell()
    })
  }

  #carry(link: Link, from: net.Socket, to: net.Socket | undefined, direction: Direction, chunk: Buffer): void {
    if (this.#flow[direction] === 'swallow') {
      this.#swallowed[direction] += chunk.length
    } else {
      const fuse = this.#fuse?.direction === direction ? this.#fuse : undefined
      const part = fuse && chunk.length >= fuse.left ? chunk.subarray(0, fuse.left) : chunk
      this.#passed[direction] += part.length
      if (fuse) fuse.left -= part.length
      if (fuse?.left === 0) {
        this.#fuse = undefined
        const blow = (): void => {
          link.client.resetAndDestroy()
          link.server?.resetAndDestroy()
        }
        // A reset throws away what the kernel still holds, so the last bytes get a moment of their own.
        if (part.length > 0) to?.write(part, () => setImmediate(blow))
        else blow()
      } else if (to && !to.write(part)) {
        from.pause()
      }
    }
    this.#changes.tell()
  }

  #pass(link: Link, tell: () => void): void {
    if (this.#holdsEnds) link.held.push(tell)
    else tell()
  }
}
