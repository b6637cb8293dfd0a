import { brokerConnections } from '../../drivers/brokers/index.ts'
import type { JmsConnections } from '../../drivers/jms/index.ts'
import { ConnectionFactories } from '../../kernel/connection-factories.ts'
import type { JmsListening, JmsTransport } from '../../runtime/jms/contracts.ts'
import type { Services } from '../../schema/services.ts'
import { BrokerTransport } from '../broker-transport.ts'
import { QueueListener } from './listener.ts'
import { Places } from './places.ts'
import { JmsEndpointSender } from './sender.ts'

/** Queues and topics at brokers as a transport. */
export class QueueTransport extends BrokerTransport<JmsListening> implements JmsTransport {
  constructor(
    services: () => Services,
    factories = ConnectionFactories.none,
    connections: () => JmsConnections = () => brokerConnections(services()),
  ) {
    super(services, all => {
      const { clock, settings, resources } = all
      const places = new Places({
        connections,
        factories,
        clock,
        deadlineMs: settings.storeConfirmDeadline,
        readFile(path) {
          const found = resources.read(path)
          return found && Buffer.from(found.bytes).toString('latin1')
        },
      })
      return {
        sender: new JmsEndpointSender({ places, clock, maxBodySize: settings.maxBodySize }),
        listener: parts => new QueueListener(parts, all, places),
        [Symbol.dispose]: () => places.close(),
      }
    })
  }
}
