/** Who wants what is published under a topic. */
import type { MessageContext } from '../kernel/context.ts'
import type { Endpoint, Outcome, Registry, Sequence } from '../kernel/contracts.ts'
import { branchOf, runBranches } from '../kernel/branches.ts'

export interface Subscription {
  readonly id: string
  /** `a/b` is for `a/b` and what begins with `a/b/`; absent: for everything. */
  readonly topic: string | undefined
  readonly endpoint: Endpoint
}

/** A sequence that sends a copy to each subscriber. */
export interface EventSource extends Sequence {
  /** The topic the message says it is about. */
  topicOf(ctx: MessageContext): string
  subscribers(topic: string): readonly Subscription[]
}

const sources = new WeakMap<Registry, readonly EventSource[]>()

/** Looked for once in each snapshot. */
export function eventSourcesIn(runtime: Registry): readonly EventSource[] {
  let found = sources.get(runtime)
  if (!found) {
    found = runtime
      .names('sequence')
      .map(name => runtime.find('sequence', name))
      .filter(isEventSource)
    sources.set(runtime, found)
  }
  return found
}

export function isEventSource(sequence: Sequence | undefined): sequence is EventSource {
  return sequence !== undefined && 'subscribers' in sequence
}

export function isFor({ topic }: Subscription, published: string): boolean {
  const wanted = trimmed(topic ?? '')
  const given = trimmed(published)
  return wanted === '' || given === wanted || given.startsWith(`${wanted}/`)
}

function trimmed(topic: string): string {
  return topic.trim().replace(/^\/+|\/+\*?$/g, '')
}

/** A copy to each, all at the same time, one way. The flow goes on with its own message. */
export async function publish(subscriptions: readonly Subscription[], ctx: MessageContext): Promise<Outcome> {
  if (subscriptions.length === 0) return 'next'
  return runBranches(
    ctx,
    subscriptions.length,
    index => {
      const branch = branchOf(ctx)
      delete branch.message.addressing.messageId
      branch.properties.set('OUT_ONLY', 'true')
      const { endpoint } = subscriptions[index]!
      return {
        ctx: branch,
        async work(copy): Promise<Outcome> {
          copy.message.isResponse = false
          const reply = await endpoint.send(copy.message, copy, { oneWay: true })
          reply?.body.discard()
          return 'done'
        },
      }
    },
    { sequential: false, stopOnFault: false, continueParent: true },
  )
}
