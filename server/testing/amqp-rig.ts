/** A plain rhea client and a scripted rhea peer: what the other side of our AMQP code looks like to it. */
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import rhea from 'rhea'
import type { Connection, ConnectionOptions, Container, Delivery, EventContext, Message, Receiver, Sender } from 'rhea'

const QUIET = [
  'error',
  'protocol_error',
  'connection_error',
  'session_error',
  'sender_error',
  'receiver_error',
  'disconnected',
]

export interface Outcome {
  readonly kind: 'accepted' | 'rejected' | 'released' | 'modified'
  readonly condition?: string
  readonly description?: string
}

export interface Came {
  readonly message: Message
  readonly delivery: Delivery
}

export interface TestReceiver {
  readonly link: Receiver
  /** The next message, waiting for it. */
  next(): Promise<Came>
  /** What has come and was not asked for yet. */
  readonly unread: number
  /** Asks for everything there is and resolves when there is no more. */
  drain(): Promise<Came[]>
}

/** One connection by rhea alone, without anything of ours. */
export class TestClient implements AsyncDisposable {
  readonly connection: Connection

  private constructor(connection: Connection) {
    this.connection = connection
  }

  static async open(port: number, options: Partial<ConnectionOptions> = {}): Promise<TestClient> {
    const container = rhea.create_container()
    for (const event of QUIET) container.on(event, () => {})
    const connection = container.connect({
      host: '127.0.0.1',
      port,
      username: 'test',
      reconnect: false,
      ...options,
    } as ConnectionOptions)
    connection.setMaxListeners(0)
    await firstOf(connection, ['connection_open'], ['connection_error', 'disconnected', 'protocol_error'])
    return new TestClient(connection)
  }

  async sender(queue: string | object, options: object = {}): Promise<Sender> {
    const target = typeof queue === 'string' ? { address: queue, capabilities: 'queue' } : queue
    const link = this.connection.create_session()
    link.begin()
    const sender = link.open_sender({ target, treat_modified_as_released: false, ...options })
    sender.setMaxListeners(0)
    await firstOf(sender, ['sendable'], ['sender_error', 'sender_close'])
    return sender
  }

  async receiver(queue: string | object, options: object = {}): Promise<TestReceiver> {
    const source = typeof queue === 'string' ? { address: queue, capabilities: 'queue' } : queue
    const session = this.connection.create_session()
    session.begin()
    const link = session.open_receiver({ source, autoaccept: false, credit_window: 0, ...options })
    const came: Came[] = []
    const waiting: ((one: Came) => void)[] = []
    link.on('message', ({ message, delivery }: EventContext) => {
      const one = { message: message!, delivery: delivery! }
      const waiter = waiting.shift()
      if (waiter) waiter(one)
      else came.push(one)
    })
    await firstOf(link, ['receiver_open'], [])
    // A refusal comes as an attach and a detach behind it, in one breath.
    await new Promise(resolve => setImmediate(resolve))
    if (!link.is_open()) throw failureOf(link.error)
    return {
      link,
      get unread() {
        return came.length
      },
      next() {
        const ready = came.shift()
        return ready ? Promise.resolve(ready) : new Promise(resolve => waiting.push(resolve))
      },
      async drain() {
        link.add_credit(1000)
        link.drain_credit()
        await once(link, 'receiver_drained')
        link.drain = false
        return came.splice(0)
      },
    }
  }

  /** Closes as a program does that has finished. */
  async close(): Promise<void> {
    const socket = this.connection['socket'] as Socket
    if (socket.destroyed) return
    const closed = once(socket, 'close')
    this.connection.close()
    await closed
  }

  /** Goes without a word, as a killed program does. */
  async die(): Promise<void> {
    const socket = this.connection['socket'] as Socket
    // `once` would reject for the error that takes the socket down.
    const closed = new Promise(resolve => socket.on('close', resolve))
    socket.destroy(new Error('killed'))
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const socket = this.connection['socket'] as Socket
    if (!socket.destroyed) await this.die()
  }
}

/** Sends and resolves with what became of it. */
export async function send(sender: Sender, message: Message | Record<string, unknown> | Buffer): Promise<Outcome> {
  const delivery = Buffer.isBuffer(message) ? sender.send(message, undefined, 0) : sender.send(message as Message)
  return outcomeOf(sender, delivery)
}

export function outcomeOf(sender: Sender, delivery: Delivery): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    for (const kind of ['accepted', 'rejected', 'released', 'modified'] as const) {
      sender.on(kind, (context: EventContext) => {
        if (context.delivery !== delivery) return
        const error = (delivery.remote_state as { error?: { condition: string; description: string } } | undefined)
          ?.error
        resolve({ kind, ...(error ? { condition: error.condition, description: error.description } : {}) })
      })
    }
    sender.connection.once('disconnected', () => reject(new Error('disconnected')))
  })
}

export interface ScriptedPeer extends AsyncDisposable {
  readonly port: number
  readonly container: Container
  /** Connections accepted since the start. */
  readonly accepted: number
  /** Cuts every live connection. */
  cut(): void
}

/** A server by rhea alone; `script` says what it does, by listening on the container. */
export async function scriptedPeer(
  script: (container: Container) => void,
  options: object = {},
): Promise<ScriptedPeer> {
  const container = rhea.create_container({ id: 'scripted-peer' })
  for (const event of QUIET) container.on(event, () => {})
  script(container)
  const server = container.listen({
    port: 0,
    host: '127.0.0.1',
    receiver_options: { autoaccept: false, credit_window: 100 },
    sender_options: { treat_modified_as_released: false } as object,
    ...options,
  }) as unknown as Server
  const sockets = new Set<Socket>()
  let accepted = 0
  server.on('connection', (socket: Socket) => {
    accepted++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await once(server, 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy(new Error('cut'))
  }
  return {
    port: (server.address() as AddressInfo).port,
    container,
    get accepted() {
      return accepted
    },
    cut,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      cut()
      await closed
    },
  }
}

interface Emitter {
  once(event: string, listener: (context: EventContext | Error) => void): unknown
}

function firstOf(emitter: Emitter, good: readonly string[], bad: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const event of good) emitter.once(event, () => resolve())
    for (const event of bad) {
      emitter.once(event, context => {
        const { error, sender } = context as EventContext
        reject(failureOf(error ?? sender?.error ?? context))
      })
    }
  })
}

/** Made comparable: `code` is the AMQP condition. */
function failureOf(error: unknown): Error {
  const { condition, description, message } = (error ?? {}) as {
    condition?: string
    description?: string
    message?: string
  }
  return Object.assign(new Error(description ?? message ?? 'the link was refused'), { code: condition })
}
