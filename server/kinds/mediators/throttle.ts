import type { MessageContext } from '../../kernel/context.ts'
import type { Mediator, Outcome, Ref } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { perServer } from '../../runtime/per-server.ts'
import { parsePolicy, PolicyProblem, type ThrottlePolicy } from '../../runtime/throttle-policy.ts'
import { ThrottleState } from '../../runtime/throttle.ts'
import {
  attr,
  child,
  choice,
  defineMediator,
  inlineXml,
  ref,
  steps,
  text,
  type KindEnv,
  type StepNode,
} from '../../schema/index.ts'
import { parseXml } from '../../xml/reader.ts'
import { XmlError } from '../../xml/xml-error.ts'

const POLICY = `<wsp:Policy xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:throttle="http://www.wso2.org/products/wso2commons/throttle">
    <throttle:MediatorThrottleAssertion>
      <throttle:MaximumConcurrentAccess>10</throttle:MaximumConcurrentAccess>
      <wsp:Policy>
        <throttle:ID throttle:type="IP">other</throttle:ID>
        <wsp:Policy><throttle:Control><wsp:Policy>
          <throttle:MaximumCount>4</throttle:MaximumCount>
          <throttle:UnitTime>60000</throttle:UnitTime>
        </wsp:Policy></throttle:Control></wsp:Policy>
      </wsp:Policy>
    </throttle:MediatorThrottleAssertion>
  </wsp:Policy>`

export default defineMediator({
  tag: 'throttle',
  summary: 'Lets so many messages pass at once, and so many of each caller in a time.',
  details: `
    The policy is written in place or kept under a key, and read again when its text has changed.
    \`MaximumConcurrentAccess\` is how many messages may be on their way at once: a message has its place until it passes a
    throttle of the same id on the way back, or its exchange is over. An \`ID\` of type IP or DOMAIN, which is an address, a
    range \`a-b\`, a domain or \`other\`, has a \`Control\`: \`MaximumCount\` messages in \`UnitTime\` milliseconds, and whoever has
    too many stays out for \`ProhibitTimePeriod\`; or \`Allow\`, or \`Deny\`. The caller is the address of the connection; of a
    connection from this machine or a private network, where a reverse proxy may be, it is the first address in
    \`X-Forwarded-For\`. All throttles with one id count together. A message that passes runs \`onAccept\` and goes on; one that
    does not runs \`onReject\`, and without that is a fault. Replies pass.`,
  fields: {
    id: attr(text(), { required: true, doc: 'What is counted together.' }),
    policy: child(
      'policy',
      {
        source: choice(
          {
            key: attr(text(), { doc: 'Local entry or registry resource with the policy.' }),
            inline: inlineXml({ doc: 'The policy.' }),
          },
          { doc: 'Where the policy is.' },
        ),
      },
      { doc: 'How much may pass; absent: only gives back the place of a reply.' },
    ),
    onAcceptKey: attr(ref('sequence'), { name: 'onAccept', doc: 'Runs on what passes.' }),
    onRejectKey: attr(ref('sequence'), { name: 'onReject', doc: 'Runs on what does not.' }),
    onAccept: child('onAccept', { steps: steps({ doc: 'What to do.' }) }, { doc: 'Runs on what passes.' }),
    onReject: child('onReject', { steps: steps({ doc: 'What to do.' }) }, { doc: 'Runs on what does not.' }),
  },
  examples: [
    {
      title: 'Ten at once, and four a minute of each caller',
      xml: `<throttle id="orders">
  <policy>${POLICY}</policy>
  <onReject><property name="HTTP_SC" value="429" scope="axis2"/><respond/></onReject>
</throttle>`,
    },
    {
      title: 'The policy by key',
      xml: '<throttle id="quotes" onReject="tooMany"><policy key="conf:/throttle.xml"/></throttle>',
    },
    { title: 'In the out sequence: the place is free again', xml: '<throttle id="orders"/>' },
  ],
  check({ policy }, site) {
    if (policy?.source?.kind !== 'inline') return
    try {
      parsePolicy(policy.source.value)
    } catch (thrown) {
      if (!(thrown instanceof PolicyProblem)) throw thrown
      site.error('invalid-value', thrown.message, thrown.element.offset, 'Correct the policy.')
    }
  },
  create({ id, policy, onAcceptKey, onRejectKey, onAccept, onReject }, env) {
    const { services } = env
    const accepted = branch(onAcceptKey, onAccept, env)
    const rejected = branch(onRejectKey, onReject, env)
    const policyFor = policy?.source && policySource(policy.source, env)
    const state = perServer(
      services,
      `throttle ${id}`,
      () => new ThrottleState(services.clock, services.settings.globalEndpointTimeout),
    )
    return {
      mediate(ctx) {
        if (ctx.message.isResponse || !policyFor) {
          state.release(ctx.exchange)
          return 'next'
        }
        const verdict = state.enter(policyFor(ctx), callerOf(ctx), ctx.exchange)
        if (verdict.passes) return accepted?.mediate(ctx) ?? 'next'
        if (rejected) return rejected.mediate(ctx)
        throw new IntegrationError('THROTTLED', `the throttle ${id} lets this message not pass: ${verdict.why}`)
      },
    }
  },
})

function branch(
  key: Ref<'sequence'> | undefined,
  inPlace: { readonly steps: readonly StepNode[] } | undefined,
  env: KindEnv,
): Mediator | undefined {
  if (key) return { mediate: (ctx): Outcome | Promise<Outcome> => ctx.runtime.get(key).mediate(ctx) }
  return inPlace && env.flow(inPlace.steps)
}

type PolicySource = { kind: 'key'; value: string } | { kind: 'inline'; value: Parameters<typeof parsePolicy>[0] }

function policySource(source: PolicySource, { at }: KindEnv): (ctx: MessageContext) => ThrottlePolicy {
  if (source.kind === 'inline') {
    const policy = parsePolicy(source.value)
    return () => policy
  }
  const name = source.value
  let known: { readonly text: string; readonly policy: ThrottlePolicy } | undefined
  return ctx => {
    const text = ctx.runtime.get({ role: 'local-entry', name, at }).text()
    if (known?.text !== text) known = { text, policy: policyIn(text, name) }
    return known.policy
  }
}

function policyIn(text: string, key: string): ThrottlePolicy {
  try {
    return parsePolicy(parseXml(text.trim()).root)
  } catch (thrown) {
    if (!(thrown instanceof PolicyProblem || thrown instanceof XmlError)) throw thrown
    throw new IntegrationError('MEDIATION_FAILED', `the policy "${key}" cannot be used: ${thrown.message}`, {
      cause: thrown,
    })
  }
}

const NEAR = /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|::1$|f[cd]|fe80:)/i

function callerOf({ message }: MessageContext): { ip: string; domain: string } {
  const peer = String(message.flag('REMOTE_ADDR') ?? '')
  const [first = ''] = (message.headers.get('X-Forwarded-For') ?? '').split(',')
  const forwarded = first.trim()
  const ip = forwarded !== '' && (peer === '' || NEAR.test(peer)) ? forwarded : peer
  return { ip, domain: forwarded !== '' && ip === forwarded ? forwarded : String(message.flag('REMOTE_HOST') ?? ip) }
}
