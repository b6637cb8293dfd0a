import { decodeXml } from './decode.ts'
import { nameMatcher } from './names.ts'
import { hashOf, metBefore, remember, shared, standsAt } from './names-met.ts'
import { lineStarts, positionIn } from './positions.ts'
import { resolveReferences } from './references.ts'
import { Scopes } from './scopes.ts'
import type { Name } from './scopes.ts'
import { XmlAttribute, XmlComment, XmlDocument, XmlElement, XmlPi, XmlText } from './tree.ts'
import type { XmlNode } from './tree.ts'
import { XmlError } from './xml-error.ts'

export interface ReadOptions {
  /** Charset of the content type; a byte order mark goes before it, the XML declaration after it. */
  readonly charset?: string
  /** Name for positions in artifacts. */
  readonly file?: string
}

/** Elements inside one another beyond this are refused: nobody writes them, and somebody's recursion would break. */
const DEEPEST = 1000
/** Most texts end within so many characters; looking for what they may contain one by one is faster than three searches. */
const NEAR = 64
/** Up to here comparing attributes with one another is faster than a set. */
const FEW = 8

/** A document as a tree; throws {@link XmlError} for anything that is not well-formed, and for a DOCTYPE. */
export function parseXml(input: string | Uint8Array, options: ReadOptions = {}): XmlDocument {
  if (typeof input !== 'string') return new Reader(decodeXml(input, options.charset), options.file ?? '').read()
  const source = input.charCodeAt(0) === 0xfeff ? input.slice(1) : input
  return new Reader(source, options.file ?? '').read()
}

// eslint-disable-next-line no-control-regex -- the rule is about exactly these
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/
const LONE_SURROGATE = /[\ud800-\udfff]/u
const NAME_AT = nameMatcher()
const NOT_SPACE = /[^ \t\n\r]/
const LINE_END = /\r\n?/g
const ATTRIBUTE_SPACE = /\r\n|[\t\n\r]/g
const XML_DECLARATION =
  /^<\?xml[ \t\n\r]+version[ \t\n\r]*=[ \t\n\r]*(?:"1\.[0-9]+"|'1\.[0-9]+')(?:[ \t\n\r]+encoding[ \t\n\r]*=[ \t\n\r]*(?:"[A-Za-z][\w.-]*"|'[A-Za-z][\w.-]*'))?(?:[ \t\n\r]+standalone[ \t\n\r]*=[ \t\n\r]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\n\r]*\?>/
const OUTSIDE = 'XML begins with < and ends with the end tag of its first element; remove what stands outside.'
const ASK_FOR_ESCAPE = 'Write &amp; for & itself, &lt; for <.'

class Reader {
  readonly #source: string
  readonly #file: string
  readonly #hasCr: boolean
  #at = 0
  /** Of the tag being read; the rest is from tags before it. */
  readonly #attributeNames: Name[] = []
  readonly #scopes = new Scopes()

  constructor(source: string, file: string) {
    this.#source = source
    this.#file = file
    this.#hasCr = source.includes('\r')
  }

  read(): XmlDocument {
    this.#checkCharacters()
    const source = this.#source
    const end = source.length
    const top: XmlNode[] = []
    const open: XmlElement[] = []
    const names: Name[] = []
    let current: XmlElement | null = null
    let root: XmlElement | null = null
    this.#at = this.#declarationEnd()

    while (this.#at < end) {
      const start = this.#at
      if (source.charCodeAt(start) !== 60) {
        const text = this.#text(current === null)
        if (current !== null) current.push(text!)
        continue
      }
      const next = source.charCodeAt(start + 1)
      if (next === 47) {
        const name = names.pop()
        if (name === undefined || current === null)
          this.#fail(start, 'an end tag closes nothing', 'Remove it, or add its start tag.')
        this.#endTag(name, current)
        this.#scopes.leave(current)
        current = open.pop() ?? null
      } else if (next === 33 || next === 63) {
        const node = next === 63 ? this.#instruction() : this.#exclamation(current === null)
        if (current === null) top.push(node)
        else current.push(node)
      } else {
        this.#at++
        const name = this.#name('an element name')
        const element: XmlElement = new XmlElement(name.local, '', name.prefix, start)
        if (current !== null) current.push(element)
        else if (root === null) top.push((root = element))
        else this.#fail(start, 'a second root element', 'A document has exactly one; put an element around them.')
        const closed = source.charCodeAt(this.#at) === 62 ? this.#tagEnds() : this.#startTag(element)
        element.uri = this.#resolve(name, start + 1)
        if (closed) this.#scopes.leave(element)
        else {
          if (names.length >= DEEPEST) this.#fail(start, `more than ${DEEPEST} elements inside one another`)
          names.push(name)
          if (current !== null) open.push(current)
          current = element
        }
      }
    }
    if (current !== null) this.#fail(current.offset, `<${current.name}> is never closed`, `Add </${current.name}>.`)
    if (root === null) this.#fail(0, end === 0 ? 'there is no text at all' : 'there is no root element')
    return new XmlDocument(top, source, this.#file)
  }

  // ── tags ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Most tags have no attributes and end where their name does. */
  #tagEnds(): false {
    this.#at++
    return false
  }

  /** Reads from behind the name to the end of the tag. True if it closes itself. */
  #startTag(element: XmlElement): boolean {
    const source = this.#source
    const names = this.#attributeNames
    let count = 0
    for (;;) {
      const spaced = this.#skipSpace()
      const code = source.charCodeAt(this.#at)
      if (code === 62 || code === 47) {
        const closed = code === 47
        if (closed && source.charCodeAt(this.#at + 1) !== 62) this.#fail(this.#at, '> is expected after /')
        this.#at += closed ? 2 : 1
        if (count > 0) this.#resolveAttributes(element, names)
        return closed
      }
      if (this.#at >= source.length) this.#fail(element.offset, `the tag <${element.name}> has no end`)
      if (!spaced) this.#fail(this.#at, 'white space is expected before an attribute')
      const offset = this.#at
      const name = this.#name('an attribute name, > or />')
      const value = this.#attributeValue(name)
      if (name.declares !== null) {
        const wrong = this.#scopes.declare(element, name.declares, value, offset)
        if (wrong !== undefined) this.#fail(offset, wrong)
      } else {
        element.addAttribute(new XmlAttribute(name.local, value, '', name.prefix, offset))
        names[count++] = name
      }
    }
  }

  #endTag(name: Name, element: XmlElement): void {
    const source = this.#source
    const start = this.#at
    this.#at += 2
    const after = this.#at + name.raw.length
    if (standsAt(source, this.#at, name.raw) && (source.charCodeAt(after) === 62 || this.#isSpace(after)))
      this.#at = after
    else {
      const found = this.#name('an element name').raw
      const { line } = this.#position(element.offset)
      this.#fail(
        start,
        `</${found}> does not close <${name.raw}> of line ${line}`,
        `Write </${name.raw}> here, or close <${name.raw}> before.`,
      )
    }
    this.#skipSpace()
    if (source.charCodeAt(this.#at) !== 62) this.#fail(this.#at, `> is expected at the end of </${name.raw}>`)
    this.#at++
  }

  #attributeValue(name: Name): string {
    const source = this.#source
    this.#skipSpace()
    if (source.charCodeAt(this.#at) !== 61)
      this.#fail(this.#at, `the attribute ${name.raw} has no value`, `Write ${name.raw}="…".`)
    this.#at++
    this.#skipSpace()
    const quote = source.charCodeAt(this.#at)
    if (quote !== 34 && quote !== 39)
      this.#fail(this.#at, `the value of ${name.raw} is not in quotes`, `Write ${name.raw}="…".`)
    const start = this.#at + 1
    let end = start
    let spaces = false
    let references = false
    for (; ; end++) {
      if (end >= source.length) this.#failInValue(name, start, end, quote)
      const code = source.charCodeAt(end)
      if (code === quote) break
      if (code === 60) this.#failInValue(name, start, end, quote)
      if (code === 38) references = true
      // Of the characters below a blank only these are allowed: tab, line feed, carriage return.
      else if (code < 32) spaces = true
    }
    this.#at = end + 1
    const value = source.slice(start, end)
    if (references) return this.#resolveReferences(value, start, spaces ? ATTRIBUTE_SPACE : null, ' ')
    return spaces ? value.replace(ATTRIBUTE_SPACE, ' ') : value
  }

  #failInValue(name: Name, start: number, less: number, quote: number): never {
    if (!this.#source.includes(String.fromCharCode(quote), start))
      this.#fail(start - 1, `the value of ${name.raw} has no closing quote`)
    this.#fail(less, `< inside the value of ${name.raw}`, 'Write &lt; for it, or look for a missing closing quote.')
  }

  // ── namespaces ─────────────────────────────────────────────────────────────────────────────────────────────────

  #resolve(name: Name, offset: number): string {
    const uri = this.#scopes.resolve(name)
    if (uri !== undefined) return uri
    const { prefix } = name
    this.#fail(
      offset,
      `the prefix ${prefix} is not declared`,
      `Add xmlns:${prefix}="…" to this element or one around it.`,
    )
  }

  #resolveAttributes(element: XmlElement, names: readonly Name[]): void {
    const { attributes } = element
    for (let index = 0; index < attributes.length; index++) {
      const name = names[index]!
      if (name.prefix !== '') attributes[index]!.uri = this.#resolve(name, attributes[index]!.offset)
    }
    if (attributes.length > FEW) return this.#checkManyAttributes(attributes)
    for (let later = 1; later < attributes.length; later++) {
      const attribute = attributes[later]!
      for (let earlier = 0; earlier < later; earlier++) {
        const other = attributes[earlier]!
        if (attribute.local === other.local && attribute.uri === other.uri) this.#twice(attribute)
      }
    }
  }

  #checkManyAttributes(attributes: readonly XmlAttribute[]): void {
    const seen = new Set<string>()
    for (const attribute of attributes) {
      const key = `${attribute.local} ${attribute.uri}`
      if (seen.has(key)) this.#twice(attribute)
      seen.add(key)
    }
  }

  #twice(attribute: XmlAttribute): never {
    const space = attribute.uri === '' ? '' : ` of the namespace ${attribute.uri}`
    this.#fail(attribute.offset, `the attribute ${attribute.local}${space} is given twice`)
  }

  // ── content ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Text up to the next markup; outside the root only white space is allowed, and dropped. */
  #text(outside: boolean): XmlText | null {
    const source = this.#source
    const start = this.#at
    const near = Math.min(start + NEAR, source.length)
    let at = start
    let plain = !outside
    for (; at < near; at++) {
      const code = source.charCodeAt(at)
      if (code === 60) break
      if (code === 38 || code === 93 || code === 13) plain = false
    }
    if (plain && at < near) {
      this.#at = at
      return new XmlText(source.slice(start, at), false, start)
    }
    const next = source.indexOf('<', at)
    const end = next < 0 ? source.length : next
    this.#at = end
    const raw = source.slice(start, end)
    if (outside) {
      const wrong = raw.search(NOT_SPACE)
      if (wrong >= 0) this.#fail(start + wrong, 'text outside the root element', OUTSIDE)
      return null
    }
    if (raw.includes(']]>')) this.#fail(start + raw.indexOf(']]>'), ']]> in text', 'Write ]]&gt; for it.')
    if (raw.includes('&'))
      return new XmlText(this.#resolveReferences(raw, start, this.#hasCr ? LINE_END : null, '\n'), false, start)
    return new XmlText(this.#normal(raw), false, start)
  }

  #exclamation(outside: boolean): XmlNode {
    const source = this.#source
    const start = this.#at
    if (source.startsWith('<!--', start)) {
      const end = source.indexOf('--', start + 4)
      if (end < 0) this.#fail(start, 'the comment has no end', 'Add -->.')
      if (source.charCodeAt(end + 2) !== 62)
        this.#fail(end, '-- inside a comment', 'A comment ends with --> and may not contain --.')
      this.#at = end + 3
      return new XmlComment(this.#normal(source.slice(start + 4, end)), start)
    }
    if (source.startsWith('<![CDATA[', start)) {
      if (outside) this.#fail(start, 'text outside the root element', OUTSIDE)
      const end = source.indexOf(']]>', start + 9)
      if (end < 0) this.#fail(start, 'the CDATA section has no end', 'Add ]]>.')
      this.#at = end + 3
      return new XmlText(this.#normal(source.slice(start + 9, end)), true, start)
    }
    if (source.startsWith('<!DOCTYPE', start)) {
      this.#fail(
        start,
        'a document type declaration is not accepted',
        'Remove <!DOCTYPE …>, and write characters instead of its entities.',
      )
    }
    this.#fail(start, 'unknown markup after <!')
  }

  #instruction(): XmlPi {
    const source = this.#source
    const start = this.#at
    this.#at += 2
    const target = this.#name('the name of a processing instruction').raw
    if (target.toLowerCase() === 'xml') {
      this.#fail(
        start,
        'an XML declaration that is malformed or not at the very start',
        'Write <?xml version="1.0" encoding="UTF-8"?> before everything else, white space included.',
      )
    }
    const end = source.indexOf('?>', this.#at)
    if (end < 0) this.#fail(start, `the processing instruction ${target} has no end`, 'Add ?>.')
    if (end > this.#at && !this.#isSpace(this.#at)) this.#fail(this.#at, `white space is expected after ${target}`)
    const value = source.slice(this.#at, end).replace(/^[ \t\n\r]+/, '')
    this.#at = end + 2
    return new XmlPi(target, this.#normal(value), start)
  }

  #normal(text: string): string {
    return this.#hasCr && text.includes('\r') ? text.replace(LINE_END, '\n') : text
  }

  #resolveReferences(text: string, start: number, space: RegExp | null, by: string): string {
    return resolveReferences(text, space, by, (offset, reason) => this.#fail(start + offset, reason, ASK_FOR_ESCAPE))
  }

  // ── characters ─────────────────────────────────────────────────────────────────────────────────────────────────

  #checkCharacters(): void {
    const source = this.#source
    const wrong = source.search(FORBIDDEN)
    const lone = wrong >= 0 ? wrong : source.search(LONE_SURROGATE)
    if (lone < 0) return
    const code = source.charCodeAt(lone).toString(16).toUpperCase().padStart(4, '0')
    this.#fail(lone, `the character U+${code} is not allowed in XML`, 'Remove it; binary data belongs into base64.')
  }

  /** Offset behind the XML declaration, 0 if there is none. */
  #declarationEnd(): number {
    if (!this.#source.startsWith('<?xml')) return 0
    return XML_DECLARATION.exec(this.#source.slice(0, 512))?.[0].length ?? 0
  }

  #name(expected: string): Name {
    const source = this.#source
    const start = this.#at
    let at = start
    let hash = 0
    let code = source.charCodeAt(at)
    if ((code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95) {
      do {
        hash = (Math.imul(hash, 31) + code) | 0
        code = source.charCodeAt(++at)
      } while (
        (code >= 97 && code <= 122) ||
        (code >= 65 && code <= 90) ||
        (code >= 48 && code <= 58) ||
        code === 95 ||
        code === 45 ||
        code === 46
      )
    }
    if (at === start || code > 127) {
      NAME_AT.lastIndex = start
      const match = NAME_AT.exec(source)
      if (!match) this.#fail(start, `${expected} is expected`)
      at = start + match[0].length
      hash = hashOf(source, start, at)
    }
    this.#at = at
    return metBefore(source, start, at, hash) ?? this.#split(shared(source.slice(start, at)), hash, start)
  }

  #split(raw: string, hash: number, offset: number): Name {
    const colon = raw.indexOf(':')
    const prefix = colon < 0 ? '' : shared(raw.slice(0, colon))
    const local = colon < 0 ? raw : shared(raw.slice(colon + 1))
    if (colon >= 0 && (prefix === '' || local === '' || local.includes(':') || /^[-.0-9]/.test(local))) {
      this.#fail(
        offset,
        `${raw} is not a qualified name`,
        'A name has at most one colon, with something on both sides.',
      )
    }
    const declares = raw === 'xmlns' ? '' : prefix === 'xmlns' ? local : null
    return remember({ raw, hash, prefix, local, declares, scope: -1, uri: '' })
  }

  /** True if there was any. */
  #skipSpace(): boolean {
    const start = this.#at
    while (this.#isSpace(this.#at)) this.#at++
    return this.#at > start
  }

  #isSpace(at: number): boolean {
    const code = this.#source.charCodeAt(at)
    return code === 32 || code === 10 || code === 9 || code === 13
  }

  #position(offset: number): { line: number; column: number } {
    return positionIn(lineStarts(this.#source), offset)
  }

  #fail(offset: number, reason: string, hint?: string): never {
    throw new XmlError(reason, { offset, ...this.#position(offset) }, hint)
  }
}
