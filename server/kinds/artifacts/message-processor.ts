import { nearest } from '../../kernel/nearest.ts'
import type { Field } from '../../schema/fields.ts'
import { attr, byClass, defineArtifact, ref, text } from '../../schema/index.ts'
import type { AnyProcessorKind, ProcessorEnv } from '../../schema/kinds.ts'

interface Written {
  /** Every parameter as written, for people. */
  readonly all: Readonly<Record<string, string>>
  /** Those the kind does not know. */
  readonly unknown: Readonly<Record<string, string>>
}

const written: Field<Written> = {
  shape: { kind: 'parameters', doc: 'Parameters this kind of processor does not know. They have no effect.' },
  decode(site) {
    const all: Record<string, string> = {}
    for (const element of site.element.childElements) {
      const name = element.local === 'parameter' ? element.attributeNode('name')?.value : undefined
      if (name !== undefined) all[name] = element.ownText.trim()
    }
    return { all, unknown: site.otherParameters() }
  },
  encode({ all }, draft) {
    // A default somebody wrote out stays written out.
    for (const [name, value] of Object.entries(all)) if (!draft.hasParameter(name)) draft.plainParameter(name, value)
  },
  present: () => true,
}

export default defineArtifact({
  role: 'message-processor',
  tag: 'messageProcessor',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'Takes messages out of a store and does something with them.',
  details: `
    The class decides what. A processor never stops in silence: while it does not work it shows the reason, since when,
    and the message it is held up by. A deactivation, by an operator or by itself, outlives restarts and redeployments.`,
  fields: {
    name: attr(text(), { required: true, doc: 'How operators refer to it.' }),
    messageStore: attr(ref('message-store'), { required: true, doc: 'The store it takes messages from.' }),
    targetEndpoint: attr(ref('endpoint'), { doc: 'Where a forwarding processor sends.' }),
    processor: byClass('message-processor', { doc: 'What kind of processor it is.' }),
    parameters: written,
  },
  examples: [
    {
      title: 'Forward orders',
      xml: `<messageProcessor name="forward" class="org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor" messageStore="orders" targetEndpoint="OrderService">
  <parameter name="max.delivery.attempts">4</parameter>
</messageProcessor>`,
    },
  ],
  check({ processor, parameters: { unknown } }, site) {
    const known = processor
      ? Object.values(processor.kind.fields as Record<string, { shape: { kind: string; name?: string } }>).flatMap(
          ({ shape }) => (shape.kind === 'parameter' ? [shape.name!] : []),
        )
      : []
    for (const name of Object.keys(unknown)) {
      const near = nearest(name, known)
      site.warn(
        'unknown-parameter',
        `this kind of processor has no parameter "${name}"`,
        site.parameter(name)?.offset ?? site.element.offset,
        near === undefined ? 'It has no effect. Remove it.' : `It has no effect. Did you mean "${near}"?`,
      )
    }
  },
  create({ messageStore, targetEndpoint, processor, parameters }, env) {
    const { kind, config } = processor!
    const processorEnv: ProcessorEnv = { ...env, store: messageStore!, targetEndpoint, parameters: parameters.all }
    return (kind as AnyProcessorKind).create(config as never, processorEnv)
  },
})
