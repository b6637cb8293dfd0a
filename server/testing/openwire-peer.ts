/**
 * A broker of OpenWire that does as it is told: it greets, says yes to everything, keeps nothing, and shows what came.
 * A test scripts what is to be different.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { readStructure, writeStructure } from '../drivers/openwire/commands.ts'
import type { AnyStructure, Message, Sent, Structure } from '../drivers/openwire/commands.ts'
import { FrameSplitter } from '../drivers/openwire/frames.ts'
import { writeMap } from '../drivers/openwire/primitives.ts'
import { OpenWireWriter } from '../drivers/openwire/writer.ts'
import type { JmsValue } from '../drivers/jms/contracts.ts'

export type Came = Exclude<AnyStructure, { name: 'WireFormatInfo' }> & { commandId: number; responseRequired: boolean }

export interface PeerScript {
  /** In place of the greeting; empty: it waits for the client's. */
  readonly greeting?: Buffer
  readonly version?: number
  readonly properties?: Readonly<Record<string, JmsValue>>
  /** Says it has done something else than answer yes. */
  readonly on?: (came: Came, connection: PeerConnection) => boolean | void
}

/** One connection of a client. */
export class PeerConnection {
  readonly socket: Socket
  /** In the order of the wire. */
  readonly came: Came[] = []
  closed = false
  readonly #script: PeerScript
  readonly #changed: () => void

  constructor(socket: Socket, script: PeerScript, changed: () => void) {
    this.socket = socket
    this.#script = script
    this.#changed = changed
    const splitter = new FrameSplitter(1 << 30, frame => this.#came(readStructure(frame)))
    socket.on('data', (chunk: Buffer) => splitter.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      changed()
    })
    if (script.greeting === undefined) this.send(greeting(script))
    else socket.write(script.greeting)
  }

  send(structure: Sent): void {
    this.socket.write(frameOf(structure))
  }

  answer(came: Came): void {
    if (came.responseRequired) this.send({ name: 'Response', correlationId: came.commandId })
  }

  refuse(came: Came, className: string, message: string): void {
    this.send({ name: 'ExceptionResponse', correlationId: came.commandId, exception: { className, message } })
  }

  dispatch(consumer: Structure<'ConsumerId'>, message: Message | null, redeliveryCounter = 0): void {
    this.send({ name: 'MessageDispatch', consumerId: consumer, destination: null, message, redeliveryCounter })
  }

  of<N extends Came['name']>(name: N): Extract<Came, { name: N }>[] {
    return this.came.filter(one => one.name === name) as Extract<Came, { name: N }>[]
  }

  #came(structure: AnyStructure | undefined): void {
    if (!structure) throw new Error('the client sent something unknown')
    if (structure.name === 'WireFormatInfo') {
      if (this.#script.greeting?.length === 0) this.send(greeting(this.#script))
      return
    }
    const came = structure as Came
    this.came.push(came)
    if (!this.#script.on?.(came, this)) this.answer(came)
    this.#changed()
  }
}

export class OpenWirePeer implements AsyncDisposable {
  readonly port: number
  readonly connections: PeerConnection[]
  readonly #server: ReturnType<typeof createServer>
  readonly #waiting: Set<() => void>

  private constructor(
    server: ReturnType<typeof createServer>,
    connections: PeerConnection[],
    waiting: Set<() => void>,
  ) {
    this.#server = server
    this.connections = connections
    this.#waiting = waiting
    this.port = (server.address() as AddressInfo).port
  }

  static async start(script: PeerScript = {}): Promise<OpenWirePeer> {
    const connections: PeerConnection[] = []
    const waiting = new Set<() => void>()
    const changed = (): void => {
      for (const look of waiting) look()
    }
    const server = createServer(socket => {
      connections.push(new PeerConnection(socket, script, changed))
      changed()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new OpenWirePeer(server, connections, waiting)
  }

  /** Over all connections, in the order they were made. */
  of<N extends Came['name']>(name: N): Extract<Came, { name: N }>[] {
    return this.connections.flatMap(connection => connection.of(name))
  }

  /** Resolves with what `look` finds, as soon as it finds something. */
  until<T>(look: (peer: OpenWirePeer) => T | undefined | false): Promise<T> {
    return new Promise(resolve => {
      const check = (): void => {
        const found = look(this)
        if (found === undefined || found === false) return
        this.#waiting.delete(check)
        resolve(found)
      }
      this.#waiting.add(check)
      check()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

export function frameOf(structure: Sent): Buffer {
  const writer = new OpenWireWriter()
  writer.int(0)
  writeStructure(writer, structure)
  writer.patchInt(0, writer.length - 4)
  return writer.finish()
}

export function greeting({ version = 12, properties = {} }: Pick<PeerScript, 'version' | 'properties'> = {}): Sent {
  const writer = new OpenWireWriter()
  const offered: Record<string, JmsValue> = {
    TightEncodingEnabled: true,
    CacheEnabled: true,
    SizePrefixDisabled: false,
    MaxFrameSize: 100_000_000n,
    MaxInactivityDuration: 30_000n,
    ProviderName: 'ActiveMQ',
    ProviderVersion: '5.18.3',
    ...properties,
  }
  writeMap(writer, new Map(Object.entries(offered)))
  return { name: 'WireFormatInfo', version, marshalledProperties: writer.finish() }
}

/** A text message as another client has sent it. */
export function textMessage(text: string, given: Partial<Message> = {}): Message {
  const writer = new OpenWireWriter()
  writer.longString(Buffer.from(text))
  const content = writer.finish()
  const producerId = { name: 'ProducerId', connectionId: 'ID:other', value: 1, sessionId: 1 } as const
  const sequence = given.messageId?.producerSequenceId ?? 1
  const whole: Message = {
    name: 'TextMessage',
    commandId: 0,
    responseRequired: false,
    producerId,
    destination: { name: 'Queue', physicalName: 'q' },
    transactionId: null,
    originalDestination: null,
    messageId: {
      name: 'MessageId',
      textView: null,
      producerId,
      producerSequenceId: sequence,
      brokerSequenceId: sequence,
    },
    originalTransactionId: null,
    groupID: null,
    groupSequence: 0,
    correlationId: null,
    persistent: true,
    expiration: 0,
    priority: 4,
    replyTo: null,
    timestamp: 0,
    type: null,
    content,
    marshalledProperties: null,
    dataStructure: null,
    targetConsumerId: null,
    compressed: false,
    redeliveryCounter: 0,
    brokerPath: null,
    arrival: 0,
    userID: null,
    receivedByDFBridge: false,
    droppable: false,
    cluster: null,
    brokerInTime: 0,
    brokerOutTime: 0,
    groupFirstForConsumer: false,
  }
  return { ...whole, ...given }
}

/** The same with the broker's number. */
export function numbered(text: string, number: number): Message {
  const message = textMessage(text)
  return { ...message, messageId: { ...message.messageId!, producerSequenceId: number, brokerSequenceId: number } }
}
