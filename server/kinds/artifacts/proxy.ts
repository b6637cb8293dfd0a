import type { MessageContext } from '../../kernel/context.ts'
import { genericWsdl } from '../../codecs/wsdl.ts'
import { WsdlSet } from '../../codecs/wsdl-set.ts'
import type { Proxy } from '../../kernel/contracts.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import { sendAway } from '../../kernel/sending.ts'
import { sequenceFields, serviceFlow } from '../../runtime/service-flow.ts'
import { parseXml } from '../../xml/reader.ts'
import {
  address,
  attr,
  child,
  children,
  content,
  defineArtifact,
  endpoint,
  flag,
  inlineXml,
  param,
  parameters,
  ref,
  text,
  words,
  type ArtifactEnv,
  type ConfigOf,
} from '../../schema/index.ts'

const publishing = {
  uri: attr(address(), { doc: 'Where the WSDL is read from at deploy.' }),
  key: attr(ref('local-entry'), { doc: 'Local entry or registry resource with the WSDL.' }),
  endpoint: attr(ref('endpoint'), { doc: 'Endpoint whose WSDL is published.' }),
  preservePolicy: attr(flag(), { doc: 'Keeps policies of the WSDL.', ignored: 'The WSDL is served as it is.' }),
  resources: children(
    'resource',
    {
      location: attr(text(), { required: true, doc: 'The document as the WSDL calls it.' }),
      key: attr(text(), { required: true, doc: 'Registry resource or file that holds it.' }),
    },
    { doc: 'Where a document is that the WSDL imports.' },
  ),
  wsdl: inlineXml({ doc: 'The WSDL, written in place.' }),
}

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
    gets an empty 202 after success and a fault after a failure.`,
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
    enableAddressing: child('enableAddressing', {}, { doc: 'WS-Addressing headers are read whenever they are there.' }),
    description: children(
      'description',
      { text: content(text(), { doc: 'Free text.' }) },
      { doc: 'Shown in the list of services.' },
    ),
    parameters: parameters({ doc: 'Settings of transports and of WSDL publishing.' }),
  },
  examples: [
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
  check({ target, publishWSDL }, site) {
    if (publishWSDL && sourceOf(publishWSDL) === undefined) {
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

    const run = async (ctx: MessageContext): Promise<void> => {
      if (inFlow && (await inFlow.mediate(ctx)) === 'done') return
      if (!endpoint) return
      await sendAway(endpoint, ctx, onReply)
    }

    return {
      name: env.name,
      transports: config.transports ?? ['http', 'https'],
      startOnLoad: config.startOnLoad,
      ...(config.description[0]?.text !== undefined && { description: config.description[0].text }),
      origin: { label: `proxy:${env.name}`, kind: 'proxy', name: env.name, onReply, onFault },
      async handle(ctx) {
        try {
          await run(ctx)
        } catch (thrown) {
          await onFault(thrown, ctx)
        }
      },
      wsdl: publisherOf(config, env),
    }
  },
})

interface Publishing {
  readonly publishWSDL: ConfigOf<typeof publishing> | undefined
  readonly safeMode: boolean
  readonly modifyPorts: boolean
}

function sourceOf({ uri, key, endpoint, wsdl }: ConfigOf<typeof publishing>): unknown {
  return uri ?? key ?? endpoint ?? wsdl
}

/** A WSDL named by URI or written in place is read at deploy; one that other artifacts hold, whenever it is asked for. */
function publisherOf({ publishWSDL, safeMode, modifyPorts }: Publishing, env: ArtifactEnv): Proxy['wsdl'] {
  const generic = (addresses: readonly string[]): Uint8Array => Buffer.from(genericWsdl(env.name, addresses))
  if (!publishWSDL || sourceOf(publishWSDL) === undefined)
    return (addresses, part = '') => Promise.resolve(part === '' ? generic(addresses) : null)
  const { uri, key, endpoint, wsdl } = publishWSDL
  const { documents, registry } = env.services
  const resources = new Map(publishWSDL.resources.map(({ location, key }) => [location ?? '', key ?? '']))
  const at = (base: string) => ({ base, resources, read: (location: string) => documents.read(location) })
  const load = async (): Promise<WsdlSet> => {
    if (wsdl) return WsdlSet.load(wsdl, at(''))
    if (key) return WsdlSet.load(parseXml(registry().get(key).text()).root, at(key.name))
    const location = uri ?? registry().get(endpoint!).wsdlLocation
    if (location === undefined) {
      throw new IntegrationError('ENTRY_UNKNOWN', `the endpoint ${endpoint!.name} does not say where its WSDL is`)
    }
    return WsdlSet.load(parseXml(await documents.read(location)).root, at(location))
  }
  let loaded: WsdlSet | undefined
  if (wsdl || uri !== undefined) {
    env.prepare(async () => {
      try {
        loaded = await load()
      } catch (thrown) {
        const why = `the WSDL it publishes cannot be read${uri === undefined ? '' : ` from ${uri}`}: ${textOf(thrown)}`
        if (!safeMode) throw new IntegrationError('NOT_SUPPORTED', why, { cause: thrown })
        env.log.warn(`${why}; a generic one is served (enablePublishWSDLSafeMode)`)
      }
    })
  }
  return async (addresses, part = '') => {
    try {
      return (loaded ?? (await load())).print(addresses, part, !modifyPorts)
    } catch (thrown) {
      env.log.warn(`the WSDL it publishes cannot be read: ${textOf(thrown)}; a generic one is served`)
      return part === '' ? generic(addresses) : null
    }
  }
}
