import type { Template } from '../../kernel/contracts.ts'
import { nested, withHandler } from '../../kernel/flow.ts'
import { attr, child, children, defineArtifact, flag, inlineXml, ref, steps, text } from '../../schema/index.ts'
import { isSynapse } from '../../schema/element-site.ts'
import { clone } from '../../xml/clone.ts'
import { descendants, type XmlElement } from '../../xml/tree.ts'
import { printXml } from '../../xml/writer.ts'

export default defineArtifact({
  role: 'template',
  tag: 'template',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'A sequence, or an endpoint, with parameters.',
  details: `
    \`<call-template>\` runs a sequence. Inside, \`$func:name\` and \`get-property('func', 'name')\` read the parameters of the
    innermost call; they are there again after a call to another template. A mandatory parameter has to be passed by the
    caller, its default is not looked at.

    An endpoint is made by \`<endpoint name="…" uri="…" template="…">\` with \`<parameter name value>\` for each parameter: an
    attribute or text that is exactly \`$parameter\` is replaced. \`$name\` and \`$uri\` are always there. It is made when
    the first message needs it, and keeps its state until the template changes.`,
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
    sequence: child('sequence', { steps: steps({ doc: 'What to do.' }) }, { doc: 'What to do.' }),
    endpoint: inlineXml({ doc: 'In place of a sequence: an `<endpoint>` with `$parameter`s in it.' }),
  },
  examples: [
    {
      title: 'Log with a name',
      xml: '<template name="say"><parameter name="what" defaultValue="nothing"/><sequence><log level="custom"><property name="said" expression="$func:what"/></log></sequence></template>',
    },
    {
      title: 'Endpoints that differ in address and patience',
      xml: '<template name="patient"><parameter name="wait"/><endpoint name="$name"><address uri="$uri"><timeout><duration>$wait</duration><responseAction>fault</responseAction></timeout></address></endpoint></template>',
    },
  ],
  check({ sequence, endpoint }, site) {
    if (endpoint !== undefined && !(endpoint.local === 'endpoint' && isSynapse(endpoint))) {
      const hint = 'A template is one <sequence> or one <endpoint>.'
      site.error('unknown-element', `<template> cannot contain <${endpoint.name}>`, endpoint.offset, hint)
    } else if (sequence === undefined && endpoint === undefined) site.missing('element <sequence> or <endpoint>')
    else if (sequence !== undefined && endpoint !== undefined) {
      site.error('one-too-many', 'a template is a sequence or an endpoint', endpoint.offset, 'Remove one of the two.')
    }
  },
  create({ onError, parameters, sequence, endpoint }, env): Template {
    const described = parameters.map(({ name, isMandatory, defaultValue }) => ({
      name: name ?? '',
      mandatory: isMandatory,
      ...(defaultValue !== undefined && { fallback: defaultValue }),
    }))
    if (!sequence) {
      return {
        name: env.name,
        parameters: described,
        endpoint(name, values) {
          const all = new Map(
            described.flatMap(({ name, fallback }) => (fallback === undefined ? [] : [[name, fallback]])),
          )
          for (const [name, value] of values) all.set(name, value)
          return env.services.makeEndpoint(printXml(filledIn(endpoint!, all)), name)
        },
      }
    }
    const flow = env.flow(sequence.steps)
    const plain = { mediate: (ctx: Parameters<typeof flow.mediate>[0]) => nested(ctx, () => flow.mediate(ctx)) }
    return {
      name: env.name,
      parameters: described,
      sequence: onError ? withHandler(plain, onError) : plain,
    }
  },
})

/** A copy with the values in place of every attribute and text that is exactly `$name`; what has no value stays. */
function filledIn(template: XmlElement, values: ReadonlyMap<string, string>): XmlElement {
  const valueOf = (text: string): string | undefined => {
    const [, name] = /^\s*\$([\w.-]+)\s*$/.exec(text) ?? []
    return name === undefined ? undefined : values.get(name)
  }
  const copy = clone(template)
  for (const node of [copy, ...descendants(copy)]) {
    if (node.kind === 'text') node.value = valueOf(node.value) ?? node.value
    if (node.kind !== 'element') continue
    for (const attribute of node.attributes) attribute.value = valueOf(attribute.value) ?? attribute.value
  }
  return copy
}
