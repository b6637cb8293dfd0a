import { guardedRegExp } from '../kernel/guarded-regex.ts'

/** Why a JSONPath cannot be compiled; `offset` counts UTF-16 units from its start. */
export class JsonPathSyntaxError extends Error {
  override readonly name = 'JsonPathSyntaxError'
  readonly offset: number

  constructor(reason: string, offset: number) {
    super(reason)
    this.offset = offset
  }
}

export const TAILS = ['length', 'size', 'min', 'max', 'sum', 'avg', 'stddev', 'keys', 'first', 'last'] as const
export type Tail = (typeof TAILS)[number]

export interface StandardPath {
  /** RFC 9535, with two filter functions of ours: `matches(value, regex, flags)` and `within(value, list)`. */
  readonly text: string
  /** The names and indexes of a path that can select one value only; null for others. */
  readonly keys: readonly (string | number)[] | null
  /** Function at the end of the path. */
  readonly tail: Tail | undefined
}

const TAIL = new RegExp(`\\.(${TAILS.join('|')})\\(\\s*\\)\\s*$`)
const PLAIN_NAME = /^[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*$/
const LAST = /^\(\s*@\s*\.\s*length(?:\(\))?\s*-\s*(\d+)\s*\)$/
const INDEX = /^-?(?:0|[1-9]\d*)$/

/**
 * JSONPath as people write it for Jayway, the library inside Synapse, in the notation of RFC 9535: names that need
 * quotes get them, `[(@.length-1)]`, `=~`, `in`, `nin` and `.length()` in filters are rewritten, a function at the end
 * is taken off. A path without `$` begins at the root.
 */
export function standardPath(source: string): StandardPath {
  const trimmed = source.trim()
  const rooted = /^[$@]/.test(trimmed) ? trimmed : `$.${trimmed}`
  const tail = TAIL.exec(rooted)
  const path = tail ? rooted.slice(0, tail.index) : rooted
  const segments = new Segments(path)
  segments.read()
  return { text: segments.text, keys: segments.keys, tail: tail ? (tail[1] as Tail) : undefined }
}

class Segments {
  readonly #path: string
  #at = 1
  text = '$'
  keys: (string | number)[] | null = []

  constructor(path: string) {
    this.#path = path
  }

  read(): void {
    const path = this.#path
    while (this.#at < path.length) {
      const character = path[this.#at]!
      if (character === '[') this.#bracket()
      else if (character === '.') this.#dot()
      else if (/\s/.test(character)) this.#at++
      else throw new JsonPathSyntaxError(`a dot or [ is expected where "${character}" stands`, this.#at)
    }
  }

  #dot(): void {
    const path = this.#path
    const start = this.#at++
    const deep = path[this.#at] === '.'
    if (deep) {
      this.#at++
      this.keys = null
    }
    const dots = deep ? '..' : '.'
    if (path[this.#at] === '*') {
      this.#at++
      this.keys = null
      this.text += `${dots}*`
      return
    }
    if (path[this.#at] === '[') {
      if (deep) this.text += '..'
      this.#bracket()
      return
    }
    const end = /[.[]|$/.exec(path.slice(this.#at))!.index + this.#at
    const name = path.slice(this.#at, end).trim()
    if (name === '') throw new JsonPathSyntaxError('a name is expected after the dot', start)
    if (/[()]/.test(name))
      throw new JsonPathSyntaxError(
        `${name} is not known; functions at the end of a path are ${TAILS.map(t => `${t}()`).join(' ')}`,
        start,
      )
    this.#at = end
    this.keys?.push(name)
    this.text += PLAIN_NAME.test(name) ? `${dots}${name}` : `${deep ? '..' : ''}[${quoted(name)}]`
  }

  #bracket(): void {
    const start = this.#at
    const end = closing(this.#path, start)
    const inside = this.#path.slice(start + 1, end).trim()
    this.#at = end + 1
    const last = LAST.exec(inside)
    if (INDEX.test(inside)) {
      this.keys?.push(Number(inside))
      this.text += `[${inside}]`
    } else if (last) {
      this.keys?.push(-Number(last[1]))
      this.text += `[-${last[1]}]`
    } else if (inside.startsWith('?')) {
      this.keys = null
      this.text += `[?${standardFilter(inside.slice(1), start + 2)}]`
    } else {
      const name = soleName(inside)
      if (name === null) this.keys = null
      else this.keys?.push(name)
      this.text += `[${inside}]`
    }
  }
}

function soleName(inside: string): string | null {
  const match = /^'((?:[^'\\]|\\.)*)'$/.exec(inside) ?? /^"((?:[^"\\]|\\.)*)"$/.exec(inside)
  return match && !match[1]!.includes('\\') ? match[1]! : null
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`
}

/** Offset of the bracket that closes the one at `start`; texts and regular expressions may hold brackets. */
function closing(path: string, start: number): number {
  let depth = 0
  for (let at = start; at < path.length; at++) {
    const character = path[at]!
    if (character === '[') depth++
    else if (character === ']' && --depth === 0) return at
    else if (character === "'" || character === '"') at = endOfText(path, at)
    else if (character === '=' && path[at + 1] === '~') {
      const slash = path.indexOf('/', at)
      if (slash >= 0) at = endOfText(path, slash)
    }
  }
  throw new JsonPathSyntaxError('[ has no ]', start)
}

/** Offset of the quote (or slash) that ends what the one at `start` begins. */
function endOfText(path: string, start: number): number {
  for (let at = start + 1; at < path.length; at++) {
    if (path[at] === '\\') at++
    else if (path[at] === path[start]) return at
  }
  throw new JsonPathSyntaxError(`${path[start]} has no end`, start)
}

const OPERAND = /(?:[@$](?:\.[\w\u0080-\uffff-]+|\[[^\]]*\])*|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?)$/

function standardFilter(filter: string, offset: number): string {
  let out = ''
  let at = 0
  const takeOperand = (): string => {
    const before = out.trimEnd()
    const operand = OPERAND.exec(before)?.[0]
    if (operand === undefined)
      throw new JsonPathSyntaxError('a path such as @.name is expected before the operator', offset + at)
    out = before.slice(0, before.length - operand.length)
    return operand
  }
  while (at < filter.length) {
    const rest = filter.slice(at)
    const character = filter[at]!
    if (character === "'" || character === '"') {
      const end = endOfText(filter, at)
      out += filter.slice(at, end + 1)
      at = end + 1
      continue
    }
    const regex = /^=~\s*\//.exec(rest)
    const list = /^(in|nin)(?=\s*[[@$])/i.exec(rest)
    const length = /^\.(?:length|size)\(\s*\)/.exec(rest)
    if (regex) {
      const start = at + regex[0].length - 1
      const end = endOfText(filter, start)
      const flags = /^[a-zA-Z]*/.exec(filter.slice(end + 1))![0]
      const operand = takeOperand()
      out += `matches(${operand}, ${quoted(checked(filter.slice(start + 1, end), flags, offset + start))}, ${quoted(flags)})`
      at = end + 1 + flags.length
    } else if (list && /[\s'"\])]$/.test(out)) {
      const operand = takeOperand()
      at += list[0].length
      while (/\s/.test(filter[at]!)) at++
      const test = filter[at] === '[' ? anyOf(operand, filter, at) : within(operand, filter.slice(at))
      out += list[1]!.toLowerCase() === 'nin' ? `!(${test.text})` : `(${test.text})`
      at += test.length
    } else if (length) {
      const operand = takeOperand()
      out += `length(${operand})`
      at += length[0].length
    } else {
      out += character
      at++
    }
  }
  return out
}

function anyOf(operand: string, filter: string, start: number): { text: string; length: number } {
  const end = closing(filter, start)
  const items = filter.slice(start + 1, end).match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,]+/g) ?? []
  const text = items.length === 0 ? `${operand} != ${operand}` : items.map(item => `${operand} == ${item}`).join(' || ')
  return { text, length: end + 1 - start }
}

function within(operand: string, rest: string): { text: string; length: number } {
  const path = /^[@$](?:\.[\w\u0080-\uffff-]+|\[[^\]]*\])*/.exec(rest)![0]
  return { text: `within(${operand}, ${path})`, length: path.length }
}

function checked(pattern: string, flags: string, offset: number): string {
  try {
    regexOf(pattern, flags)
    return pattern
  } catch (cause) {
    throw new JsonPathSyntaxError(cause instanceof Error ? cause.message : String(cause), offset)
  }
}

/** Java patterns match the whole text; `(?i)` at the start is a flag there. */
export function regexOf(pattern: string, flags: string): RegExp {
  const inline = /^\(\?([ims]+)\)/.exec(pattern)
  const body = inline ? pattern.slice(inline[0].length) : pattern
  const wanted = new Set(`${flags}${inline?.[1] ?? ''}`.split('').filter(flag => 'imsu'.includes(flag)))
  return guardedRegExp(`^(?:${body})$`, [...wanted].join(''))
}
