import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'spring',
  summary: 'Runs an extension in the place of a mediator that Spring makes.',
  details: `
    The extension is looked for under the name of the bean; \`key\` with Spring's own configuration is passed to it as a
    property and not read here. See [class](class.md) and [extensions](../../extensions.md).`,
  doc: '`bean`: name of the bean and of the extension; `key`: Spring configuration, not read.',
  examples: [{ title: 'By the name of the bean', xml: '<spring bean="acmeMediator" key="springConfig"/>' }],
  classOf: ({ element }) => element.attribute('bean') ?? '',
  needs: 'a Spring container',
  instead: '',
})
