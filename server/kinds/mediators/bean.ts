import { javaMediator } from '../../extensions/java-mediator.ts'

export default javaMediator({
  tag: 'bean',
  summary: 'Runs an extension in the place of a Java bean.',
  details: `
    The extension is looked for under \`class\`, or under the name of the variable if there is none. It gets all
    attributes as properties: \`action\` (CREATE, REMOVE, SET_PROPERTY, GET_PROPERTY), \`var\`, \`property\`, \`value\`,
    \`target\`. See [extensions](../../extensions.md).`,
  doc: 'Attributes as Synapse has them; the extension gets each as a property.',
  examples: [
    {
      title: 'Set a property',
      xml: `<bean action="SET_PROPERTY" class="com.acme.Place" var="place" property="city" value="{//city}"/>`,
    },
  ],
  classOf: ({ element }) => element.attribute('class') ?? element.attribute('var') ?? '',
  needs: 'a Java bean',
  instead: 'Plain values are better kept with <variable> or <property>.',
})
