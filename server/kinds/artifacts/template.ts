import type { Template } from '../../kernel/contracts.ts'
import { nested, withHandler } from '../../kernel/flow.ts'
import { attr, child, children, defineArtifact, flag, ref, steps, text } from '../../schema/index.ts'

export default defineArtifact({
  role: 'template',
  tag: 'template',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'A sequence with parameters.',
  details: `
    \`<call-template>\` runs it. Inside, \`$func:name\` and \`get-property('func', 'name')\` read the parameters of the
    innermost call; they are there again after a call to another template. A mandatory parameter has to be passed by the
    caller, its default is not looked at.`,
  fields: {
    name: attr(text(), { required: true, doc: 'How callers refer to it.' }),
    onError: attr(ref('sequence'), { doc: 'Runs when a mediator in this template fails.' }),
    parameters: children(
      'parameter',
      {
        name: attr(text(), { required: true, doc: 'Name of the parameter.' }),
        isMandatory: attr(flag(), { fallback: false, doc: 'True: a call without it is a fault.' }),
        defaultValue: attr(text(), { doc: 'Value of an optional parameter that is not passed.' }),
        optional: attr(text(), { doc: 'An old spelling.', ignored: 'Synapse ignores it, too. Use isMandatory.' }),
        default: attr(text(), { doc: 'An old spelling.', ignored: 'Synapse ignores it, too. Use defaultValue.' }),
      },
      { doc: 'What a caller may pass.' },
    ),
    sequence: child('sequence', { steps: steps({ doc: 'What to do.' }) }, { required: true, doc: 'What to do.' }),
  },
  examples: [
    {
      title: 'Log with a name',
      xml: '<template name="say"><parameter name="what" defaultValue="nothing"/><sequence><log level="custom"><property name="said" expression="$func:what"/></log></sequence></template>',
    },
  ],
  create({ onError, parameters, sequence }, env): Template {
    const flow = env.flow(sequence.steps)
    const plain = { mediate: (ctx: Parameters<typeof flow.mediate>[0]) => nested(ctx, () => flow.mediate(ctx)) }
    return {
      name: env.name,
      parameters: parameters.map(({ name, isMandatory, defaultValue }) => ({
        name: name ?? '',
        mandatory: isMandatory,
        ...(defaultValue !== undefined && { fallback: defaultValue }),
      })),
      sequence: onError ? withHandler(plain, onError) : plain,
    }
  },
})
