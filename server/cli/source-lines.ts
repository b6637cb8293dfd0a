import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { SourceRef } from '../kernel/contracts.ts'
import { maskXml } from '../kernel/secrets.ts'
import { decodeXml } from '../xml/decode.ts'

/** As much of a line as fits beside its number on a usual terminal. */
const WIDEST = 110

export interface Excerpt {
  readonly text: string
  /** White space that brings a caret under the character meant, tabs as in the text. */
  readonly before: string
}

/** Lines of artifact files, to be shown to people: secrets masked, control characters gone. */
export class SourceLines {
  readonly #cwd: string
  readonly #files = new Map<string, readonly string[]>()

  constructor(cwd: string) {
    this.#cwd = cwd
  }

  /** Undefined where the file cannot be read or has no such line. */
  line({ file, line }: SourceRef): string | undefined {
    return this.#linesOf(file)[line - 1]
  }

  excerpt(at: SourceRef): Excerpt | undefined {
    const line = this.line(at)
    if (line === undefined) return undefined
    const column = Math.min(at.column - 1, line.length)
    const from = column < WIDEST - 20 ? 0 : column - Math.floor(WIDEST / 2)
    const end = from + WIDEST
    const text = `${from > 0 ? '…' : ''}${line.slice(from, end)}${end < line.length ? '…' : ''}`
    const before = `${from > 0 ? ' ' : ''}${line.slice(from, column).replace(/[^\t]/g, ' ')}`
    return { text, before }
  }

  #linesOf(file: string): readonly string[] {
    let lines = this.#files.get(file)
    if (!lines) {
      lines = this.#read(file)
      this.#files.set(file, lines)
    }
    return lines
  }

  #read(file: string): readonly string[] {
    let text: string
    try {
      text = decodeXml(readFileSync(resolve(this.#cwd, file)))
    } catch {
      return []
    }
    const plain = linesOf(text)
    const masked = linesOf(maskXml(text))
    // A secret of several lines was masked: which line is which can no longer be told.
    if (masked.length !== plain.length) return []
    return masked.map(line => line.replace(/\p{Cc}/gu, control => (control === '\t' ? control : ' ')))
  }
}

function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/)
}
