/** Every store owes the same (`server/testing/store-contract.ts`): a queue by OpenWire, at each ActiveMQ, Artemis by force. */
import { after, before, describe } from 'node:test'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { storeContract } from '../../testing/store-contract.ts'
import { RigDisk } from '../../testing/store-rig.ts'
import { ACTIVEMQ_FACTORY, addressed, ready, realStore } from './real-store.ts'
import { missingOurOwn, startBroker } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'

for (const name of ['classic-5.17.2', 'classic-5.18.3', 'classic-6.3.1', 'artemis-2.56.0'] as const) {
  describe(name, { skip: await missingOurOwn(name) }, () => {
    let server: RealServer
    let queues = 0
    before(async () => {
      server = await startBroker(name)
    })
    after(() => server[Symbol.asyncDispose]())

    storeContract(`OpenWire at ${name}`, async () => {
      const proxy = await startFaultProxy({ targetHost: server.host, targetPort: server.port('openwire') })
      const disk = new RigDisk()
      const queue = `contract.${process.pid}.${++queues}`
      const parameters = {
        ...addressed(server, `tcp://127.0.0.1:${proxy.port}`, queue, ACTIVEMQ_FACTORY),
        // Artemis waits for us to speak first, and would be spoken to by AMQP.
        ...(name === 'artemis-2.56.0' && { 'store.jms.protocol': 'openwire' }),
      }
      const opened = [realStore({ disk, parameters }).store]
      await ready(opened[0]!)
      return {
        store: opened[0]!,
        noticesLate: true,
        async reopen() {
          // To the broker a killed process is a connection that went away.
          proxy.cut()
          opened.push(realStore({ disk, parameters }).store)
          return opened.at(-1)!
        },
        async [Symbol.asyncDispose]() {
          for (const store of opened) await store[Symbol.asyncDispose]()
          await proxy[Symbol.asyncDispose]()
        },
      }
    })
  })
}
