import type { Endpoint } from '../../kernel/contracts.ts'
import { groupReadyAt, sendToFirst } from '../../runtime/endpoint-group.ts'
import { attr, defineEndpoint, endpoints, flag } from '../../schema/index.ts'

export default defineEndpoint({
  tag: 'failover',
  summary: 'Sends to the first of its members that is ready, and to the next one if that fails.',
  details: `
    Members are tried in the order written, those that rest are passed over. The next one gets the message as it came,
    so that the body is collected first. If none answers the fault is 303000. \`retryConfig\` of a member says after which
    failures no other may be tried. Each member is tried once for a message, unless the property
    \`maximum.failover.retries\` says how many more tries there may be altogether.`,
  fields: {
    dynamic: attr(flag(), {
      fallback: true,
      doc: 'True: every message begins with the first member that is ready. False: with the one that answered last.',
    }),
    buildMessage: attr(flag(), { doc: 'Collects the body before sending.', ignored: 'A group always does.' }),
    members: endpoints({ doc: 'The members, in order of preference.' }),
  },
  examples: [
    {
      title: 'A back end and its substitute',
      xml: '<failover><endpoint><address uri="http://first:9000/orders"/></endpoint><endpoint key="second"/></failover>',
    },
  ],
  check({ members }, site) {
    if (members.length === 0) site.missing('element <endpoint>')
  },
  create({ dynamic, members: nodes }, env): Endpoint {
    const { name, log } = env
    const members = nodes.map(node => env.endpoint(node))
    let current = 0
    return {
      name,
      members,
      readyAt: ctx => groupReadyAt(members, ctx),
      send(request, ctx, options) {
        if (dynamic) return sendToFirst(members, { name, log, request, ctx, options })
        const order = [...members.slice(current), ...members.slice(0, current)]
        const answered = (member: Endpoint): void => void (current = members.indexOf(member))
        return sendToFirst(order, { name, log, request, ctx, options, answered })
      },
    }
  },
})
