import { IntegrationError } from '../kernel/errors.ts'
import { stored, StoreRig } from './store-rig.ts'

export const FORWARDING = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'

type Parameters = Readonly<Record<string, string | number>>

export interface ForwardingOptions {
  readonly attributes?: string
  readonly className?: string
  readonly rig?: StoreRig
}

export function forwardingXml(
  parameters: Parameters = {},
  attributes = 'targetEndpoint="EP"',
  className = FORWARDING,
): string {
  const inside = Object.entries(parameters).map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
  return `<messageProcessor xmlns="http://ws.apache.org/ns/synapse" name="P" class="${className}" messageStore="S" ${attributes}>${inside.join('')}</messageProcessor>`
}

/** A journal store S, an endpoint EP and the forwarding processor P, not started yet. */
export async function forwardingRig(parameters: Parameters = {}, options: ForwardingOptions = {}) {
  const rig = options.rig ?? new StoreRig()
  const endpoint = rig.endpoint('EP')
  await rig.deploy('<messageStore name="S"/>')
  await rig.deploy(forwardingXml(parameters, options.attributes, options.className))
  const put = (text: string, properties: Record<string, unknown> = {}, id?: string) =>
    rig.store('S').producer.put(stored(text, properties, id))
  const start = () => rig.processor('P').start()
  return { rig, endpoint, put, start }
}

export const oneWay = { OUT_ONLY: 'true' }

export function refused(): never {
  throw new IntegrationError('CONNECT_FAILED', 'nothing listens there')
}
