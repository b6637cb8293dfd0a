import { sessionReader, type SessionReader } from '../../codecs/session-id.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Endpoint, SendOptions } from '../../kernel/contracts.ts'
import type { Message } from '../../kernel/message.ts'
import { roundRobin, weightedRoundRobin, type Balance } from '../../runtime/balance.ts'
import { groupReadyAt, isReady, noReadyMember, sendToFirst } from '../../runtime/endpoint-group.ts'
import { leafEndpoint } from '../../runtime/leaf-endpoint.ts'
import { Sessions } from '../../runtime/sessions.ts'
import {
  address,
  attr,
  children,
  defineEndpoint,
  endpoints,
  flag,
  int,
  oneOf,
  type ConfigOf,
  type EndpointEnv,
  type EndpointNode,
} from '../../schema/index.ts'
import type { ValueType } from '../../schema/types.ts'

const ALGORITHMS = ['RoundRobin', 'WeightedRoundRobin'] as const
const PACKAGE = 'org.apache.synapse.endpoints.algorithms.'

const algorithm: ValueType<(typeof ALGORITHMS)[number]> = {
  name: 'algorithm',
  expected: `one of ${ALGORITHMS.map(name => PACKAGE + name).join(', ')}`,
  xsd: 'xs:string',
  options: ALGORITHMS.map(name => PACKAGE + name),
  parse(given) {
    const found = ALGORITHMS.find(name => given.trim() === PACKAGE + name)
    return found ? { value: found } : { problem: 'this algorithm is not offered' }
  },
  print: value => PACKAGE + value,
}

const memberFields = {
  hostName: attr(address(), { required: true, doc: 'Host of the member.' }),
  httpPort: attr(int({ min: 1, max: 65_535 }), { doc: 'Its port for HTTP.' }),
  httpsPort: attr(int({ min: 1, max: 65_535 }), { doc: 'Its port for HTTPS.' }),
}

export default defineEndpoint({
  tag: 'loadbalance',
  summary: 'Sends to its members in turn.',
  details: `
    A member that rests is passed over. Unless \`failover\` is false the next member gets the message if one fails, and
    if none answers the fault is 303000. With the algorithm \`WeightedRoundRobin\` a member written in place weighs what
    its property \`loadbalance.weight\` says. \`<member>\`s are hosts that take over the path of the message's \`To\`.
    \`<session>\` beside the group keeps the messages of a session at one member: by JSESSIONID (\`http\`), by the
    ServiceGroupId of Axis2 (\`soap\`), or by the header \`ClientID\` that the client sets (\`simpleClientSession\`).`,
  fields: {
    policy: attr(oneOf('roundRobin'), { doc: 'The old way to name the algorithm.' }),
    algorithm: attr(algorithm, { fallback: 'RoundRobin', doc: 'Whose turn it is.' }),
    failover: attr(flag(), { fallback: true, doc: 'False: a failure of a member is the fault of the flow.' }),
    buildMessage: attr(flag(), { doc: 'Collects the body before sending.', ignored: 'Done wherever it is needed.' }),
    endpoints: endpoints({ doc: 'The members.' }),
    hosts: children('member', memberFields, { doc: 'Members that differ only in their host.' }),
  },
  examples: [
    {
      title: 'Two back ends in turn',
      xml: '<loadbalance><endpoint><address uri="http://a:9000/orders"/></endpoint><endpoint><address uri="http://b:9000/orders"/></endpoint></loadbalance>',
    },
    {
      title: 'Hosts that serve the same paths',
      xml: '<loadbalance><member hostName="a" httpPort="9000"/><member hostName="b" httpPort="9000"/></loadbalance>',
    },
  ],
  check({ endpoints, hosts }, site) {
    if (endpoints.length === 0 && hosts.length === 0) site.missing('element <endpoint> or <member>')
    if (endpoints.length > 0 && hosts.length > 0) {
      const hint = 'Keep one of the two.'
      site.error('one-too-many', 'a group has either <endpoint>s or <member>s', site.element.offset, hint)
    }
  },
  create({ algorithm, failover, endpoints, hosts }, env): Endpoint {
    const { name, log, session } = env
    const members =
      hosts.length > 0 ? hosts.map(host => hostEndpoint(host, env)) : endpoints.map(node => env.endpoint(node))
    const balance: Balance =
      algorithm === 'WeightedRoundRobin'
        ? weightedRoundRobin(members.map((_, at) => weightOf(endpoints[at])))
        : roundRobin(members.length)
    const affinity = session && {
      reader: sessionReader(session.type),
      sessions: new Sessions(env.services.clock, session.timeoutMs),
    }
    return {
      name,
      members,
      readyAt: ctx => groupReadyAt(members, ctx),
      send: (request, ctx, options) =>
        affinity ? sendInSession(request, ctx, options) : spread(request, ctx, options),
    }

    async function spread(
      request: Message,
      ctx: MessageContext,
      options: SendOptions | undefined,
      answered?: (member: Endpoint, reply: Message | null) => void,
      first?: Endpoint,
    ): Promise<Message | null> {
      const start = first ? members.indexOf(first) : nextReady(ctx)
      if (start < 0) throw noReadyMember(name)
      if (!failover) {
        const reply = await members[start]!.send(request, ctx, options)
        answered?.(members[start]!, reply)
        return reply
      }
      const order = [...members.slice(start), ...members.slice(0, start)]
      return sendToFirst(order, { name, log, request, ctx, options, ...(answered && { answered }) })
    }

    /** The one whose turn it is, or the next after it that is ready. */
    function nextReady(ctx: MessageContext): number {
      const turn = balance.next()
      for (let step = 0; step < members.length; step++) {
        const at = (turn + step) % members.length
        if (isReady(members[at]!, ctx)) return at
      }
      return -1
    }

    async function sendInSession(
      request: Message,
      ctx: MessageContext,
      options: SendOptions | undefined,
    ): Promise<Message | null> {
      const { reader, sessions } = affinity!
      if (reader.needsBody) await request.body.collect()
      const id = reader.ofRequest(request)
      const known = id === undefined ? undefined : sessions.find(id)
      const home = known && isReady(known, ctx) ? known : undefined
      const replies: [member: Endpoint, reply: Message | null][] = []
      const reply = await spread(request, ctx, options, (...answer) => void replies.push(answer), home)
      for (const [member, answer] of replies) await remember(reader, sessions, id, member, answer)
      return reply
    }
  },
})

async function remember(
  reader: SessionReader,
  sessions: Sessions,
  asked: string | undefined,
  member: Endpoint,
  reply: Message | null,
): Promise<void> {
  if (reader.byClient || reply === null) {
    if (asked !== undefined) sessions.keep(asked, member)
    return
  }
  if (reader.needsBody) await reply.body.collect()
  const id = reader.ofReply(reply) ?? asked
  if (id !== undefined) sessions.keep(id, member)
}

function weightOf(node: EndpointNode | undefined): number {
  const given = Number(node?.properties.find(({ name }) => name === 'loadbalance.weight')?.value ?? 1)
  return Number.isInteger(given) && given > 0 ? given : 1
}

/** A member that is only a host: the message says the rest. */
function hostEndpoint({ hostName, httpPort, httpsPort }: ConfigOf<typeof memberFields>, env: EndpointEnv): Endpoint {
  const named = { ...env, name: `${env.name}[${hostName}]` }
  return leafEndpoint([], named, (request, ctx) => {
    const [, scheme, path = ''] = /^(?:(https?):\/\/[^/?#]*)?(.*)$/s.exec(request.addressing.to ?? '') ?? []
    const arrived = ctx.properties.get('TRANSPORT_IN_NAME')
    const wanted = scheme ?? (arrived === 'https' ? 'https' : 'http')
    const secure = httpsPort !== undefined && (wanted === 'https' || httpPort === undefined)
    const port = secure ? httpsPort : (httpPort ?? 80)
    return { url: `${secure ? 'https' : 'http'}://${hostName}:${port}${path.startsWith('/') ? path : `/${path}`}` }
  })
}
