import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'smooks',
  summary: 'Runs an extension in the place of a Smooks transformation.',
  details: `
    Attributes and children are properties of the extension: \`config-key\`, \`input\`, \`output\`.
    Without an extension under the name \`smooks\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: '`config-key`, `<input>` and `<output>` as Synapse has them.',
  examples: [
    { title: 'CSV to XML', xml: '<smooks config-key="smooks-csv"><input type="text"/><output type="xml"/></smooks>' },
  ],
  needs: 'the Smooks library',
  instead: 'CSV, EDI and fixed-width texts can be read with <script>, XML with <xslt>.',
})
