import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'bam',
  summary: 'Runs an extension in the place of reporting to WSO2 BAM.',
  details: `
    The server profile and stream configuration are properties of the extension.
    Without an extension under the name \`bam\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: '`<serverProfile>` and `<streamConfig>` as Synapse has them.',
  examples: [
    {
      title: 'By a server profile',
      xml: '<bam><serverProfile name="profile1"><streamConfig name="stream1" version="1.0.0"/></serverProfile></bam>',
    },
  ],
  needs: 'WSO2 Business Activity Monitor',
  instead: 'Send the facts to a back end with <call>, or store them with <store>.',
})
