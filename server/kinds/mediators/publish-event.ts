import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'publishEvent',
  summary: 'Runs an extension in the place of publishing an event to WSO2 analytics.',
  details: `
    Attributes and children are properties of the extension: \`eventSink\`, \`streamName\`, \`streamVersion\`, \`attributes\`.
    Without an extension under the name \`publishEvent\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: 'As Synapse has them.',
  examples: [
    {
      title: 'To a stream',
      xml: '<publishEvent><eventSink>default</eventSink><streamName>orders</streamName><streamVersion>1.0.0</streamVersion></publishEvent>',
    },
  ],
  needs: 'an event sink of WSO2 analytics',
  instead: 'Send the facts to a back end with <call>, or store them with <store>.',
})
