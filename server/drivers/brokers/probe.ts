import { IntegrationError } from '../../kernel/errors.ts'
import { onAbort, unusable, UNWANTED } from '../jms/socket.ts'
import { addressOf } from '../jms/target.ts'
import { connected, isOpenWire, mayBeOpenWire } from '../openwire/index.ts'
import type { Opened, Way } from '../openwire/index.ts'

/** ActiveMQ Classic greets within milliseconds; brokers that speak AMQP wait for us. */
const PATIENCE = 300

/**
 * Asks a port what it speaks (messaging-peers §4.1): a greeting of ActiveMQ, with the socket it came over, or null for
 * silence, which is AMQP's way. An AMQP header is never tried on OpenWire: it would be taken for the length of a frame.
 */
export async function probe(way: Way): Promise<Opened | null> {
  const socket = await connected(way)
  const place = addressOf(way.host)
  if (way.signal?.aborted) {
    socket.destroy()
    throw unusable(place, UNWANTED)
  }
  return new Promise((resolve, reject) => {
    let greeting = Buffer.alloc(0)
    const settle = (run: () => void): void => {
      timer.cancel()
      forget()
      socket.off('data', came)
      socket.off('close', closed)
      socket.pause()
      run()
    }
    const timer = way.clock.after(Math.min(PATIENCE, way.deadlineMs), () =>
      settle(() => {
        socket.destroy()
        if (greeting.length === 0) resolve(null)
        else reject(strange(place, greeting))
      }),
    )
    const closed = (): void => settle(() => reject(unusable(place, 'the connection was closed')))
    const came = (chunk: Buffer): void => {
      greeting = Buffer.concat([greeting, chunk])
      if (isOpenWire(greeting)) return settle(() => resolve({ socket, greeting }))
      if (mayBeOpenWire(greeting)) return
      settle(() => {
        socket.destroy()
        reject(strange(place, greeting))
      })
    }
    const unwanted = (): void => {
      socket.destroy()
      reject(unusable(place, UNWANTED))
    }
    const forget = onAbort(way.signal, () => settle(unwanted))
    socket.on('error', () => {})
    socket.on('close', closed)
    socket.on('data', came)
  })
}

function strange(place: string, greeting: Buffer): IntegrationError {
  const begin = greeting.subarray(0, 16).toString('hex')
  return new IntegrationError(
    'BROKER_REFUSED',
    `the broker at ${place} cannot be used: it speaks neither OpenWire nor AMQP 1.0, it begins with ${begin}. Correct the address`,
  )
}
