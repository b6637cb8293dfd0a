/** What faults are played on. Pauses are short, so that healing shows soon; everything else is as people write it. */
import { failoverScenario } from '../crash/scenarios.ts'

const NS = 'xmlns="http://ws.apache.org/ns/synapse"'
const FORWARDING = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'

export const STORE = '/services/Orders'
export const PASS = '/services/Pass'

/** A store in the journal that is forwarded, and a service that passes requests through, both to `address`. */
export function journalArtifacts(address: string): ReadonlyMap<string, string> {
  return new Map([
    [
      'all.xml',
      `<definitions ${NS}>
  <endpoint name="orders">
    <address uri="${address}">
      <timeout><duration>1500</duration><responseAction>fault</responseAction></timeout>
      <suspendOnFailure><initialDuration>200</initialDuration><progressionFactor>1</progressionFactor><maximumDuration>200</maximumDuration></suspendOnFailure>
    </address>
  </endpoint>
  <messageStore name="orders"/>
  <proxy name="Orders" transports="http"><target><inSequence>
    <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/>
    <property name="OUT_ONLY" value="true"/>
    <store messageStore="orders"/>
  </inSequence></target></proxy>
  <proxy name="Pass" transports="http"><target endpoint="orders"><outSequence><send/></outSequence></target></proxy>
  <messageProcessor name="forward" class="${FORWARDING}" targetEndpoint="orders" messageStore="orders">
    <parameter name="interval">1</parameter>
    <parameter name="client.retry.interval">200</parameter>
    <parameter name="max.delivery.attempts">-1</parameter>
  </messageProcessor>
</definitions>
`,
    ],
  ])
}

export const serviceAt = (origin: string): string => `${origin}/services/SimpleStockQuoteService`

/** Document 000's scenario with its broker on this port; what cannot be forwarded is tried for ever. */
export async function brokerArtifacts(broker: number, backend: number): Promise<ReadonlyMap<string, string>> {
  const files = await failoverScenario.artifacts({ broker, backend })
  const patient = (xml: string): string => xml.replace(/(?<=<parameter name="max\.delivery\.attempts">)\d+/, '-1')
  return new Map([...files].map(([name, xml]) => [name, patient(xml)]))
}
