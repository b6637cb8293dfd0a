/** What a queue can be told about: parameters of proxies with `transports="jms"` and of inbound endpoints (messaging-peers §2). */
import type { ElementSite } from '../../schema/element-site.ts'
import { decimal, flag, int, milliseconds, oneOf, param, secret, text, type ConfigOf } from '../../schema/index.ts'
import { connectionFactory } from '../connection-factory.ts'
import { contentTypeRules } from './content-type-rules.ts'

const shared = 'There is one connection for each broker and user, always kept, and a session for each consumer.'

/** Where a proxy names no connection factory and no broker, the one called `default` counts, as in MI. */
const isProxyOfJms = ({ element }: ElementSite): boolean =>
  element.local === 'proxy' &&
  /\bjms\b/.test(element.attribute('transports') ?? '') &&
  !element.childElements.some(child => child.attribute('name') === 'java.naming.provider.url')

export const jmsFields = {
  factory: connectionFactory('transport.jms.ConnectionFactory', 'jms.listener', isProxyOfJms),
  initialFactory: param('java.naming.factory.initial', text(), {
    doc: 'JNDI context class; tells which product it is.',
  }),
  providerUrl: param('java.naming.provider.url', text(), {
    doc: 'Address of the broker, a failover list, or a JNDI properties file. Its `jms.redeliveryPolicy.…` options count.',
  }),
  connectionFactory: param('transport.jms.ConnectionFactoryJNDIName', text(), {
    fallback: 'QueueConnectionFactory',
    doc: 'JNDI name of the connection factory.',
  }),
  connectionFactoryType: param('transport.jms.ConnectionFactoryType', oneOf('queue', 'topic', 'generic'), {
    doc: 'What the factory is for.',
    ignored: 'transport.jms.DestinationType says what the destination is.',
  }),
  destination: param('transport.jms.Destination', text(), {
    doc: 'JNDI name or name of the queue. Absent: the name of the service or inbound endpoint.',
  }),
  destinationType: param('transport.jms.DestinationType', text(), {
    fallback: 'queue',
    doc: 'queue or topic. A topic hands out what is published while somebody reads it, unless the subscription is durable.',
  }),
  subscriptionDurable: param('transport.jms.SubscriptionDurable', flag(), {
    doc: 'True: the broker keeps what is published to the topic while nobody reads it. Absent: true where DurableSubscriberName is given.',
  }),
  subscriberName: param('transport.jms.DurableSubscriberName', text(), {
    doc: 'Name of the durable subscription of a topic.',
  }),
  subscriberClientId: param('transport.jms.DurableSubscriberClientID', text(), {
    doc: 'Whose subscription it is; one reader at a time. Absent: the name of the subscription.',
  }),
  sharedSubscription: param('transport.jms.SharedSubscription', text(), {
    advanced: true,
    doc: 'Several readers of one subscription: refused.',
  }),
  noLocal: param('transport.jms.PubSubNoLocal', text(), {
    doc: 'Whether what this server publishes is left out.',
    ignored: 'It comes like everything else.',
  }),
  replyDestination: param('transport.jms.ReplyDestination', text(), {
    doc: 'Queue the answers of the flow go to. Absent: the one the message names, if any.',
  }),
  username: param('transport.jms.UserName', text(), { doc: 'Counts only together with a password.' }),
  password: param('transport.jms.Password', secret(), { doc: 'Counts only together with a user name.' }),
  protocol: param('transport.jms.Protocol', text(), {
    fallback: 'auto',
    advanced: true,
    doc: 'How to speak to the broker: auto, amqp or openwire.',
  }),
  contentTypeRules,
  contentTypeProperty: param('transport.jms.ContentTypeProperty', text(), {
    doc: 'Property that names the content type, in messages and in answers.',
  }),
  hyphens: param('transport.jms.MessagePropertyHyphens', oneOf('none', 'replace', 'delete'), {
    fallback: 'none',
    doc: 'What becomes of hyphens in header names: `replace` writes `_DASHED_`.',
  }),
  transacted: param('transport.jms.SessionTransacted', flag(), {
    doc: 'True: what the flow sends to the same broker takes effect with the acknowledgement of the message, or not at all.',
  }),
  acknowledgement: param(
    'transport.jms.SessionAcknowledgement',
    oneOf('AUTO_ACKNOWLEDGE', 'CLIENT_ACKNOWLEDGE', 'DUPS_OK_ACKNOWLEDGE', 'SESSION_TRANSACTED'),
    {
      fallback: 'AUTO_ACKNOWLEDGE',
      doc: 'SESSION_TRANSACTED is the same as SessionTransacted. Otherwise each message is acknowledged by itself, after its flow.',
    },
  ),
  transactionTimeout: param('transport.jms.transaction.timeout', milliseconds(), {
    fallback: 60_000,
    advanced: true,
    doc: 'A flow in a transaction that takes longer is rolled back. Must be shorter than the timeout of the broker.',
  }),
  consumers: param('transport.jms.ConcurrentConsumers', int({ min: 1 }), {
    fallback: 1,
    doc: 'Messages worked on at the same time, each with a session of its own. Order is kept for one.',
  }),
  maxConsumers: param('transport.jms.MaxConcurrentConsumers', int({ min: 1 }), {
    fallback: 1,
    doc: 'As many while all are busy.',
  }),
  idleTaskLimit: param('transport.jms.IdleTaskLimit', int({ min: 1 }), {
    fallback: 10,
    advanced: true,
    doc: 'Empty receives after which a consumer above ConcurrentConsumers ends.',
  }),
  receiveTimeout: param('transport.jms.ReceiveTimeout', milliseconds(), {
    fallback: 1000,
    advanced: true,
    doc: 'Length of one receive of such a consumer.',
  }),
  maxMessagesPerTask: param('transport.jms.MaxMessagesPerTask', text(), {
    doc: 'Messages after which a thread ends.',
    ignored: 'There are no threads.',
  }),
  cacheLevel: param('transport.jms.CacheLevel', text(), { doc: 'What is kept open.', ignored: shared }),
  prefetch: param('transport.jms.Prefetch', int({ min: 1 }), {
    fallback: 1,
    advanced: true,
    doc: 'Messages a consumer holds at once. Others cannot see them.',
  }),
  selector: param('transport.jms.MessageSelector', text(), {
    doc: 'Only messages for which this is true are taken, where the broker knows selectors.',
  }),
  retriesBeforeSuspension: param('transport.jms.RetriesBeforeSuspension', int({ min: 0 }), {
    fallback: 0,
    doc: 'After so many rollbacks in a row nothing is taken for a while. 0: never.',
  }),
  suspensionPeriod: param('transport.jms.PollingSuspensionPeriod', milliseconds(), {
    fallback: 60_000,
    doc: 'For how long. 0: until somebody starts it again.',
  }),
  resetOnSuspension: param('transport.jms.ResetConnectionOnPollingSuspension', flag(), {
    fallback: false,
    doc: 'Whether the connection is given up meanwhile.',
    ignored: 'The consumer lets go of the queue meanwhile; the connection is shared with others.',
  }),
  consumeErrorDelay: param('transport.jms.ConsumeErrorDelay', milliseconds(), {
    fallback: 100,
    advanced: true,
    doc: 'Pause after an error of the broker.',
  }),
  consumeErrorProgression: param('transport.jms.ConsumeErrorProgression', decimal({ min: 1 }), {
    fallback: 2,
    advanced: true,
    doc: 'Each pause is so many times the one before, up to a minute.',
  }),
  consumeErrorRetries: param('transport.jms.MaxConsumeErrorRetriesBeforeDelay', text(), {
    doc: 'Errors before the first pause.',
    ignored: 'The first error is followed by a pause, too.',
  }),
  consumeErrorLimit: param('transport.jms.MaxConsumeErrorRetryCount', text(), {
    doc: 'Errors after which it gives up.',
    ignored: 'It never gives up; operators see that it cannot take messages, and why.',
  }),
  retryDuration: param('transport.jms.retry.duration', milliseconds(), {
    advanced: true,
    doc: 'Fixed pause between two attempts to connect.',
  }),
  initialReconnect: param('transport.jms.InitialReconnectDuration', milliseconds(), {
    advanced: true,
    doc: 'First pause between two attempts to connect. Absent: 100 ms.',
  }),
  reconnectFactor: param('transport.jms.ReconnectProgressFactor', decimal({ min: 1 }), {
    advanced: true,
    doc: 'Each pause is so many times the one before. Absent: 2.',
  }),
  maxReconnect: param('transport.jms.MaxReconnectDuration', milliseconds(), {
    advanced: true,
    doc: 'Longest pause. Absent: 5 s. Of several who use one broker, the first one decides.',
  }),
  reconnectInterval: param('transport.jms.ReconnectInterval', milliseconds(), {
    advanced: true,
    doc: 'Fixed pause, as transport.jms.retry.duration.',
  }),
  deadLetter: param('transport.jms.DeadLetterDestination', text(), {
    doc: "Queue for messages whose redeliveries are used up. Absent: the broker's own.",
  }),
  specVersion: param('transport.jms.JMSSpecVersion', text(), {
    doc: 'Version of the JMS interface.',
    ignored: 'It names a Java interface; nothing changes on the wire.',
  }),
  userTransaction: param('transport.jms.TransactionCommand', text(), {
    doc: 'Transactions of a Java server.',
    ignored: 'Transactions are local to the broker.',
  }),
}

export type JmsParameters = ConfigOf<typeof jmsFields>

export const throttleFields = {
  throttled: param('jms.proxy.throttle.enabled', flag(), {
    fallback: false,
    doc: 'True: messages are taken no faster than said here.',
  }),
  throttleMode: param('jms.proxy.throttle.mode', oneOf('fixed-interval', 'batch'), {
    fallback: 'fixed-interval',
    doc: 'Evenly, or so many at once in each unit of time.',
  }),
  throttlePerMinute: param('jms.proxy.throttle.limitPerMinute', int({ min: 1 }), {
    fallback: 60,
    doc: 'For fixed-interval: messages in a minute.',
  }),
  throttleUnit: param('jms.proxy.throttle.timeUnit', oneOf('minute', 'hour', 'day'), {
    fallback: 'minute',
    doc: 'For batch: the unit of time.',
  }),
  throttleCount: param('jms.proxy.throttle.count', int({ min: 1 }), {
    fallback: 60,
    doc: 'For batch: messages in each unit of time.',
  }),
}

export type ThrottleParameters = ConfigOf<typeof throttleFields>

export const NO_THROTTLE: ThrottleParameters = {
  throttled: false,
  throttleMode: 'fixed-interval',
  throttlePerMinute: 60,
  throttleUnit: 'minute',
  throttleCount: 60,
}

/** What the broker's address and JNDI need, back in the form they are written. */
export function namesOf(config: JmsParameters, jndi: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const names = new Map(Object.entries(jndi))
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined) names.set(name, value)
  }
  set('java.naming.factory.initial', config.initialFactory)
  set('java.naming.provider.url', config.providerUrl)
  set('transport.jms.ConnectionFactoryJNDIName', config.connectionFactory)
  set('transport.jms.Destination', config.destination)
  set('transport.jms.DestinationType', config.destinationType)
  set('transport.jms.SubscriptionDurable', config.subscriptionDurable?.toString())
  set('transport.jms.DurableSubscriberName', config.subscriberName)
  set('transport.jms.DurableSubscriberClientID', config.subscriberClientId)
  set('transport.jms.SharedSubscription', config.sharedSubscription)
  set('transport.jms.ReplyDestination', config.replyDestination)
  set('transport.jms.UserName', config.username)
  set('transport.jms.Password', config.password)
  set('transport.jms.Protocol', config.protocol)
  return names
}

/** `fallback`: whether sessions are transacted where nothing says so: yes for proxies, no for inbound endpoints. */
export function isTransacted({ transacted, acknowledgement }: JmsParameters, fallback: boolean): boolean {
  return transacted ?? (acknowledgement === 'SESSION_TRANSACTED' || fallback)
}

/** Rules across the parameters, whoever has them. */
export function checkJms(config: JmsParameters, site: ElementSite): void {
  const at = (name: string): number => site.parameter(name)?.offset ?? site.element.offset
  if (config.maxConsumers > 1 && config.maxConsumers < config.consumers) {
    site.warn(
      'invalid-value',
      'MaxConcurrentConsumers is less than ConcurrentConsumers and has no effect',
      at('transport.jms.MaxConcurrentConsumers'),
      'Raise it, or remove it.',
    )
  }
  if (config.transacted === false && config.acknowledgement === 'SESSION_TRANSACTED') {
    site.error(
      'invalid-value',
      'SessionTransacted false contradicts SessionAcknowledgement SESSION_TRANSACTED',
      at('transport.jms.SessionTransacted'),
      'Remove one of the two.',
    )
  }
}
