import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'rule',
  summary: 'Runs an extension in the place of business rules.',
  details: `
    The extension gets the rule set, facts and results as it is written, each child as a property.
    Without an extension under the name \`rule\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: '`<ruleSet>`, `<input>`, `<output>` and what else Synapse has here.',
  examples: [
    {
      title: 'A rule set by key',
      xml: '<rule><ruleSet properties="default"><rule resourceType="regular" sourceType="registry" source="conf:/discount.drl"/></ruleSet></rule>',
    },
  ],
  needs: 'the rule engine of WSO2 Business Rules (Drools)',
  instead: 'Rules of a few conditions are better written with <filter>, <switch> or <script>.',
})
