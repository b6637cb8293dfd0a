import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer, Delivery, MessageStore } from '../kernel/contracts.ts'
import { stored } from './store-rig.ts'

/** A store under test, and a way to get it back after its process died. */
export interface OpenStore extends AsyncDisposable {
  readonly store: MessageStore
  /** The same store after a kill -9: nothing was closed. Absent where that cannot be played. */
  readonly reopen?: () => Promise<MessageStore>
  /** It is a broker's, who notices only by and by that somebody has gone, and until then hands out what comes next. */
  readonly noticesLate?: boolean
}

/** What every store owes. A test that a store's traits rule out is not there for it. */
export function storeContract(kind: string, open: () => Promise<OpenStore> | OpenStore): void {
  const owes = (what: string, run: (opened: OpenStore) => Promise<void>): void => {
    test(`${kind}: ${what}`, async () => {
      await using opened = await open()
      await run(opened)
    })
  }

  owes('what is put is taken once, oldest first, and comes back whole', async ({ store }) => {
    const first = stored('<one/>', { amount: 7, OUT_ONLY: 'true' }, 'id-1')
    await store.producer.put(first)
    await store.producer.put(stored('<two/>'))
    await using consumer = await store.consumer()
    const one = await take(consumer)
    assert.equal(one.message.id, 'id-1')
    assert.equal(text(one), '<one/>')
    assert.equal(one.message.contentType, 'text/xml')
    assert.deepEqual(one.message.envelope.properties, first.envelope.properties)
    assert.deepEqual(one.message.headers, first.headers)
    assert.deepEqual([one.attempts, one.lastTry], [0, undefined])
    await one.ack()
    const two = await take(consumer)
    assert.equal(text(two), '<two/>')
    await two.ack()
    assert.equal(await consumer.take(0), null)
  })

  owes('an acknowledgement takes away only the message it was given for', async ({ store }) => {
    await store.producer.put(stored('<one/>'))
    await store.producer.put(stored('<two/>'))
    await using consumer = await store.consumer({ window: 2 })
    const one = await take(consumer)
    const two = await take(consumer)
    await two.ack()
    await one.release()
    assert.equal(text(await take(consumer)), '<one/>')
  })

  owes('a message on loan is given to nobody else', async ({ store }) => {
    await store.producer.put(stored('<one/>'))
    await using first = await store.consumer()
    await using second = await store.consumer()
    const one = await take(first)
    assert.equal(await second.take(0), null)
    await one.release()
    assert.equal(text(await take(second)), '<one/>')
  })

  owes('a message given back keeps its place in the order', async ({ store }) => {
    if (!store.traits.ordered) return
    await store.producer.put(stored('<one/>'))
    await store.producer.put(stored('<two/>'))
    await using consumer = await store.consumer()
    await (await take(consumer)).release()
    assert.equal(text(await take(consumer)), '<one/>')
  })

  owes('failed tries are counted, and kept with the message when it is given back', async ({ store }) => {
    await store.producer.put(stored('<one/>', {}, 'tried'))
    await using consumer = await store.consumer()
    const delivery = await take(consumer)
    await delivery.fail({ error: 'refused', errorCode: 'CONNECT_FAILED', notBefore: 1 })
    const last = { error: 'refused again', errorCode: 'CONNECT_FAILED', notBefore: 2 }
    await delivery.fail(last)
    await delivery.release()
    const again = await take(consumer)
    assert.equal(again.attempts, 2)
    assert.deepEqual(again.lastTry, last)
  })

  owes('the stored message is the same whatever was done with a loan', async ({ store }) => {
    await store.producer.put(stored('<one/>'))
    await using consumer = await store.consumer()
    const delivery = await take(consumer)
    await delivery.fail({ error: 'x', errorCode: 'SEND_FAILED', notBefore: 0 })
    await delivery.release()
    const again = await take(consumer)
    assert.equal(text(again), '<one/>')
    assert.deepEqual(again.message.envelope.properties, {})
  })

  owes('disposing a consumer gives back what it has on loan', async ({ store }) => {
    await store.producer.put(stored('<one/>'))
    const first = await store.consumer()
    await take(first)
    await first[Symbol.asyncDispose]()
    await using second = await store.consumer()
    assert.equal(text(await take(second)), '<one/>')
  })

  owes('a take that waits gets the message that comes', async ({ store }) => {
    await using consumer = await store.consumer()
    const pending = consumer.take(Infinity)
    await store.producer.put(stored('<late/>'))
    assert.equal(text((await pending)!), '<late/>')
  })

  owes('a take ends with null when its signal aborts', async ({ store }) => {
    await using consumer = await store.consumer()
    const stop = new AbortController()
    const pending = consumer.take(Infinity, stop.signal)
    stop.abort()
    assert.equal(await pending, null)
    assert.equal(await consumer.take(Infinity, stop.signal), null)
  })

  owes('a consumer that is closed while somebody waits answers null', async ({ store }) => {
    const consumer = await store.consumer()
    const pending = consumer.take(Infinity)
    const [answer] = await Promise.all([pending, consumer[Symbol.asyncDispose]()])
    assert.equal(answer, null)
  })

  owes('two waiting consumers share what comes', async ({ store }) => {
    await using first = await store.consumer()
    await using second = await store.consumer()
    const pending = [first.take(Infinity), second.take(Infinity)]
    await store.producer.put(stored('<one/>'))
    await store.producer.put(stored('<two/>'))
    const texts = (await Promise.all(pending)).map(delivery => text(delivery!))
    assert.deepEqual(texts.sort(), ['<one/>', '<two/>'])
  })

  owes('it shows what it holds, oldest first, without touching it', async ({ store }) => {
    if (!store.traits.browsable) return
    for (const id of ['a', 'b', 'c']) await store.producer.put(stored(`<${id}/>`, {}, id))
    assert.deepEqual(await ids(store.browse()), ['a', 'b', 'c'])
    assert.deepEqual(await ids(store.browse({ after: 'a', limit: 1 })), ['b'])
    assert.deepEqual(await ids(store.browse({ limit: 2 })), ['a', 'b'])
    assert.equal(Buffer.from((await store.find('b'))!.message.body).toString(), '<b/>')
    assert.equal(await store.find('z'), undefined)
    await using consumer = await store.consumer()
    assert.equal((await take(consumer)).message.id, 'a')
  })

  owes('one message can be removed, and all of them', async ({ store }) => {
    if (!store.traits.browsable) return
    for (const id of ['a', 'b', 'c']) await store.producer.put(stored(`<${id}/>`, {}, id))
    assert.equal(await store.remove('b'), true)
    assert.equal(await store.remove('b'), false)
    assert.deepEqual(await ids(store.browse()), ['a', 'c'])
    assert.equal(await store.clear(), 2)
    assert.deepEqual(await ids(store.browse()), [])
  })

  owes('a message on loan is not removed under its worker', async ({ store }) => {
    if (!store.traits.browsable) return
    await store.producer.put(stored('<a/>', {}, 'a'))
    await using consumer = await store.consumer()
    const delivery = await take(consumer)
    assert.equal(await store.remove('a'), false)
    await delivery.release()
    assert.equal(await store.remove('a'), true)
  })

  owes('its depth counts what it holds, or says that it cannot know', async ({ store }) => {
    await store.producer.put(stored('<a/>'))
    await store.producer.put(stored('<b/>'))
    assert.ok([2, -1].includes(await store.depth()))
  })

  owes('a store that is closed refuses instead of losing', async ({ store }) => {
    await store[Symbol.asyncDispose]()
    await assert.rejects(store.producer.put(stored('<late/>')), { code: 'STORE_UNAVAILABLE' })
  })

  owes('what was accepted survives a kill, with its failed tries (P2, P4)', async ({ store, reopen, noticesLate }) => {
    if (!store.traits.durable || !reopen) return
    await store.producer.put(stored('<a/>', {}, 'a'))
    await store.producer.put(stored('<b/>', {}, 'b'))
    const consumer = await store.consumer()
    const delivery = await take(consumer)
    await delivery.fail({ error: 'refused', errorCode: 'CONNECT_FAILED', notBefore: 5 })
    const after = await reopen()
    await using next = await after.consumer({ window: 2 })
    const came = [await take(next), await take(next)]
    if (noticesLate) came.sort((one, other) => (one.message.id < other.message.id ? -1 : 1))
    assert.deepEqual(
      came.map(({ message, attempts, lastTry }) => [message.id, attempts, lastTry?.notBefore]),
      [
        ['a', 1, 5],
        ['b', 0, undefined],
      ],
    )
    for (const one of came) await one.ack()
    assert.equal(await next.take(0), null)
  })
}

/** The next message; a store that has one owes it within seconds. */
async function take(consumer: Consumer): Promise<Delivery> {
  const delivery = await consumer.take(10_000)
  assert.ok(delivery, 'no message came')
  return delivery
}

function text({ message }: Delivery): string {
  return Buffer.from(message.body).toString()
}

async function ids(browsed: ReturnType<MessageStore['browse']>): Promise<string[]> {
  const found: string[] = []
  for await (const { message } of browsed) found.push(message.id)
  return found
}
