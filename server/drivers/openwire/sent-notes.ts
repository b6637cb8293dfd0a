/** Under which number a message was sent; the connection tells the process that did. */
export interface SentNote {
  readonly connectionId: string
  readonly producer: number
  readonly sequence: number
}

/**
 * Kept over a crash, so that a message whose answer nobody has seen is sent once more under the number it had, and the
 * broker drops the second copy (messaging-peers §7.2). A number is only ever used again for the very message that is
 * noted under it: a home that was copied, or restored, makes nothing be dropped that is not there.
 */
export interface SentNotes {
  get(key: string): SentNote | undefined
  /** Resolves when it is durable. */
  note(key: string, note: SentNote): Promise<void>
  forget(key: string): Promise<void>
}

export const NO_NOTES: SentNotes = {
  get: () => undefined,
  note: () => Promise.resolve(),
  forget: () => Promise.resolve(),
}
