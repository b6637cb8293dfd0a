/** One open connection to a real broker, by a driver and nothing above it. */
import { dialAmqp } from '../../drivers/amqp/index.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Dial, Incoming, JmsDestination, JmsMessage, Live, Outgoing, Received } from '../../drivers/jms/index.ts'
import { parseBrokerUrl } from '../../drivers/jms/url.ts'

export const CONFIRM_MS = 10_000

/** For what has yet to be delivered, on a machine that has much else to do. */
const ARRIVAL_MS = 60_000

/** At this address, or behind a proxy on this port. */
export async function openLive(
  server: { readonly user: string; readonly password: string },
  url: string,
  dial: Dial = dialAmqp,
): Promise<Live> {
  const { target, remarks } = parseBrokerUrl(url)
  if (!target) throw new Error(remarks.map(({ message }) => message).join('\n'))
  const { user: username, password } = server
  return dial(target.hosts[0]!, { ...target, username, password }, systemClock, CONFIRM_MS)
}

export const queue = (name: string): JmsDestination => ({ kind: 'queue', name })

export function message(text: string, more: Partial<JmsMessage> = {}): JmsMessage {
  return {
    body: { kind: 'text', bytes: Buffer.from(text) },
    properties: new Map(),
    persistent: true,
    priority: 4,
    ...more,
  }
}

export function textOf({ body }: JmsMessage): string {
  if (body.kind !== 'text') throw new Error(`not a text but ${body.kind}`)
  return Buffer.from(body.bytes).toString()
}

export interface Linked {
  sender(name: string): Outgoing
  receiver(name: string, window?: number): Incoming
}

/** The links of a connection or a session, with what every test gives them. */
export function linked(of: Pick<Live, 'openSender' | 'openReceiver'>): Linked {
  return {
    sender: name => of.openSender({ destination: queue(name), clock: systemClock, fullness: () => {} }),
    receiver: (name, window = 1) => of.openReceiver({ from: queue(name), clock: systemClock, window }),
  }
}

export function put(sender: Outgoing, text: string, more: Partial<JmsMessage> = {}): Promise<void> {
  return sender.send(message(text, more), CONFIRM_MS, CONFIRM_MS)
}

export async function take(receiver: Incoming): Promise<Received> {
  const received = await receiver.take(CONFIRM_MS)
  if (!received) throw new Error('no message came')
  return received
}

/** What a queue holds, by taking it all away: so many, for which a broker may need a moment, and no more. */
export async function drained(live: Live, name: string, expected: number): Promise<Received['message'][]> {
  const receiver = linked(live).receiver(name)
  const found: Received['message'][] = []
  for (;;) {
    const received = await receiver.take(found.length < expected ? ARRIVAL_MS : 0)
    if (!received) break
    found.push(received.message)
    await received.settle({ kind: 'accepted' })
  }
  await receiver.close()
  return found
}
