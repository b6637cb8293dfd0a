import { Inbound } from '../../runtime/inbound.ts'
import { attr, byProtocol, defineArtifact, flag, ref, text } from '../../schema/index.ts'
import type { InboundEnv } from '../../schema/kinds.ts'

export default defineArtifact({
  role: 'inbound-endpoint',
  tag: 'inboundEndpoint',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'Brings messages in: from a queue, a folder, or a port of its own.',
  details: `
    The protocol decides from where. Every message runs the sequence; a fault in it runs \`onError\`, else the sequence named
    \`fault\`. It begins once the server can be called, and it never stops in silence: operators see whether it listens, and
    if not, why and since when. One that an operator has stopped stays stopped over restarts and redeployments.`,
  fields: {
    name: attr(text(), { required: true, doc: 'How operators refer to it.' }),
    sequence: attr(ref('sequence'), { doc: 'Runs for every message. Absent: the sequence `main`.' }),
    onError: attr(ref('sequence'), { doc: 'Runs when the sequence failed. Absent: the sequence `fault`.' }),
    suspend: attr(flag(), { fallback: false, doc: 'True: deployed, but taking nothing until an operator says so.' }),
    inbound: byProtocol({ doc: 'Where messages come from.' }),
  },
  examples: [
    {
      title: 'Orders from a queue',
      xml: `<inboundEndpoint name="orders" protocol="jms" sequence="takeOrder" onError="undo">
  <parameters>
    <parameter name="java.naming.factory.initial">org.apache.activemq.jndi.ActiveMQInitialContextFactory</parameter>
    <parameter name="java.naming.provider.url">tcp://localhost:61616</parameter>
    <parameter name="transport.jms.Destination">orders</parameter>
  </parameters>
</inboundEndpoint>`,
    },
  ],
  create({ sequence, onError, suspend, inbound }, env) {
    const { kind, config, protocol, parameters } = inbound!
    const inboundEnv: InboundEnv = { ...env, protocol, sequence, onError, parameters }
    return new Inbound({
      name: env.name,
      protocol,
      sequence: sequence?.name,
      onError: onError?.name,
      parameters,
      initiallyActive: !suspend,
      source: kind.create(config as never, inboundEnv),
      services: env.services,
      log: env.log,
    })
  },
})
