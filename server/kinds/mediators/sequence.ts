import { attr, defineMediator, dynamicNeedsBody, dynamicRef, resolveRef, steps, text } from '../../schema/index.ts'

export default defineMediator({
  tag: 'sequence',
  summary: 'Runs a named sequence, or the mediators written inside it.',
  details: `
    With \`key\` it runs the sequence of that name; \`{expression}\` computes the name for each message. A name that
    does not exist is a fault when the message gets here, and heals when the sequence is deployed. With \`name\` it
    is a block written in place.`,
  fields: {
    key: attr(dynamicRef('sequence'), { doc: 'The sequence to run.' }),
    name: attr(text(), { doc: 'Name of a block written in place; for readers and traces.' }),
    steps: steps({ doc: 'The mediators of a block written in place.' }),
  },
  examples: [
    { title: 'Run a shared sequence', xml: '<sequence key="audit"/>' },
    { title: 'Choose it for each message', xml: `<sequence key="{get-property('which')}"/>` },
  ],
  check({ key, name, steps }, site) {
    if (key === undefined && name === undefined) site.missing('attribute "key" or "name"')
    if (key !== undefined && steps.length > 0) {
      site.error(
        'one-too-many',
        'a sequence with a key cannot have mediators of its own',
        site.element.offset,
        'Remove the key or the mediators.',
      )
    }
  },
  create({ key, steps }, env) {
    if (key === undefined) return env.flow(steps)
    return {
      needsBody: dynamicNeedsBody(key),
      mediate: ctx => ctx.runtime.get(resolveRef(key, ctx)).mediate(ctx),
    }
  },
})
