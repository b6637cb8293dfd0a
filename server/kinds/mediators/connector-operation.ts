import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'connector.operation',
  summary: 'Runs an extension in the place of an operation of a connector, such as `salesforce.query`.',
  details: `
    Every element with a dot in its name is an operation of a connector: connector, dot, operation. Connectors are Java
    libraries and do not run here; an extension registered under the name of the operation runs in its place. What stands
    in the element are its properties: \`configKey\` and other attributes, and each child by its name, with expressions in
    braces evaluated for this message. The local entry \`configKey\` names can be read with \`ctx.entry\`. Without an
    extension the artifact is deployed with a warning, and a message that gets here is a fault that says so. See
    [extensions](../../extensions.md).`,
  doc: 'Attributes and parameters of the operation, each a property of the extension.',
  examples: [
    {
      title: 'Ask by a connector',
      xml: `<acme.query configKey="acmeConnection"><statement>select Id from Account</statement><limit>{get-property('limit')}</limit></acme.query>`,
    },
    { title: 'Its connection', xml: '<acme.init><address>https://api.acme.org</address></acme.init>' },
  ],
  needs: ({ element }) => `the connector "${element.local.slice(0, element.local.indexOf('.'))}"`,
  instead: 'What it does over HTTP can be done with <call> and an <http> endpoint.',
})
