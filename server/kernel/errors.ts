import type { SourceRef } from './contracts.ts'

interface ErrorKind {
  /** Whether the same thing may work later without anybody changing anything. */
  readonly retryable: boolean
  /** The number Synapse users test for in `ERROR_CODE` (synapse-language D.6); 0 where Synapse has none. */
  readonly errorCode: number
  /** One sentence for the reference page: what happened and what to do. */
  readonly meaning: string
}

/**
 * Every error this server can report. Codes are permanent: never rename one, never reuse a retired one.
 * Callers branch on `code` or `retryable`, never on words.
 */
export const catalogue = {
  // stores
  STORE_FULL: {
    retryable: true,
    errorCode: 0,
    meaning: 'The store holds as many messages as it may. Drain it or raise its limit.',
  },
  STORE_UNAVAILABLE: {
    retryable: true,
    errorCode: 0,
    meaning:
      'The store could not be reached or did not confirm in time. The failover store, if one is named, takes the message.',
  },
  STORE_UNKNOWN: {
    retryable: true,
    errorCode: 0,
    meaning: 'No message store of that name is deployed. Deploy it or correct the name.',
  },
  STORE_FAILED: {
    retryable: true,
    errorCode: 0,
    meaning: 'Neither the store nor any of its failover stores took the message; the client is told so.',
  },
  DISK_FULL: {
    retryable: true,
    errorCode: 0,
    meaning:
      'The disk under HOME/data is full. New messages are refused, delivery goes on, acceptance resumes by itself.',
  },
  JOURNAL_FAILED: {
    retryable: true,
    errorCode: 0,
    meaning:
      'The disk did not confirm a write. Nothing in that group was accepted; the journal reopens in a new segment.',
  },
  JOURNAL_CLOSED: { retryable: true, errorCode: 0, meaning: 'The journal is closed because the server is stopping.' },
  HOME_UNUSABLE: {
    retryable: false,
    errorCode: 0,
    meaning: 'A folder of the home cannot be made. Correct its rights or choose another --home.',
  },
  JOURNAL_LOCKED: {
    retryable: false,
    errorCode: 0,
    meaning: 'Another process uses this home. Stop it or choose another --home.',
  },
  JOURNAL_FORMAT: {
    retryable: false,
    errorCode: 0,
    meaning: 'The journal was written by a newer version. Start that version, or choose another --home.',
  },
  JOURNAL_ACCESS: {
    retryable: false,
    errorCode: 0,
    meaning:
      'The folder HOME/data or a file in it may not be read or written by the user that runs the server. Correct its rights or choose another --home.',
  },
  JOURNAL_CORRUPT: {
    retryable: false,
    errorCode: 0,
    meaning: 'A segment cannot be read where it should be readable. The message names the file and offset.',
  },
  MESSAGE_UNREADABLE: {
    retryable: false,
    errorCode: 0,
    meaning: 'A stored message cannot be decoded. It goes to the quarantine store, never away.',
  },
  TRANSACTION_FAILED: {
    retryable: true,
    errorCode: 0,
    meaning:
      'The broker rolled the transaction back instead of committing it: nothing of it happened, and what was taken comes again.',
  },
  // endpoints and HTTP
  SEND_FAILED: { retryable: true, errorCode: 101500, meaning: 'Sending to the back end failed before a reply began.' },
  RECEIVE_FAILED: {
    retryable: true,
    errorCode: 101501,
    meaning: 'The connection broke while the reply was being read.',
  },
  CONNECT_FAILED: {
    retryable: true,
    errorCode: 101503,
    meaning: 'The back end could not be reached. Check its address and that it runs.',
  },
  SEND_TIMEOUT: {
    retryable: true,
    errorCode: 101504,
    meaning: "The back end did not answer within the endpoint's timeout.",
  },
  CONNECTION_CLOSED: {
    retryable: true,
    errorCode: 101505,
    meaning: 'The back end closed the connection before it answered.',
  },
  HTTP_VIOLATION: { retryable: true, errorCode: 101506, meaning: 'The back end answered something that is not HTTP.' },
  CONNECT_TIMEOUT: {
    retryable: true,
    errorCode: 101508,
    meaning: 'The back end did not accept the connection in time.',
  },
  TRANSPORT_ERROR: {
    retryable: true,
    errorCode: 401002,
    meaning: 'A blocking call was answered with an HTTP error status.',
  },
  NO_READY_CHILD: { retryable: true, errorCode: 303000, meaning: 'No member of the group is ready.' },
  ENDPOINT_SUSPENDED: {
    retryable: true,
    errorCode: 303001,
    meaning: 'The endpoint is suspended after failures or switched off; nothing was sent.',
  },
  ENDPOINT_AUTH_FAILED: {
    retryable: true,
    errorCode: 303003,
    meaning: 'The endpoint needs a token, and the token endpoint gave none. Check its address and the credentials.',
  },
  ENDPOINT_UNKNOWN: { retryable: true, errorCode: 305100, meaning: 'No endpoint of that name is deployed.' },
  NO_ADDRESS: {
    retryable: false,
    errorCode: 101500,
    meaning: 'The message has no address to go to. Set the To header or name an endpoint.',
  },
  SOAP_FAULT: {
    retryable: true,
    errorCode: 500000,
    meaning: 'The reply is a SOAP fault and FORCE_ERROR_ON_SOAP_FAULT is true.',
  },
  // services
  SERVICE_UNKNOWN: {
    retryable: true,
    errorCode: 0,
    meaning: 'No service of that name is deployed. The page at /services/ lists those that are.',
  },
  SERVICE_INACTIVE: {
    retryable: true,
    errorCode: 0,
    meaning: 'The service is deployed with startOnLoad="false" and refuses requests.',
  },
  SERVICE_UNREACHABLE: {
    retryable: false,
    errorCode: 0,
    meaning: 'The service names its transports, and the one the request came by is not among them.',
  },
  ANSWER_MISSING: {
    retryable: true,
    errorCode: 0,
    meaning: 'The flow ended and promised an answer that never came. Look for an out sequence without send or respond.',
  },
  // mediation
  SEQUENCE_UNKNOWN: { retryable: true, errorCode: 0, meaning: 'No sequence of that name is deployed.' },
  ENTRY_UNKNOWN: { retryable: true, errorCode: 0, meaning: 'No local entry or registry resource of that name exists.' },
  MEDIATION_FAILED: {
    retryable: false,
    errorCode: 0,
    meaning: 'A mediator could not do its work; the text says why and the position names its line.',
  },
  EXPRESSION_FAILED: {
    retryable: false,
    errorCode: 0,
    meaning: 'An expression could not be evaluated on this message.',
  },
  STYLESHEET_INVALID: {
    retryable: false,
    errorCode: 0,
    meaning: 'A stylesheet cannot be compiled. The text names its line.',
  },
  TRANSFORM_FAILED: {
    retryable: false,
    errorCode: 0,
    meaning: 'A stylesheet failed on this message, or was given up at one of its limits. The text names its line.',
  },
  EXTENSION_MISSING: {
    retryable: true,
    errorCode: 0,
    meaning:
      'The artifact names a Java class or a connector, and no extension is registered under that name. The text says what to put where.',
  },
  EXTENSION_FAILED: {
    retryable: false,
    errorCode: 0,
    meaning:
      'An extension threw, has not the function that is wanted, or did not end in time. The text names class and file.',
  },
  THROTTLED: {
    retryable: true,
    errorCode: 0,
    meaning: 'A throttle let the message not pass, and has no onReject. The caller may try again later.',
  },
  DATABASE_FAILED: {
    retryable: true,
    errorCode: 0,
    meaning: 'A database could not be reached, or refused a statement. The text says which one, and what it said.',
  },
  PAYLOAD_UNREADABLE: { retryable: false, errorCode: 601000, meaning: 'The body is not what its content type says.' },
  BODY_TOO_LARGE: {
    retryable: false,
    errorCode: 601000,
    meaning: 'A body that had to be collected is larger than the limit.',
  },
  OVERLOADED: {
    retryable: true,
    errorCode: 0,
    meaning: 'The server has as much to do as it may take on. The answer is 503 and says when to come back.',
  },
  BODY_CUT_OFF: {
    retryable: false,
    errorCode: 101001,
    meaning: 'The sender closed the connection before the body was complete.',
  },
  TOO_DEEP: { retryable: false, errorCode: 0, meaning: 'Sequences call one another without end.' },
  // artifacts and start
  PACKAGE_MISSING: {
    retryable: true,
    errorCode: 0,
    meaning: 'A feature needs an optional package that is not installed. Install it where Holdfast is, and restart.',
  },
  FILE_FORBIDDEN: {
    retryable: false,
    errorCode: 0,
    meaning:
      'An artifact, or a message, names a file outside of the folders artifacts may use. Add the folder to files.folders.',
  },
  NOT_SUPPORTED: { retryable: false, errorCode: 0, meaning: 'The artifact uses something this server does not offer.' },
  XML_MALFORMED: { retryable: false, errorCode: 601000, meaning: 'The text is not well-formed XML.' },
  EXPRESSION_SYNTAX: { retryable: false, errorCode: 0, meaning: 'An expression cannot be parsed.' },
  SETTING_INVALID: {
    retryable: false,
    errorCode: 0,
    meaning: 'A setting has a value it cannot have, or an unknown name.',
  },
  PORT_IN_USE: { retryable: false, errorCode: 0, meaning: 'Another process listens on a port this server needs.' },
  BROKER_REFUSED: { retryable: true, errorCode: 0, meaning: 'The broker refused the login or the queue.' },
} as const satisfies Record<string, ErrorKind>

export type ErrorName = keyof typeof catalogue

export interface ErrorDetails {
  readonly at?: SourceRef | undefined
  readonly cause?: unknown
  /** Overrides the catalogue where one failure has several Synapse numbers. */
  readonly errorCode?: number
  readonly retryable?: boolean
  /** The thing may have happened all the same (a confirm that did not come): repeat it only under the same id (P3, P5). */
  readonly ambiguous?: boolean
}

/** The one error type that crosses a module border. The text says what, where, and what to do. */
export class IntegrationError extends Error {
  override readonly name = 'IntegrationError'
  readonly code: ErrorName
  readonly retryable: boolean
  readonly ambiguous: boolean
  readonly errorCode: number
  at: SourceRef | undefined

  constructor(code: ErrorName, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.retryable = details.retryable ?? catalogue[code].retryable
    this.ambiguous = details.ambiguous ?? false
    this.errorCode = details.errorCode ?? catalogue[code].errorCode
    this.at = details.at
  }
}

/** Wraps whatever was thrown, keeping an {@link IntegrationError} as it is and noting the place if none is known. */
export function asIntegrationError(thrown: unknown, at?: SourceRef): IntegrationError {
  if (thrown instanceof IntegrationError) {
    thrown.at ??= at
    return thrown
  }
  return new IntegrationError('MEDIATION_FAILED', textOf(thrown), { cause: thrown, at })
}

export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** Node's system error code (`ECONNREFUSED`, `ENOSPC`, …) of what was thrown, if it has one. */
export function systemCode(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}
