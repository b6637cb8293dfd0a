import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'oauthService',
  summary: 'Runs an extension in the place of the check of an OAuth token.',
  details: `
    Attributes are properties of the extension. It decides itself what a refusal is: \`ctx.fault\`, or \`return false\` after \`ctx.respond\`.
    Without an extension under the name \`oauthService\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: 'As Synapse has them.',
  examples: [
    {
      title: 'Check a token',
      xml: '<oauthService remoteServiceUrl="https://localhost:9443/services" username="admin" password="enc:secret"/>',
    },
  ],
  needs: 'the OAuth service of WSO2 Identity Server',
  instead: 'Ask the introspection endpoint with <call>, then <filter> its answer.',
})
