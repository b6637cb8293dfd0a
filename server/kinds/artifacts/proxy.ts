import { fileFormats } from '../../codecs/file-formats.ts'
import { genericWsdl } from '../../codecs/wsdl.ts'
import { WsdlSet } from '../../codecs/wsdl-set.ts'
import { resolveTransport } from '../../drivers/jms/transport-parameters.ts'
import { formatDate } from '../../expr/date-format.ts'
import type { Proxy } from '../../kernel/contracts.ts'
import { sendAway } from '../../kernel/sending.ts'
import { checkListening, listeningFields, sourcesOf } from '../../runtime/proxy-listening.ts'
import type { ProxySources } from '../../runtime/proxy-sources.ts'
import { sequenceFields, serviceFlow } from '../../runtime/service-flow.ts'
import { publisherOf, publishing, wsdlSourceOf } from '../../runtime/wsdl-publishing.ts'
import {
  attr,
  child,
  children,
  content,
  defineArtifact,
  endpoint,
  flag,
  param,
  parameters,
  ref,
  text,
  words,
} from '../../schema/index.ts'

export default defineArtifact({
  role: 'proxy',
  tag: 'proxy',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'A service under /services/NAME.',
  details: `
    A request runs the in sequence; if that comes to its end and there is a target endpoint, the message goes there. A
    reply runs the out sequence, which has to end with \`send\` or \`respond\`; without an out sequence it goes straight
    back to the caller. A fault runs the fault sequence, else the sequence named \`fault\`. If nothing answers, the caller
    gets an empty 202 after success and a fault after a failure.

    With \`jms\`, \`rabbitmq\` or \`vfs\` among its transports the service is called with messages of a queue, or files, too:
    see the inbound endpoints of these protocols for what their parameters do.`,
  fields: {
    name: attr(text(), { required: true, doc: 'Name of the service and last part of its path.' }),
    transports: attr(words(), { doc: 'Which transports may call it; absent: all.' }),
    startOnLoad: attr(flag(), { fallback: true, doc: 'False: deployed, but refusing requests.' }),
    serviceGroup: attr(text(), { doc: 'Java engine detail.', ignored: 'Services are not grouped here.' }),
    pinnedServers: attr(words(), {
      doc: 'Server names it runs on.',
      ignored: 'One server runs everything it is given.',
    }),
    target: child(
      'target',
      {
        ...sequenceFields,
        endpointKey: attr(ref('endpoint'), { name: 'endpoint', doc: 'Named endpoint requests go to.' }),
        endpoint: endpoint({ doc: 'Endpoint requests go to when the in sequence has come to its end.' }),
      },
      { required: true, doc: 'Where requests go.' },
    ),
    publishWSDL: child('publishWSDL', publishing, { doc: 'The WSDL served at ?wsdl. Absent: a generic one.' }),
    safeMode: param('enablePublishWSDLSafeMode', flag(), {
      fallback: false,
      doc: 'True: a WSDL that cannot be read does not keep the service out; until it can, a generic one is served.',
    }),
    modifyPorts: param('modifyUserWSDLPortAddress', flag(), {
      fallback: true,
      doc: 'False: ports of the published WSDL keep their addresses.',
    }),
    inboundOnly: param('inbound.only', flag(), {
      fallback: false,
      doc: 'True: the ports of the server do not lead to the service, those of inbound endpoints do.',
    }),
    enableAddressing: child('enableAddressing', {}, { doc: 'WS-Addressing headers are read whenever they are there.' }),
    ...listeningFields,
    description: children(
      'description',
      { text: content(text(), { doc: 'Free text.' }) },
      { doc: 'Shown in the list of services.' },
    ),
    parameters: parameters({ doc: 'Settings of transports and of WSDL publishing.' }),
  },
  examples: [
    {
      title: 'Files of a folder',
      xml: `<proxy name="Invoices" transports="vfs">
  <target><inSequence><log level="full"/></inSequence></target>
  <parameter name="transport.PollInterval">15</parameter>
  <parameter name="transport.vfs.FileURI">file:files/in</parameter>
  <parameter name="transport.vfs.ContentType">application/xml</parameter>
  <parameter name="transport.vfs.ActionAfterProcess">MOVE</parameter>
  <parameter name="transport.vfs.MoveAfterProcess">file:files/done</parameter>
</proxy>`,
    },
    {
      title: 'Messages of a queue at RabbitMQ; a flow that fails gives them back',
      xml: `<proxy name="Parcels" transports="rabbitmq">
  <target><inSequence><log level="full"/></inSequence></target>
  <parameter name="rabbitmq.server.host.name">localhost</parameter>
  <parameter name="rabbitmq.queue.name">parcels</parameter>
  <parameter name="rabbitmq.queue.auto.ack">false</parameter>
</proxy>`,
    },
    {
      title: 'Pass through',
      xml: '<proxy name="Quotes"><target><endpoint><address uri="http://127.0.0.1:9000/services/SimpleStockQuoteService"/></endpoint></target></proxy>',
    },
    {
      title: 'Accept and store',
      xml: `<proxy name="Orders" transports="http https"><target><inSequence>
  <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/>
  <store messageStore="orders"/>
</inSequence></target></proxy>`,
    },
  ],
  check(config, site) {
    const { target, publishWSDL } = config
    if (publishWSDL && wsdlSourceOf(publishWSDL) === undefined) {
      site.warn(
        'missing',
        '<publishWSDL> names no WSDL; a generic one is served',
        site.element.offset,
        'Add uri="…", key="…" or endpoint="…", or write the WSDL inside.',
      )
    }
    if (!target) return
    const hasIn = target.inSequenceKey !== undefined || target.inSequence !== undefined
    const hasEndpoint = target.endpointKey !== undefined || target.endpoint !== undefined
    checkListening(config, site, { resolve: resolveTransport })
    if (!hasIn && !hasEndpoint) {
      site.error(
        'missing',
        'the target has neither an in sequence nor an endpoint',
        site.element.offset,
        'Add <inSequence> or <endpoint>.',
      )
    }
  },
  create(config, env): Proxy {
    const target = config.target!
    const { inFlow, onReply, onFault } = serviceFlow(target, env)
    const endpoint =
      target.endpointKey === undefined
        ? target.endpoint && env.endpoint(target.endpoint)
        : env.endpoint({ at: env.at, target: target.endpointKey, properties: [] })

    const proxy: Proxy = {
      name: env.name,
      transports: config.transports ?? ['http', 'https'],
      startOnLoad: config.startOnLoad,
      ...(config.inboundOnly && { inboundOnly: true }),
      ...(config.description[0]?.text !== undefined && { description: config.description[0].text }),
      origin: { label: `proxy:${env.name}`, kind: 'proxy', name: env.name, onReply, onFault },
      async handle(ctx) {
        try {
          if (inFlow && (await inFlow.mediate(ctx)) === 'done') return
          if (endpoint) await sendAway(endpoint, ctx, onReply)
        } catch (thrown) {
          await onFault(thrown, ctx)
        }
      },
      wsdl: publisherOf(config, env, { generic: genericWsdl, load: WsdlSet.load }),
    }
    const sources = sourcesOf(config, env, { formatDate, ...fileFormats })
    return sources ? listening(proxy, sources) : proxy
  },
})

/** A proxy that is started and ended. Its states are those of the moment they are asked for. */
function listening(proxy: Proxy, sources: ProxySources): Proxy & AsyncDisposable {
  return {
    ...proxy,
    get sources() {
      return sources.states
    },
    start: () => sources.start(),
    [Symbol.asyncDispose]: () => sources[Symbol.asyncDispose](),
  }
}
