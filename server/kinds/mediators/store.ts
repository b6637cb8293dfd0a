import type { MessageContext } from '../../kernel/context.ts'
import type { MessageStore, Outcome, StoredMessage } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import { capture } from '../../kernel/stored-message.ts'
import type { Transaction } from '../../kernel/transaction.ts'
import { isPatient } from '../../runtime/patient-producer.ts'
import { attr, defineMediator, dynamicNeedsBody, dynamicRef, ref, resolveRef, text } from '../../schema/index.ts'

export default defineMediator({
  tag: 'store',
  summary: 'Saves the current message in a message store, then lets the flow go on.',
  details: `
    The flow goes on only after the store has accepted the message, so a reply sent later promises as much as the store
    does, and no more. If the store fails for whatever reason (refused, unreachable, no confirm in time) and it has
    guaranteed delivery on, its failover store takes the message under the same id, and so on along the chain. If no
    store takes it, the flow faults: the caller is told, never answered with a silent 202.

    In a transaction, a store at the same broker keeps the message when that is committed, and faults rather than use its
    failover store. Any other store keeps it at once; one at another broker is refused in what \`<transaction>\` began.`,
  fields: {
    messageStore: attr(dynamicRef('message-store'), { required: true, doc: 'The store that receives the message.' }),
    sequence: attr(ref('sequence'), { doc: 'Runs on the message just before it is saved.' }),
    name: attr(text(), { doc: 'A name for this place in the flow.' }),
  },
  examples: [
    { title: 'Park an order for later delivery', xml: '<store messageStore="orders"/>' },
    { title: 'Choose the store by content', xml: '<store messageStore="{get-property(\'region\')}"/>' },
  ],
  create({ messageStore, sequence }, { services }) {
    const target = messageStore!
    return {
      needsBody: dynamicNeedsBody(target),
      async mediate(ctx): Promise<Outcome> {
        const first = ctx.runtime.get(resolveRef(target, ctx))
        if (sequence) await before(ctx, sequence.name)
        const arriving = ctx.message.body.collect()
        if (arriving) await arriving
        const message = capture(ctx, services.payloads, services.clock.now())
        const transaction = ctx.work?.transaction
        let store = first
        if (!transaction || !(await enlisted(message, store, transaction, ctx))) {
          try {
            await put(message, store, ctx)
          } catch (thrown) {
            store = await failedOver(message, store, thrown, ctx)
          }
        }
        if (!ctx.message.isOn('FORCE_SC_ACCEPTED') && !ctx.isOn('OUT_ONLY'))
          services.callers.hold(first.name, message.id, ctx.exchange)
        if (ctx.log.debugOn) ctx.log.debug('message stored', { store: store.name, messageId: message.id })
        return 'next'
      },
    }
  },
})

/** As in Synapse, neither its outcome nor its absence prevents the save. */
async function before(ctx: MessageContext, name: string): Promise<void> {
  const sequence = ctx.runtime.find('sequence', name)
  if (sequence) await sequence.mediate(ctx)
  else ctx.log.warn(`the sequence ${name} before <store> is not deployed; the message is stored as it is`)
}

/** Resolves when the store has taken the message. A caller who has gone away waits for no retry; the message is kept all the same. */
function put(message: StoredMessage, { producer }: MessageStore, ctx: MessageContext): Promise<void> {
  return isPatient(producer) ? producer.put(message, ctx.signal) : producer.put(message)
}

/** What one store has refused goes into the next store of the failover chain that takes it (P3); faults if none does. */
async function failedOver(
  message: StoredMessage,
  refusing: MessageStore,
  refusal: unknown,
  ctx: MessageContext,
): Promise<MessageStore> {
  let store = refusing
  let role = 'store'
  let error = asIntegrationError(refusal)
  let { ambiguous } = error
  for (;;) {
    const next = store.failover === undefined ? undefined : ctx.runtime.find('message-store', store.failover)
    if (next === undefined) throw failed(message, store, role, error, ambiguous, ctx)
    ctx.log.warn(`store [${store.name}] did not take the message; failover store [${next.name}] is tried`, {
      messageId: message.id,
      reason: error.message,
    })
    store = next
    role = 'failover store'
    try {
      await put(message, store, ctx)
      return store
    } catch (thrown) {
      error = asIntegrationError(thrown)
      ambiguous ||= error.ambiguous
    }
  }
}

/** True if the store is at the broker of the flow's transaction and keeps the message when that is committed. */
async function enlisted(
  message: StoredMessage,
  store: MessageStore,
  transaction: Transaction,
  ctx: MessageContext,
): Promise<boolean> {
  if (!store.enlist) return false
  try {
    return await store.enlist(message, transaction)
  } catch (thrown) {
    // No failover store: what is kept there would stay when the transaction is rolled back.
    const error = asIntegrationError(thrown)
    throw failed(message, store, 'store', error, error.ambiguous, ctx)
  }
}

/** The fault with the properties Synapse sets (store-and-forward §2.2). */
function failed(
  message: StoredMessage,
  store: MessageStore,
  role: string,
  cause: IntegrationError,
  ambiguous: boolean,
  ctx: MessageContext,
): IntegrationError {
  const missing = store.failover === undefined ? '' : ` Its failover store ${store.failover} is not deployed.`
  const text = `Failed to store message [${message.id}] in ${role} [${store.name}].`
  ctx.properties.set('HTTP_SC', 500)
  ctx.properties.set('ERROR_MESSAGE', text)
  ctx.properties.set('ERROR_DETAIL', 'Failed to store message.')
  return new IntegrationError('STORE_FAILED', `${text} ${cause.message}${missing}`, {
    cause,
    ambiguous,
  })
}
