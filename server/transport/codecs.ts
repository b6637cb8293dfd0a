import type { ByteSource, Format, Message } from '../kernel/message.ts'

/** A body ready to be written: bytes, or a source where it is passed through while it arrives. */
export interface FormattedReply {
  /** `''` for a body without a type. */
  readonly contentType: string
  readonly bytes?: Uint8Array
  readonly stream?: ByteSource
  /** The body is a SOAP fault or what `makefault` made: status 500 unless the flow says otherwise. */
  readonly fault?: boolean
}

export interface FaultText {
  /** Permanent name from the error catalogue. */
  readonly code: string
  /** One line for the caller. */
  readonly reason: string
  /** True if the caller did something wrong (SOAP: Client, Sender), false if we or a back end did. */
  readonly byCaller: boolean
}

/** What the listener needs to know about payloads; handed in, so that transport does not depend on the codecs. */
export interface TransportCodecs {
  /** How the caller speaks. `contentType` is `''` when it gave none. */
  clientFormat(method: string, contentType: string): Format
  /** The message as an answer to a caller that speaks `client` (synapse-language E.9, rules 2 and 3). */
  formatReply(message: Message, client: Format): FormattedReply | Promise<FormattedReply>
  formatFault(client: Format, fault: FaultText): { readonly contentType: string; readonly bytes: Uint8Array }
}
