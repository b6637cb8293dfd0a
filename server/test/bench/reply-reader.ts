const BLANK_LINE = '\r\n\r\n'
/** Of a body, kept to be shown. */
const SHOWN = 300

/** Finds the end of one HTTP/1.1 answer after the other on a connection, and keeps of each what a load generator asks for. */
export class ReplyReader {
  status = 0
  text = ''
  /** The server closes the connection behind this answer. */
  closing = false
  #head: Buffer = Buffer.alloc(0)
  /** Null: the head is still coming. */
  #body: Sized | Chunked | null = null

  /** True once the answer is complete. Throws at what is no HTTP. */
  read(chunk: Buffer): boolean {
    let rest = chunk
    if (!this.#body) {
      const head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
      const end = head.indexOf(BLANK_LINE)
      if (end < 0) {
        this.#head = head
        return false
      }
      this.#head = this.#head.subarray(0, 0)
      this.#begin(head.toString('latin1', 0, end))
      rest = head.subarray(end + BLANK_LINE.length)
    }
    if (this.text.length < SHOWN) this.text += rest.toString('latin1', 0, SHOWN - this.text.length)
    if (!this.#body!.read(rest)) return false
    this.#body = null
    return true
  }

  #begin(head: string): void {
    if (!head.startsWith('HTTP/1.')) throw new Error(`this is no answer: ${head.slice(0, SHOWN)}`)
    this.status = Number(head.slice(9, 12))
    this.text = ''
    this.closing = /\r\nconnection: *close/i.test(head)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)
    const isEmpty = this.status === 204 || this.status === 304
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) this.#body = new Chunked()
    else if (length || isEmpty) this.#body = new Sized(isEmpty ? 0 : Number(length![1]))
    else throw new Error('the answer does not say how long it is')
  }
}

class Sized {
  #left: number

  constructor(length: number) {
    this.#left = length
  }

  read(bytes: Buffer): boolean {
    this.#left -= bytes.length
    if (this.#left < 0) throw new Error('the server sent more than its answer')
    return this.#left === 0
  }
}

/** Lines of sizes, each followed by as many bytes and an end of line; a size of 0 ends it, with an empty line behind. */
class Chunked {
  #line = ''
  /** Bytes of the chunk, with its end of line, that are still to come; below 0: a size is. */
  #left = -1
  #isLast = false

  read(bytes: Buffer): boolean {
    let at = 0
    while (at < bytes.length) {
      if (this.#left > 0) {
        const passed = Math.min(this.#left, bytes.length - at)
        this.#left -= passed
        at += passed
        if (this.#left > 0) return false
        if (this.#isLast) return true
        this.#left = -1
        continue
      }
      const end = bytes.indexOf('\n', at)
      if (end < 0) {
        this.#line += bytes.toString('latin1', at)
        return false
      }
      const size = Number.parseInt(this.#line + bytes.toString('latin1', at, end), 16)
      if (Number.isNaN(size)) throw new Error('the answer has a chunk without a size')
      this.#line = ''
      this.#isLast = size === 0
      this.#left = size + 2
      at = end + 1
    }
    return false
  }
}
