import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'dataServiceCall',
  summary: 'Runs an extension in the place of a call to a WSO2 data service.',
  details: `
    Data services are not part of this server. The extension gets \`serviceName\`, \`operations\`, \`source\` and \`target\` as properties.
    Without an extension under the name \`dataServiceCall\` the artifact is deployed with a warning, and a message that gets here is
    a fault that says so. See [extensions](../../extensions.md).`,
  doc: '`serviceName`, `<operations>`, `<source>` and `<target>` as MI has them.',
  examples: [
    {
      title: 'One operation',
      xml: '<dataServiceCall serviceName="Employees"><operations type="single"><operation name="addEmployee"><param name="id" value="1"/></operation></operations><target type="body"/></dataServiceCall>',
    },
  ],
  needs: 'a data service of WSO2',
  instead: 'Use <dblookup> and <dbreport>, or <call> a data service over HTTP.',
})
