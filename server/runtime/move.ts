import type { Delivery, MessageStore, StoredMessage } from '../kernel/contracts.ts'
import { identityOf } from '../kernel/stored-message.ts'

/**
 * Puts a message on loan into another store. `settled`: it has left its store in the same step. `delivered`: the target
 * holds it, the loan is still to be acknowledged; a crash before that repeats the move, which a target inside this
 * server recognises by looking, and one at a broker by its window of ids (P5).
 */
export async function move(
  delivery: Delivery,
  message: StoredMessage,
  target: MessageStore,
  signal?: AbortSignal,
): Promise<'settled' | 'delivered'> {
  if (await delivery.moveTo?.(target, message)) return 'settled'
  const { browsable, sharedBetweenNodes } = target.traits
  const there = browsable && !sharedBetweenNodes ? await target.find(message.id) : undefined
  if (!there || identityOf(there.message) !== identityOf(message)) {
    await target.producer.put(message, signal, { kept: true })
  }
  return 'delivered'
}
