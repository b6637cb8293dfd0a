import type { MessageContext } from '../kernel/context.ts'
import { attr, children, choice, expression, text } from '../schema/index.ts'
import type { ConfigOf } from '../schema/index.ts'

/** What every mediator that runs a stylesheet takes along into it. */
export const stylesheetFields = {
  properties: children(
    'property',
    {
      name: attr(text(), { required: true, doc: 'Name of the `xsl:param` at the top of the stylesheet.' }),
      source: choice(
        {
          value: attr(text(), { doc: 'A fixed text.' }),
          expression: attr(expression(), { doc: 'Taken from the message, as text.' }),
        },
        { required: true, doc: 'The value.' },
      ),
    },
    { doc: 'Parameters of the stylesheet.' },
  ),
  features: children(
    'feature',
    {
      name: attr(text(), { required: true, doc: 'Name of a feature of the Java processor.' }),
      value: attr(text(), { required: true, doc: 'Its value.' }),
    },
    { doc: 'Kept for artifacts that have them, without effect: they belong to the Java processor.' },
  ),
  attributes: children(
    'attribute',
    {
      name: attr(text(), { required: true, doc: 'Name of an attribute of the Java processor.' }),
      value: attr(text(), { required: true, doc: 'Its value.' }),
    },
    { doc: 'Kept for artifacts that have them, without effect: they belong to the Java processor.' },
  ),
  resources: children(
    'resource',
    {
      location: attr(text(), { required: true, doc: 'The URI as the stylesheet writes it.' }),
      key: attr(text(), { required: true, doc: 'The local entry or registry resource it stands for.' }),
    },
    { doc: 'What `xsl:import`, `xsl:include` and `document()` find.' },
  ),
}

type Config = ConfigOf<typeof stylesheetFields>

/** The keys that URIs in the stylesheet stand for. */
export function locationsOf(resources: Config['resources']): ReadonlyMap<string, string> {
  return new Map(resources.map(({ location, key }) => [location!, key!]))
}

/** The values of the parameters for one message, always texts, as Synapse hands them over. */
export function parametersFor(properties: Config['properties'], ctx: MessageContext): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const { name, source } of properties)
    values.set(name!, source!.kind === 'value' ? source!.value : source!.value.string(ctx))
  return values
}
