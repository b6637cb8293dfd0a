import { IntegrationError } from '../../kernel/errors.ts'
import { isEventSource, publish } from '../../runtime/event-topics.ts'
import { attr, defineMediator, ref } from '../../schema/index.ts'

export default defineMediator({
  tag: 'eventPublisher',
  summary: 'Publishes the message to an event source.',
  details: `
    A copy goes to each subscriber whose topic fits, all at the same time and one way; then the flow goes on. A subscriber
    that cannot be reached is a fault of its copy only.`,
  fields: { source: attr(ref('sequence'), { name: 'eventSourceName', required: true, doc: 'The event source.' }) },
  examples: [{ title: 'Publish', xml: '<eventPublisher eventSourceName="Prices"/>' }],
  create: ({ source }) => ({
    needsBody: true,
    mediate(ctx) {
      const found = ctx.runtime.get(source)
      if (isEventSource(found)) return publish(found.subscribers(found.topicOf(ctx)), ctx)
      throw new IntegrationError('MEDIATION_FAILED', `"${source.name}" is a sequence and no event source`)
    },
  }),
})
