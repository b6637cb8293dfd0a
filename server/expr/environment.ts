import type { Clock } from '../kernel/clock.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { XmlElement } from '../xml/tree.ts'
import type { JsonRoot } from './json-values.ts'

/** How expressions see a message; `codecs/` knows how to read one. The body has been collected before. */
export interface MessageViews {
  /** The SOAP envelope, made around anything that is none. Expressions never change it. */
  envelope(ctx: MessageContext): XmlElement
  header(ctx: MessageContext): XmlElement | undefined
  body(ctx: MessageContext): XmlElement
  /** The payload is JSON as it stands, without being converted. */
  isJson(ctx: MessageContext): boolean
  /** A payload that is not JSON: its element, or the text of a plain text; undefined if there is none. */
  content(ctx: MessageContext): XmlElement | string | undefined
  /** The payload as JSON; value undefined if there is none. */
  json(ctx: MessageContext): JsonRoot
  /** Throws for a text that is not JSON. */
  parseJson(text: string): JsonRoot
  /** The JSON text of `holder[key]`, numbers as they were written. */
  printJson(value: unknown, holder: object, key: string | number): string
}

/** What expressions need besides the message. One object for the whole server. */
export interface ExpressionEnvironment {
  readonly views: MessageViews
  readonly clock: Clock
  /** Text of a registry resource, for `get-property('registry', …)`. */
  resource?(key: string): string | undefined
  /** A property of such a resource, for `get-property('registry', 'gov:/x@name')`. */
  resourceProperty?(key: string, name: string): string | undefined
  /** JVM-like system properties, for `$sys:` and scope `system`. */
  systemProperty?(name: string): string | undefined
  /** Entry of `file.properties`, for scope `file`. */
  fileProperty?(name: string): string | undefined
  /** What `configs.name` means; absent: the environment variable. */
  config?(name: string): string | undefined
  /** Environment variable, for scope `env`. */
  environmentVariable?(name: string): string | undefined
}
