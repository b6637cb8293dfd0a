import type { MessageContext } from '../../kernel/context.ts'
import type { Mediator, Proxy, Ref } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError, textOf } from '../../kernel/errors.ts'
import { noteFault, withHandler } from '../../kernel/flow.ts'
import {
  attr,
  child,
  children,
  content,
  defineArtifact,
  endpoint,
  flag,
  inlineXml,
  parameters,
  ref,
  steps,
  text,
  words,
  type KindEnv,
  type StepNode,
} from '../../schema/index.ts'

const written = {
  onError: attr(ref('sequence'), { doc: 'Runs when a mediator in this sequence fails.' }),
  steps: steps({ doc: 'What to do.' }),
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
        inSequenceKey: attr(ref('sequence'), { name: 'inSequence', doc: 'Named sequence for requests.' }),
        outSequenceKey: attr(ref('sequence'), { name: 'outSequence', doc: 'Named sequence for replies.' }),
        faultSequenceKey: attr(ref('sequence'), { name: 'faultSequence', doc: 'Named sequence for faults.' }),
        endpointKey: attr(ref('endpoint'), { name: 'endpoint', doc: 'Named endpoint requests go to.' }),
        endpoint: endpoint({ doc: 'Endpoint requests go to when the in sequence has come to its end.' }),
        inSequence: child('inSequence', written, { doc: 'What to do with a request.' }),
        outSequence: child('outSequence', written, { doc: 'What to do with a reply.' }),
        faultSequence: child('faultSequence', written, { doc: 'What to do when something failed.' }),
      },
      { required: true, doc: 'Where requests go.' },
    ),
    publishWSDL: child(
      'publishWSDL',
      {
        uri: attr(text(), { doc: 'Where the WSDL is read from at deploy.' }),
        key: attr(text(), { doc: 'Local entry or registry resource with the WSDL.' }),
        endpoint: attr(ref('endpoint'), { doc: 'WSDL endpoint to take it from.' }),
        preservePolicy: attr(flag(), { doc: 'Keeps policies of the WSDL.', ignored: 'The WSDL is served as it is.' }),
        wsdl: inlineXml({ doc: 'The WSDL, written in place.' }),
      },
      { doc: 'The WSDL served at ?wsdl. Absent: a generic one.' },
    ),
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
  check({ target }, site) {
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
    const inFlow = sequenceOf(target.inSequenceKey, target.inSequence, env)
    const outFlow = sequenceOf(target.outSequenceKey, target.outSequence, env)
    const faultFlow = sequenceOf(target.faultSequenceKey, target.faultSequence, env)
    const endpoint =
      target.endpointKey === undefined
        ? target.endpoint && env.endpoint(target.endpoint)
        : env.endpoint({ at: env.at, target: target.endpointKey, properties: [] })

    /** What becomes of a reply to `send`: the out flow, or the caller. */
    const onReply: Mediator = {
      mediate(ctx) {
        if (outFlow) return outFlow.mediate(ctx)
        ctx.exchange.reply(ctx.message, ctx)
        return 'done'
      },
    }

    const run = async (ctx: MessageContext): Promise<void> => {
      if (inFlow && (await inFlow.mediate(ctx)) === 'done') return
      if (!endpoint) return
      const { exchange } = ctx
      const oneWay = ctx.isOn('OUT_ONLY')
      if (ctx.message.isOn('FORCE_SC_ACCEPTED')) exchange.acknowledge(202)
      if (!oneWay) exchange.expectAnswer()
      const reply = await endpoint.send(ctx.message, ctx, { oneWay })
      if (reply === null || oneWay) {
        reply?.body.discard()
        return
      }
      ctx.message = reply
      await onReply.mediate(ctx)
    }

    return {
      name: env.name,
      transports: config.transports ?? ['http', 'https'],
      startOnLoad: config.startOnLoad,
      ...(config.description[0]?.text !== undefined && { description: config.description[0].text }),
      origin: { label: `proxy:${env.name}`, kind: 'proxy', name: env.name, onReply },
      async handle(ctx) {
        try {
          await run(ctx)
        } catch (thrown) {
          await handleFault(thrown, faultFlow, ctx)
        }
      },
      wsdl: () => Promise.resolve(null),
    }
  },
})

/** A sequence by name beats one written in place (synapse-language E.1). */
function sequenceOf(
  key: Ref<'sequence'> | undefined,
  written: { steps: readonly StepNode[]; onError: Ref<'sequence'> | undefined } | undefined,
  env: KindEnv,
): Mediator | undefined {
  if (key) return { mediate: ctx => ctx.runtime.get(key).mediate(ctx) }
  if (!written) return undefined
  const flow = env.flow(written.steps)
  return written.onError ? withHandler(flow, written.onError) : flow
}

async function handleFault(thrown: unknown, faultFlow: Mediator | undefined, ctx: MessageContext): Promise<void> {
  const error = asIntegrationError(thrown)
  noteFault(ctx, error)
  ctx.exchange.noteFault(error)
  // A fault on the way back is an error of ours, whatever the back end had said before.
  if (ctx.message.isResponse) ctx.message.axis2.set('HTTP_SC', 500)
  const handler = faultFlow ?? ctx.runtime.find('sequence', 'fault')
  if (!handler) {
    ctx.log.error(`Executing default "fault" sequence: ${error.message}`, { errorCode: error.errorCode, at: error.at })
    return
  }
  try {
    await handler.mediate(ctx)
  } catch (second) {
    ctx.log.error(`the fault sequence failed: ${textOf(second)}`, { cause: error.message })
    ctx.exchange.noteFault(second instanceof IntegrationError ? second : error)
  }
}
