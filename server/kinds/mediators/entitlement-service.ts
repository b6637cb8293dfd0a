import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'entitlementService',
  summary: 'Runs an extension in the place of an XACML decision.',
  details: `
    Attributes and children are properties of the extension. It decides itself what a refusal is: \`ctx.fault\`, or \`return false\` after \`ctx.respond\`.
    Without an extension under the name \`entitlementService\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: 'As Synapse has them.',
  examples: [
    {
      title: 'Ask a decision point',
      xml: '<entitlementService remoteServiceUrl="https://localhost:9444/services" remoteServiceUserName="admin" remoteServicePassword="enc:secret" callbackClass="com.acme.Callback"/>',
    },
  ],
  needs: 'the entitlement service of WSO2 Identity Server',
  instead: 'Ask a decision point with <call>, then <filter> its answer.',
})
