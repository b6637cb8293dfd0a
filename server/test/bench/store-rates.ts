/** What a store of ours reaches at its broker, without HTTP and without a processor. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { MessageStore } from '../../kernel/contracts.ts'
import { stored } from '../../testing/store-rig.ts'
import { ready, realStore } from '../brokers/real-store.ts'
import type { Rates } from './java-rates.ts'

const BODY = 'x'.repeat(500)
const WARM_UP_MS = 2000
/** Longer than any broker takes to send the next message. */
const PATIENCE_MS = 10_000

/** Stores for a while with `inFlight` messages on their way at once, then takes all of them, as many on loan at once. */
export async function storeRates(
  { className, parameters }: { readonly className: string; readonly parameters: Readonly<Record<string, string>> },
  inFlight: number,
  seconds: number,
): Promise<Rates> {
  const { store } = realStore({ className, parameters })
  try {
    await ready(store)
    const { perSecond, count } = await fill(store, inFlight, seconds)
    return { store: perSecond, drain: await drain(store, inFlight, count) }
  } finally {
    await store[Symbol.asyncDispose]()
  }
}

async function fill(store: MessageStore, inFlight: number, seconds: number) {
  let count = 0
  const end = new AbortController()
  const puts = Array.from({ length: inFlight }, async () => {
    while (!end.signal.aborted) {
      await store.producer.put(stored(BODY))
      count++
    }
  })
  const all = Promise.all(puts)
  // A store that fails ends the run at once.
  await Promise.race([sleep(WARM_UP_MS), all])
  const [before, began] = [count, performance.now()]
  await Promise.race([sleep(seconds * 1000), all])
  const perSecond = ((count - before) / (performance.now() - began)) * 1000
  end.abort()
  await all
  return { perSecond, count }
}

/** The first quarter warms up. */
async function drain(store: MessageStore, inFlight: number, count: number): Promise<number> {
  const warm = Math.floor(count / 4)
  const consumer = await store.consumer({ window: inFlight })
  const loans = new Set<Promise<void>>()
  let began = performance.now()
  try {
    for (let taken = 1; taken <= count; taken++) {
      const delivery = await consumer.take(PATIENCE_MS)
      if (!delivery) throw new Error(`${count} messages were stored, ${taken - 1} came back`)
      const loan = delivery.ack().then(() => void loans.delete(loan))
      loans.add(loan)
      while (loans.size >= inFlight) await loans.values().next().value
      if (taken === warm) began = performance.now()
    }
    await Promise.all(loans)
    return ((count - warm) / (performance.now() - began)) * 1000
  } finally {
    await consumer[Symbol.asyncDispose]()
  }
}
