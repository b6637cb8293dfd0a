/** A TCP proxy before a broker of OpenWire that reads along: when a client asks for a message, and for how long. */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { once } from 'node:events'
import { readStructure } from '../../drivers/openwire/commands.ts'
import type { AnyStructure } from '../../drivers/openwire/commands.ts'
import { FrameSplitter } from '../../drivers/openwire/frames.ts'
import { Changes } from '../../kernel/changes.ts'
import { systemClock } from '../../kernel/clock.ts'

const PATIENCE_MS = 120_000

export interface Pull {
  /** Milliseconds that the broker may take to answer. */
  readonly timeout: number
  /** Elapsed milliseconds, taken before the broker could know of it. */
  readonly at: number
  /** Answers of the broker to this client before it. */
  readonly answers: number
}

export class PullTap implements AsyncDisposable {
  /** Questions that wait at the broker; one that is answered at once is none. */
  readonly pulls: Pull[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #changes = new Changes(systemClock)
  #answers = 0

  private constructor(server: Server, port: number) {
    this.#server = server
    server.on('connection', client => this.#take(client, connect(port, '127.0.0.1')))
  }

  static async before(port: number): Promise<PullTap> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new PullTap(server, port)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async until(pulls: number): Promise<void> {
    const state = (): string => `${this.pulls.length} of ${pulls} questions`
    await this.#changes.until(() => this.pulls.length >= pulls, PATIENCE_MS, state)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  #take(client: Socket, broker: Socket): void {
    this.#join(client, broker, said => {
      if (said?.name !== 'MessagePull' || said.timeout <= 0) return
      this.pulls.push({ timeout: said.timeout, at: systemClock.monotonic(), answers: this.#answers })
      this.#changes.tell()
    })
    this.#join(broker, client, said => {
      if (said?.name === 'MessageDispatch') this.#answers++
    })
  }

  #join(from: Socket, to: Socket, read: (said: AnyStructure | undefined) => void): void {
    this.#sockets.add(from)
    const frames = new FrameSplitter(1 << 30, frame => read(readStructure(frame)))
    from.on('data', (chunk: Buffer) => {
      frames.push(chunk)
      to.write(chunk)
    })
    from.on('error', () => {})
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
