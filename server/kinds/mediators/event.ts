import { eventSourcesIn, publish } from '../../runtime/event-topics.ts'
import { attr, defineMediator, dynamicString, dynamicText, expression } from '../../schema/index.ts'

export default defineMediator({
  tag: 'event',
  summary: 'Publishes the message under a topic.',
  details: `
    A copy goes to each subscriber of every event source whose topic fits, all at the same time and one way; then the flow
    goes on. Without one, nothing happens. \`expression\` is what was to be published: here it is always the message.`,
  fields: {
    topic: attr(dynamicText(), { required: true, doc: 'The topic: `prices/gold`.' }),
    expression: attr(expression(), { doc: 'What is published.', ignored: 'The message as it is.' }),
  },
  examples: [{ title: 'Publish', xml: '<event topic="prices/gold"/>' }],
  create: ({ topic }) => ({
    needsBody: true,
    mediate(ctx) {
      const about = dynamicString(topic, ctx)
      return publish(
        eventSourcesIn(ctx.runtime).flatMap(source => source.subscribers(about)),
        ctx,
      )
    },
  }),
})
