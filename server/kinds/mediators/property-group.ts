import { attr, defineMediator, steps, text } from '../../schema/index.ts'

export default defineMediator({
  tag: 'propertyGroup',
  summary: 'Sets or removes several properties.',
  details: 'The same as the properties written one after another.',
  fields: {
    name: attr(text(), { doc: 'What the group is about; for readers.' }),
    steps: steps({ doc: 'The `<property>` mediators.' }),
  },
  examples: [
    {
      title: 'Two at once',
      xml: '<propertyGroup><property name="a" value="1"/><property name="b" action="remove"/></propertyGroup>',
    },
  ],
  check({ steps }, site) {
    if (steps.length === 0) site.missing('element <property>')
    for (const { kind } of steps) {
      if (kind.tag === 'property') continue
      const hint = 'Move it out of the group.'
      site.error('unknown-element', `<propertyGroup> cannot contain <${kind.tag}>`, site.element.offset, hint)
    }
  },
  create: ({ steps }, env) => env.flow(steps),
})
