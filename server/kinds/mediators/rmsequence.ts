import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'RMSequence',
  summary: 'Runs an extension in the place of a sequence of WS-ReliableMessaging.',
  details: `
    Attributes are properties of the extension.
    Without an extension under the name \`RMSequence\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: 'As Synapse has them.',
  examples: [{ title: 'One message', xml: '<RMSequence single="true" version="1.0"/>' }],
  needs: 'WS-ReliableMessaging',
  instead: 'Nothing is lost on the way if messages go through a <store> and a forwarding processor.',
})
