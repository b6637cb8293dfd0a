import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'NTLM',
  summary: 'Runs an extension in the place of NTLM credentials for the next call.',
  details: `
    HTTP sent by this server does not speak NTLM. The extension gets the attributes as properties and may make the call itself.
    Without an extension under the name \`NTLM\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: '`username`, `password`, `host`, `domain`, `ntlmVersion`.',
  examples: [
    {
      title: 'Credentials',
      xml: '<NTLM username="user" password="secret" host="localhost" domain="ACME" ntlmVersion="v2"/>',
    },
  ],
  needs: 'a client for NTLM',
  instead:
    'Put a proxy that speaks NTLM in front of the back end, or use basic or OAuth authentication of an <http> endpoint.',
})
