import { ConnectionFactories } from '../../kernel/connection-factories.ts'
import type { RabbitListening, RabbitTransport } from '../../runtime/rabbitmq/contracts.ts'
import type { Services } from '../../schema/services.ts'
import { BrokerTransport } from '../broker-transport.ts'
import { RabbitListener } from './listener.ts'
import { RabbitPlaces, type RabbitPlacesParts } from './places.ts'
import { RabbitSender } from './sender.ts'

/** RabbitMQ as a transport. */
export class RabbitQueues extends BrokerTransport<RabbitListening> implements RabbitTransport {
  constructor(services: () => Services, factories = ConnectionFactories.none, dialer?: RabbitPlacesParts['dialer']) {
    super(services, all => {
      const { clock, log, settings } = all
      const places = new RabbitPlaces({
        clock,
        log,
        deadlineMs: settings.storeConfirmDeadline,
        ...(dialer && { dialer }),
      })
      return {
        sender: new RabbitSender({ places, clock, maxBodySize: settings.maxBodySize, factories }),
        listener: parts => new RabbitListener(parts, all, places),
        [Symbol.dispose]: () => places.close(),
      }
    })
  }
}
