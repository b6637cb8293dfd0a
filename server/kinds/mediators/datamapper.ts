import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'datamapper',
  summary: 'Runs an extension in the place of a mapping made with the data mapper.',
  details: `
    The mapping itself is a \`.dmc\` file of the data mapper, which needs its engine to run. The extension gets \`config\`, \`inputSchema\`, \`outputSchema\`, \`inputType\`, \`outputType\` and \`xsltStyleSheet\` as properties, and can read each with \`ctx.entry\`.
    Without an extension under the name \`datamapper\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: '`config`, `inputSchema`, `outputSchema`, `inputType`, `outputType`, `xsltStyleSheet`.',
  examples: [
    {
      title: 'XML to JSON',
      xml: '<datamapper config="gov:datamapper/order.dmc" inputSchema="gov:datamapper/in.json" outputSchema="gov:datamapper/out.json" inputType="XML" outputType="JSON"/>',
    },
  ],
  needs: 'the data mapper engine of WSO2',
  instead: 'Mappings are usually short as <script>, <payloadFactory> or <xslt>.',
})
