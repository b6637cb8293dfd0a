/** HTTP connections that cost a load generator as little as possible: it shares the machine with what it measures. */
import { once } from 'node:events'
import net from 'node:net'
import { ReplyReader } from './reply-reader.ts'

export interface Reply {
  readonly status: number
  /** The beginning of its body, for whoever did not expect the status. */
  readonly text: string
}

/** So many connections to one server, each with one request under way; more requests wait for one. */
export class Connections {
  readonly #port: number
  readonly #host: string
  readonly #idle: Connection[] = []
  readonly #waiting: ((free: Connection | null) => void)[] = []
  #left: number

  constructor(url: string, most: number) {
    const { hostname, port } = new URL(url)
    this.#host = hostname
    this.#port = Number(port)
    this.#left = most
  }

  /** Sends a whole request as it stands. Rejects when the connection breaks before its answer is complete. */
  async send(request: Uint8Array): Promise<Reply> {
    const connection = this.#idle.pop() ?? (await this.#another())
    try {
      const reply = await connection.send(request)
      if (connection.usable) this.#free(connection)
      else this.#gone(connection)
      return reply
    } catch (thrown) {
      this.#gone(connection)
      throw thrown
    }
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  async #another(): Promise<Connection> {
    if (this.#left === 0) {
      const free = await new Promise<Connection | null>(resolve => this.#waiting.push(resolve))
      if (free) return free
    }
    this.#left--
    return Connection.to(this.#host, this.#port)
  }

  #free(connection: Connection): void {
    const next = this.#waiting.shift()
    if (next) next(connection)
    else this.#idle.push(connection)
  }

  #gone(connection: Connection): void {
    connection.close()
    this.#left++
    this.#waiting.shift()?.(null)
  }
}

class Connection {
  readonly #socket: net.Socket
  readonly #reader = new ReplyReader()
  #resolve: ((reply: Reply) => void) | null = null
  #reject: ((why: Error) => void) | null = null
  #over = false

  private constructor(socket: net.Socket) {
    this.#socket = socket
    socket.on('data', chunk => this.#came(chunk))
    socket.on('error', error => this.#end(error))
    socket.on('close', () => this.#end(new Error('the server closed the connection before its answer was complete')))
  }

  static async to(host: string, port: number): Promise<Connection> {
    const socket = net.connect({ host, port, noDelay: true })
    await once(socket, 'connect')
    return new Connection(socket)
  }

  get usable(): boolean {
    return !this.#over && !this.#reader.closing
  }

  send(request: Uint8Array): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(new Error('the server closed the connection'))
      this.#resolve = resolve
      this.#reject = reject
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #came(chunk: Buffer): void {
    try {
      if (!this.#reader.read(chunk)) return
    } catch (thrown) {
      return this.#end(thrown as Error)
    }
    const resolve = this.#resolve
    this.#resolve = this.#reject = null
    resolve?.({ status: this.#reader.status, text: this.#reader.text })
  }

  #end(why: Error): void {
    this.#over = true
    const reject = this.#reject
    this.#resolve = this.#reject = null
    reject?.(why)
  }
}
