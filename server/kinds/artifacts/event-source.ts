import { envelopeView } from '../../codecs/envelope.ts'
import type { MessageContext } from '../../kernel/context.ts'
import { isFor, publish, type EventSource, type Subscription } from '../../runtime/event-topics.ts'
import { attr, child, children, defineArtifact, endpoint, text } from '../../schema/index.ts'

const IN_MEMORY = 'org.apache.synapse.eventing.managers.DefaultInMemorySubscriptionManager'

export default defineArtifact({
  role: 'sequence',
  tag: 'eventSource',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'Sends what is published to those who subscribed to its topic.',
  details: `
    Subscribers are those written here; a subscription over the network (WS-Eventing) is not offered. The topic of a
    message stands in the SOAP header that the properties \`topicHeaderName\` and \`topicHeaderNS\` name, or is what
    \`<event topic="…"/>\` says. A filter \`a/b\` is for the topic \`a/b\` and those below it. Published with
    \`<eventPublisher>\` or \`<event>\`; it can also be run as a sequence of its name.`,
  fields: {
    name: attr(text(), { required: true, doc: 'How publishers refer to it.' }),
    manager: child(
      'subscriptionManager',
      {
        className: attr(text(), {
          name: 'class',
          fallback: IN_MEMORY,
          doc: 'Class that keeps subscriptions; always in memory here.',
        }),
        properties: children(
          'property',
          {
            name: attr(text(), { required: true, doc: '`topicHeaderName` or `topicHeaderNS`.' }),
            value: attr(text(), { required: true, doc: 'Its value.' }),
          },
          { doc: 'Where the topic of a message stands.' },
        ),
      },
      { doc: 'Who keeps the subscriptions.' },
    ),
    subscriptions: children(
      'subscription',
      {
        id: attr(text(), { required: true, doc: 'Its name.' }),
        filter: child(
          'filter',
          {
            source: attr(text(), { required: true, doc: 'The topic.' }),
            dialect: attr(text(), { doc: 'Kind of filter; always by topic.' }),
          },
          { doc: 'What it is for; absent: everything.' },
        ),
        endpoint: endpoint({ required: true, doc: 'Where it is sent.' }),
      },
      { doc: 'One subscriber each.' },
    ),
  },
  examples: [
    {
      title: 'Two subscribers',
      xml: `<eventSource name="Prices"><subscriptionManager class="${IN_MEMORY}"><property name="topicHeaderName" value="Topic"/><property name="topicHeaderNS" value="urn:acme"/></subscriptionManager>
  <subscription id="all"><filter source="prices" dialect="http://synapse.apache.org/eventing/dialect/topicFilter"/><endpoint><address uri="http://localhost:9000/services/All"/></endpoint></subscription>
  <subscription id="gold"><filter source="prices/gold"/><endpoint><address uri="http://localhost:9000/services/Gold"/></endpoint></subscription>
</eventSource>`,
    },
  ],
  create({ manager, subscriptions }, env): EventSource {
    const setting = (name: string): string | undefined => manager?.properties.find(one => one.name === name)?.value
    const local = setting('topicHeaderName')
    const uri = setting('topicHeaderNS') ?? ''
    const made: readonly Subscription[] = subscriptions.map(({ id, filter, endpoint }) => ({
      id,
      topic: filter?.source,
      endpoint: env.endpoint(endpoint),
    }))
    const topicOf = ({ message }: MessageContext): string => {
      if (local === undefined) return ''
      const header = message.body.view(envelopeView).header
      return header?.childElements.find(block => block.is(local, uri))?.text.trim() ?? ''
    }
    const source: EventSource = {
      name: env.name,
      steps: [],
      needsBody: true,
      topicOf,
      subscribers: topic => made.filter(one => isFor(one, topic)),
      mediate: ctx => publish(source.subscribers(topicOf(ctx)), ctx),
    }
    return source
  },
})
