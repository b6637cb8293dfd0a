import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'ejb',
  summary: 'Runs an extension in the place of an enterprise bean.',
  details: `
    The extension is looked for under \`class\`. It gets all attributes as properties, and the arguments as XML in the
    property \`args\`. See [extensions](../../extensions.md).`,
  doc: 'Attributes and `<args>` as Synapse has them; the extension gets each as a property.',
  examples: [
    {
      title: 'Call a method',
      xml: `<ejb beanstalk="jack" class="com.acme.StoreLocator" method="closest" target="store"><args><arg value="{//city}"/></args></ejb>`,
    },
  ],
  classOf: ({ element }) => element.attribute('class') ?? element.attribute('beanstalk') ?? '',
  needs: 'an EJB container',
  instead: 'A bean that is also offered over HTTP can be reached with <call>.',
})
