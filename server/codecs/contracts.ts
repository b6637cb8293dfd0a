/** Shapes of codecs that others name. */

/** Which content type a message of JMS has, by the first rule that applies. */
export interface ContentTypeRules {
  /** Properties that may name it, before the usual ones. */
  readonly properties: readonly string[]
  /** For bytes, for text, and for all that is left. */
  readonly bytes?: string
  readonly text?: string
  readonly rest?: string
}
