/**
 * The part of OpenWire we speak (messaging-peers §4.3), version 10 to 12 in loose encoding: what each structure is made
 * of, in the order of the wire. Reader, writer (`commands.ts`) and the types below follow from the table.
 */

/** What a field is; the names of structures stand for one of them, or none. */
export interface Kinds {
  readonly bool: boolean
  readonly byte: number
  readonly int: number
  readonly long: number
  readonly string: string | null
  readonly bytes: Uint8Array | null
  readonly magic: Uint8Array
  readonly path: null
  readonly throwable: Throwable | null
  readonly Connection: Structure<'ConnectionId'> | null
  readonly Session: Structure<'SessionId'> | null
  readonly Consumer: Structure<'ConsumerId'> | null
  readonly Producer: Structure<'ProducerId'> | null
  readonly MessageId: Structure<'MessageId'> | null
  readonly Destination: Destination | null
  readonly Transaction: Structure<'LocalTransactionId'> | null
  readonly Message: Message | null
  /** Anything: read and passed over, or written as it is. */
  readonly any: AnyStructure | null
}

export interface Throwable {
  readonly className: string
  readonly message: string
}

type Fields = Readonly<Record<string, keyof Kinds>>

const COMMAND = { commandId: 'int', responseRequired: 'bool' } as const

const MESSAGE = {
  ...COMMAND,
  producerId: 'Producer',
  destination: 'Destination',
  transactionId: 'Transaction',
  originalDestination: 'Destination',
  messageId: 'MessageId',
  originalTransactionId: 'Transaction',
  groupID: 'string',
  groupSequence: 'int',
  correlationId: 'string',
  persistent: 'bool',
  expiration: 'long',
  priority: 'byte',
  replyTo: 'Destination',
  timestamp: 'long',
  type: 'string',
  content: 'bytes',
  marshalledProperties: 'bytes',
  dataStructure: 'any',
  targetConsumerId: 'Consumer',
  compressed: 'bool',
  redeliveryCounter: 'int',
  brokerPath: 'path',
  arrival: 'long',
  userID: 'string',
  receivedByDFBridge: 'bool',
  droppable: 'bool',
  cluster: 'path',
  brokerInTime: 'long',
  brokerOutTime: 'long',
  groupFirstForConsumer: 'bool',
} as const

const NAME = { physicalName: 'string' } as const
const TEXT = { value: 'string' } as const

export const TABLE = {
  WireFormatInfo: { code: 1, fields: { magic: 'magic', version: 'int', marshalledProperties: 'bytes' } },
  BrokerInfo: {
    code: 2,
    fields: {
      ...COMMAND,
      brokerId: 'any',
      brokerURL: 'string',
      peerBrokerInfos: 'path',
      brokerName: 'string',
      slaveBroker: 'bool',
      masterBroker: 'bool',
      faultTolerantConfiguration: 'bool',
      duplexConnection: 'bool',
      networkConnection: 'bool',
      connectionId: 'long',
      brokerUploadUrl: 'string',
      networkProperties: 'string',
    },
  },
  ConnectionInfo: {
    code: 3,
    fields: {
      ...COMMAND,
      connectionId: 'Connection',
      clientId: 'string',
      password: 'string',
      userName: 'string',
      brokerPath: 'path',
      brokerMasterConnector: 'bool',
      manageable: 'bool',
      clientMaster: 'bool',
      faultTolerant: 'bool',
      failoverReconnect: 'bool',
      clientIp: 'string',
    },
  },
  SessionInfo: { code: 4, fields: { ...COMMAND, sessionId: 'Session' } },
  ConsumerInfo: {
    code: 5,
    fields: {
      ...COMMAND,
      consumerId: 'Consumer',
      browser: 'bool',
      destination: 'Destination',
      prefetchSize: 'int',
      maximumPendingMessageLimit: 'int',
      dispatchAsync: 'bool',
      selector: 'string',
      clientId: 'string',
      subscriptionName: 'string',
      noLocal: 'bool',
      exclusive: 'bool',
      retroactive: 'bool',
      priority: 'byte',
      brokerPath: 'path',
      additionalPredicate: 'any',
      networkSubscription: 'bool',
      optimizedAcknowledge: 'bool',
      noRangeAcks: 'bool',
      networkConsumerPath: 'path',
    },
  },
  ProducerInfo: {
    code: 6,
    fields: {
      ...COMMAND,
      producerId: 'Producer',
      destination: 'Destination',
      brokerPath: 'path',
      dispatchAsync: 'bool',
      windowSize: 'int',
    },
  },
  TransactionInfo: {
    code: 7,
    fields: { ...COMMAND, connectionId: 'Connection', transactionId: 'Transaction', type: 'byte' },
  },
  DestinationInfo: {
    code: 8,
    fields: {
      ...COMMAND,
      connectionId: 'Connection',
      destination: 'Destination',
      operationType: 'byte',
      timeout: 'long',
      brokerPath: 'path',
    },
  },
  KeepAliveInfo: { code: 10, fields: COMMAND },
  ShutdownInfo: { code: 11, fields: COMMAND },
  RemoveInfo: { code: 12, fields: { ...COMMAND, objectId: 'any', lastDeliveredSequenceId: 'long' } },
  ConnectionError: { code: 16, fields: { ...COMMAND, exception: 'throwable', connectionId: 'Connection' } },
  ConsumerControl: {
    code: 17,
    fields: {
      ...COMMAND,
      destination: 'Destination',
      close: 'bool',
      consumerId: 'Consumer',
      prefetch: 'int',
      flush: 'bool',
      start: 'bool',
      stop: 'bool',
    },
  },
  ConnectionControl: {
    code: 18,
    fields: {
      ...COMMAND,
      close: 'bool',
      exit: 'bool',
      faultTolerant: 'bool',
      resume: 'bool',
      suspend: 'bool',
      connectedBrokers: 'string',
      reconnectTo: 'string',
      rebalanceConnection: 'bool',
      token: 'bytes',
    },
  },
  MessagePull: {
    code: 20,
    fields: {
      ...COMMAND,
      consumerId: 'Consumer',
      destination: 'Destination',
      timeout: 'long',
      correlationId: 'string',
      messageId: 'MessageId',
    },
  },
  MessageDispatch: {
    code: 21,
    fields: {
      ...COMMAND,
      consumerId: 'Consumer',
      destination: 'Destination',
      message: 'Message',
      redeliveryCounter: 'int',
    },
  },
  MessageAck: {
    code: 22,
    fields: {
      ...COMMAND,
      destination: 'Destination',
      transactionId: 'Transaction',
      consumerId: 'Consumer',
      ackType: 'byte',
      firstMessageId: 'MessageId',
      lastMessageId: 'MessageId',
      messageCount: 'int',
      poisonCause: 'throwable',
    },
  },
  PlainMessage: { code: 23, fields: MESSAGE },
  BytesMessage: { code: 24, fields: MESSAGE },
  MapMessage: { code: 25, fields: MESSAGE },
  ObjectMessage: { code: 26, fields: MESSAGE },
  StreamMessage: { code: 27, fields: MESSAGE },
  TextMessage: { code: 28, fields: MESSAGE },
  Response: { code: 30, fields: { ...COMMAND, correlationId: 'int' } },
  ExceptionResponse: { code: 31, fields: { ...COMMAND, correlationId: 'int', exception: 'throwable' } },
  DataResponse: { code: 32, fields: { ...COMMAND, correlationId: 'int', data: 'any' } },
  IntegerResponse: { code: 34, fields: { ...COMMAND, correlationId: 'int', result: 'int' } },
  Queue: { code: 100, fields: NAME },
  Topic: { code: 101, fields: NAME },
  TemporaryQueue: { code: 102, fields: NAME },
  TemporaryTopic: { code: 103, fields: NAME },
  MessageId: {
    code: 110,
    fields: { textView: 'string', producerId: 'Producer', producerSequenceId: 'long', brokerSequenceId: 'long' },
  },
  LocalTransactionId: { code: 111, fields: { value: 'long', connectionId: 'Connection' } },
  XATransactionId: { code: 112, fields: { formatId: 'int', globalTransactionId: 'bytes', branchQualifier: 'bytes' } },
  ConnectionId: { code: 120, fields: TEXT },
  SessionId: { code: 121, fields: { connectionId: 'string', value: 'long' } },
  ConsumerId: { code: 122, fields: { connectionId: 'string', sessionId: 'long', value: 'long' } },
  ProducerId: { code: 123, fields: { connectionId: 'string', value: 'long', sessionId: 'long' } },
  BrokerId: { code: 124, fields: TEXT },
} as const satisfies Record<string, { code: number; fields: Fields }>

export type Name = keyof typeof TABLE
type FieldsOf<N extends Name> = (typeof TABLE)[N]['fields']
export type Structure<N extends Name> = { readonly name: N } & {
  readonly [F in keyof FieldsOf<N>]: FieldsOf<N>[F] extends keyof Kinds ? Kinds[FieldsOf<N>[F]] : never
}
export type AnyStructure = { [N in Name]: Structure<N> }[Name]

export type DestinationName = 'Queue' | 'Topic' | 'TemporaryQueue' | 'TemporaryTopic'
export interface Destination {
  readonly name: DestinationName
  readonly physicalName: string | null
}

export type MessageName =
  | 'PlainMessage'
  | 'BytesMessage'
  | 'MapMessage'
  | 'ObjectMessage'
  | 'StreamMessage'
  | 'TextMessage'
/** All kinds of messages have the same fields. */
export type Message = Omit<Structure<'PlainMessage'>, 'name'> & { readonly name: MessageName }

/** What is left out is 0, false, or nothing. */
export type Given<N extends Name> = { readonly name: N } & Partial<Omit<Structure<N>, 'name'>>
/** Something to be sent. */
export type Sent = { [N in Name]: Given<N> }[Name]

export const MAGIC = Buffer.from('ActiveMQ', 'latin1')
