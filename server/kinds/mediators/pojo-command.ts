import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'pojoCommand',
  summary: 'Runs an extension in the place of a Java command object.',
  details: `
    The extension is looked for under \`name\` and gets every \`<property>\`. What a command would write back into the
    message, the extension writes itself. See [extensions](../../extensions.md).`,
  doc: '`name`: class of the command and name of the extension; each `<property>` is one of the extension.',
  examples: [
    {
      title: 'A command',
      xml: `<pojoCommand name="com.acme.LimitCommand"><property name="limit" value="100"/></pojoCommand>`,
    },
  ],
  classOf: ({ element }) => element.attribute('name') ?? '',
  needs: 'a Java class',
  instead: '',
})
