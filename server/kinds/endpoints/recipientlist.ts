import type { MessageContext } from '../../kernel/context.ts'
import type { Endpoint } from '../../kernel/contracts.ts'
import { asIntegrationError } from '../../kernel/errors.ts'
import { groupReadyAt, isReady, noReadyMember } from '../../runtime/endpoint-group.ts'
import { leafEndpoint } from '../../runtime/leaf-endpoint.ts'
import { attr, child, defineEndpoint, dynamicString, dynamicText, endpoints, int } from '../../schema/index.ts'

const DEFAULT_CACHE = 20

export default defineEndpoint({
  tag: 'recipientlist',
  summary: 'Sends a copy of the message to each of its members.',
  details: `
    Every reply runs the out flow by itself; a failure of one member is a fault of its copy alone. Members that rest
    are passed over; if all rest the fault is 303000. With \`<endpoints value="…">\` the members are addresses or names of
    endpoints, separated by commas, fixed or computed for each message; each address keeps its state as long as it is
    among the last \`max-cache\` that were used. \`call\` waits for all and goes on with the first reply.`,
  fields: {
    members: endpoints({ doc: 'The members.' }),
    computed: child(
      'endpoints',
      {
        value: attr(dynamicText(), { required: true, doc: 'Addresses or names, or `{expression}` that gives them.' }),
        maxCache: attr(int({ min: 1 }), {
          name: 'max-cache',
          fallback: DEFAULT_CACHE,
          doc: 'How many addresses keep their state.',
        }),
      },
      { doc: 'Members as a text.' },
    ),
  },
  examples: [
    {
      title: 'Two warehouses',
      xml: '<recipientlist><endpoint key="north"/><endpoint key="south"/></recipientlist>',
    },
    {
      title: 'Whoever the message names',
      xml: `<recipientlist><endpoints value="{get-property('EP_LIST')}" max-cache="20"/></recipientlist>`,
    },
  ],
  check({ members, computed }, site) {
    if (members.length === 0 && computed === undefined) site.missing('element <endpoint> or <endpoints>')
  },
  create({ members: nodes, computed }, env): Endpoint {
    const members = nodes.map(node => env.endpoint(node))
    const cache = new Map<string, Endpoint>()
    const value = computed?.value

    /** The endpoint for an address or name; the one used longest ago is forgotten when there are too many. */
    const named = (text: string): Endpoint => {
      let endpoint = cache.get(text)
      cache.delete(text)
      endpoint ??= /^\w+:\/\//.test(text)
        ? leafEndpoint([], { ...env, name: `${env.name}[${text}]` }, () => ({ url: text }))
        : env.endpoint({ at: env.at, target: { role: 'endpoint', name: text, at: env.at }, properties: [] })
      cache.set(text, endpoint)
      if (cache.size > computed!.maxCache) cache.delete(cache.keys().next().value!)
      return endpoint
    }
    const all = (ctx: MessageContext): readonly Endpoint[] => {
      if (value === undefined) return members
      const texts = dynamicString(value, ctx).split(',')
      return [
        ...members,
        ...texts
          .map(text => text.trim())
          .filter(text => text !== '')
          .map(named),
      ]
    }
    const ready = (ctx: MessageContext): readonly Endpoint[] => {
      const found = all(ctx).filter(member => isReady(member, ctx))
      if (found.length === 0) throw noReadyMember(env.name)
      return found
    }
    const needsBody = value !== undefined && 'expression' in value && value.expression.needsBody

    return {
      name: env.name,
      members,
      ...(value === undefined && { readyAt: (ctx: MessageContext) => groupReadyAt(members, ctx) }),
      recipients: ctx => (needsBody && !ctx.message.body.ready ? undefined : ready(ctx)),
      async send(request, ctx, options) {
        await request.body.collect()
        const sending = ready(ctx).map(member => member.send(request.fork(), ctx, options))
        const results = await Promise.allSettled(sending)
        const replies = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
        const failures = results.flatMap(result =>
          result.status === 'rejected' ? [asIntegrationError(result.reason)] : [],
        )
        for (const error of failures) {
          env.log.warn(`Endpoint : ${env.name} could not reach one of its recipients: ${error.message}`)
        }
        if (replies.length === 0) throw noReadyMember(env.name, failures[0])
        const [first, ...others] = replies
        for (const other of others) other?.body.discard()
        return first ?? null
      },
    }
  },
})
