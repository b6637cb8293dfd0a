/** What each process of `npm run simulate` runs: plays the seeds it is handed and reports. */
import v8 from 'node:v8'
import { Exchange, MessageContext } from '../../kernel/context.ts'
import { Message } from '../../kernel/message.ts'
import type { FaultKind } from './faults.ts'
import { simulate } from './simulation.ts'

/** Asked of a worker. */
export type Order = { readonly from: number; readonly count: number } | { readonly tell: number }

/** What a worker says. */
export type Report =
  | { readonly kind: 'begins'; readonly seed: number }
  | {
      readonly kind: 'played'
      readonly seeds: number
      readonly messages: number
      readonly fired: readonly (readonly [FaultKind, number])[]
      readonly failed: readonly { readonly seed: number; readonly what: string }[]
    }
  | { readonly kind: 'told'; readonly seed: number; readonly timeline: string }

/**
 * One in so many seeds is looked through for memory. That costs as much as fifty seeds: all of the heap is gone through, and the
 * engine throws its compiled code away. The first one comes early, for those who play a hundred.
 */
const LOOK_AT_MEMORY = 1000
const FIRST_LOOK = 100

function say(report: Report): void {
  process.send!(report)
}

process.on('message', (order: Order) => void obey(order))
process.on('disconnect', () => process.exit())

async function obey(order: Order): Promise<void> {
  // A stack is worth its price where somebody reads it: a seed that fails is told.
  Error.stackTraceLimit = 'tell' in order ? 30 : 0
  if ('tell' in order) {
    const { timeline } = await simulate(order.tell, { told: true, memory })
    return say({ kind: 'told', seed: order.tell, timeline })
  }
  const fired = new Map<FaultKind, number>()
  const failed: { seed: number; what: string }[] = []
  let messages = 0
  for (let seed = order.from; seed < order.from + order.count; seed++) {
    say({ kind: 'begins', seed })
    const result = await simulate(seed, seed % LOOK_AT_MEMORY === FIRST_LOOK ? { memory } : {})
    messages += result.messages
    for (const [kind, times] of result.fired) fired.set(kind, (fired.get(kind) ?? 0) + times)
    if (result.violation) failed.push({ seed, what: result.violation.message })
  }
  say({ kind: 'played', seeds: order.count, messages, fired: [...fired], failed })
}

/** How many messages, and what belongs to one, are still alive; collects garbage first. */
function memory(): number {
  const count = (type: new (...all: never[]) => object): number =>
    v8.queryObjects(type as unknown as new () => object, { format: 'count' }) as unknown as number
  return count(Message) + count(MessageContext) + count(Exchange)
}
