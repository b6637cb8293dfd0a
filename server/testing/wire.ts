import net from 'node:net'

/** A client that speaks HTTP by hand, for requests no HTTP library would send. */
export class Wire {
  readonly socket: net.Socket
  /** Resolves when the other side has closed the connection. */
  readonly closed: Promise<void>
  #received = ''
  #ended = false
  #waiting: {
    found: (text: string) => boolean
    resolve: (text: string) => void
    reject: (error: Error) => void
  }[] = []

  private constructor(socket: net.Socket) {
    this.socket = socket
    this.closed = new Promise(resolve => socket.once('close', () => resolve()))
    socket.on('error', () => {})
    socket.on('data', chunk => {
      this.#received += chunk.toString('latin1')
      this.#look()
    })
    socket.on('close', () => {
      this.#ended = true
      this.#look()
    })
  }

  static async to(port: number): Promise<Wire> {
    const socket = net.connect({ port, host: '127.0.0.1' })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Wire(socket)
  }

  get received(): string {
    return this.#received
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** A POST with this body and these further header lines. */
  post(path: string, body: string, ...headers: readonly string[]): this {
    return this.send(
      [`POST ${path} HTTP/1.1`, 'Host: x', `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n'),
    )
  }

  /** Resolves with all that has come once it matches; rejects if the connection closes before that. */
  until(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ found: text => pattern.test(text), resolve, reject })
      this.#look()
    })
  }

  /** Resolves with the next whole answer and takes it off, so that the one after it can be asked for. */
  async answer(): Promise<{ status: number; head: string; body: string }> {
    const whole = (text: string): number => {
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return -1
      const length = /^content-length: (\d+)/im.exec(text.slice(0, end))
      return length ? end + 4 + Number(length[1]) : end + 4
    }
    await this.until(/\r\n\r\n/)
    await new Promise<string>((resolve, reject) => {
      this.#waiting.push({ found: text => text.length >= whole(text), resolve, reject })
      this.#look()
    })
    const length = whole(this.#received)
    const text = this.#received.slice(0, length)
    this.#received = this.#received.slice(length)
    const end = text.indexOf('\r\n\r\n')
    return { status: Number(text.slice(9, 12)), head: text.slice(0, end), body: text.slice(end + 4) }
  }

  destroy(): void {
    this.socket.destroy()
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(({ found, resolve, reject }) => {
      if (found(this.#received)) resolve(this.#received)
      else if (this.#ended) reject(new Error(`the connection closed after: ${this.#received}`))
      else return true
      return false
    })
  }
}
