import type { XmlElement } from '../../xml/tree.ts'
import {
  child,
  isInMemory,
  name,
  parameter,
  parameterElement,
  simpleClass,
  within,
  type Rule,
  type World,
} from './world.ts'

const FORWARDERS = /ForwardingProcessor$/
const isForwarder = (element: XmlElement): boolean =>
  FORWARDERS.test(simpleClass(element)) && !/Failover/.test(simpleClass(element))

function forwarders(world: World): XmlElement[] {
  return world.of('message-processor').filter(isForwarder)
}

/** How often a message is tried; 0 or less: for ever. */
function attempts(element: XmlElement): number {
  return Number(parameter(element, 'max.delivery.attempts') ?? 4)
}

function drops(element: XmlElement): boolean {
  return parameter(element, 'max.delivery.drop') === 'Enabled'
}

/** Stores that only this server can take from: at a broker or in a database somebody else may. */
function isOwn(store: XmlElement): boolean {
  return store.attribute('class') === undefined || isInMemory(store)
}

const stopsInSilence: Rule = {
  code: 'stops-unheard',
  severity: 'warning',
  why: 'After `max.delivery.attempts` failures (4 unless said otherwise) the processor stops, at the first message that cannot be delivered. Everything behind it waits until somebody looks.',
  instead:
    '`<parameter name="message.processor.failMessagesStore">STORE</parameter>` sets such a message aside and goes on; `message.processor.deactivate.sequence` names a sequence that tells somebody',
  *find(world) {
    for (const element of forwarders(world)) {
      if (attempts(element) <= 0 || drops(element)) continue
      const heard = ['failMessagesStore', 'deactivate.sequence', 'fail.action'].some(
        what => parameter(element, `message.processor.${what}`) !== undefined,
      )
      if (heard) continue
      yield {
        element: parameterElement(element, 'max.delivery.attempts') ?? element,
        message: `message processor "${name(element)}" stops at the first message that fails ${attempts(element)} times, and tells nobody`,
        hint: 'Write <parameter name="message.processor.failMessagesStore">…</parameter> to set such a message aside, or message.processor.deactivate.sequence to be told.',
      }
    }
  },
}

const throwsAway: Rule = {
  code: 'throws-away',
  severity: 'warning',
  why: '`max.delivery.drop` throws a message away when it has failed as often as it may.',
  instead:
    '`<parameter name="message.processor.failMessagesStore">STORE</parameter>` in its place keeps it for an operator',
  *find(world) {
    for (const element of forwarders(world)) {
      if (!drops(element) || attempts(element) <= 0) continue
      yield {
        element: parameterElement(element, 'max.delivery.drop')!,
        message: `message processor "${name(element)}" throws a message away that has failed ${attempts(element)} times`,
        hint: 'Write <parameter name="message.processor.failMessagesStore">…</parameter> instead: the message is kept, and the others go on.',
      }
    }
  },
}

const unordered: Rule = {
  code: 'order-not-kept',
  severity: 'hint',
  why: 'With `member.count` above 1 messages overtake one another.',
  instead:
    '`<parameter name="concurrency">N</parameter>` with `<parameter name="concurrency.key">HEADER</parameter>` keeps the order of messages that belong together',
  *find(world) {
    for (const element of world.of('message-processor')) {
      const members = parameterElement(element, 'member.count')
      if (!members || !(Number(members.text) > 1)) continue
      yield {
        element: members,
        message: `messages of "${name(element)}" overtake one another: ${members.text.trim()} are worked on at once`,
        hint: 'If order matters, write concurrency and concurrency.key instead.',
      }
    }
  },
}

const rivals: Rule = {
  code: 'rivals',
  severity: 'warning',
  why: 'Two processors on one store share its messages: each gets some, and no order is kept.',
  instead: 'One processor for each store, or stores of their own',
  *find(world) {
    const first = new Map<string, XmlElement>()
    for (const element of world.of('message-processor')) {
      if (parameter(element, 'is.active') === 'false') continue
      const store = element.attribute('messageStore') ?? ''
      const other = first.get(store)
      if (!other) first.set(store, element)
      else {
        yield {
          element,
          message: `"${name(element)}" and "${name(other)}" both take from store "${store}": each gets some of its messages`,
          hint: 'Give each a store of its own, or set is.active to false on one of them.',
        }
      }
    }
  },
}

const neverDelivered: Rule = {
  code: 'never-delivered',
  severity: 'warning',
  why: 'Messages are put into a store from which no processor takes them; they wait there for ever.',
  instead: 'A `<messageProcessor … messageStore="STORE">`',
  *find(world) {
    const taken = new Set(world.of('message-processor').map(element => element.attribute('messageStore')))
    const said = new Set<string>()
    for (const element of world.elements('store')) {
      const wanted = element.attribute('messageStore') ?? ''
      const store = world.named('message-store', wanted)
      if (!store || !isOwn(store) || taken.has(wanted) || said.has(wanted)) continue
      said.add(wanted)
      yield {
        element,
        message: `nothing takes messages out of store "${wanted}"`,
        hint: `Write <messageProcessor name="…" class="org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor" messageStore="${wanted}" targetEndpoint="…"/>.`,
      }
    }
  },
}

const rests: Rule = {
  code: 'rests-half-a-minute',
  severity: 'hint',
  why: 'An endpoint without suspension settings rests 30 s after any failure, the first timeout included. A processor waits that long; that costs no attempt, but time.',
  instead:
    '`<suspendOnFailure><errorCodes>-1</errorCodes></suspendOnFailure><markForSuspension><errorCodes>-1</errorCodes></markForSuspension>` for none, or an `<initialDuration>` in milliseconds',
  *find(world) {
    for (const element of forwarders(world)) {
      const endpoint = world.named('endpoint', element.attribute('targetEndpoint'))
      const leaf =
        endpoint && child(endpoint, 'address') ? child(endpoint, 'address') : endpoint && child(endpoint, 'http')
      if (!leaf || within(leaf, ['suspendOnFailure', 'suspendDurationOnFailure']).next().done !== true) continue
      yield {
        element: leaf,
        message: `the endpoint "${name(endpoint!)}" rests 30 s after any failure, and "${name(element)}" waits for it`,
        hint: 'Write <suspendOnFailure><initialDuration>1000</initialDuration></suspendOnFailure> in it, or error code -1 for no rest.',
      }
    }
  },
}

export const processorRules: readonly Rule[] = [stopsInSilence, throwsAway, unordered, rivals, neverDelivered, rests]
