/** Every store owes the same (`server/testing/store-contract.ts`): a queue over AMQP 1.0 at each broker that speaks it. */
import { after, before, describe } from 'node:test'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { storeContract } from '../../testing/store-contract.ts'
import { RigDisk } from '../../testing/store-rig.ts'
import { addressed, ready, realStore } from './real-store.ts'
import { missing, startBroker } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'

for (const name of ['artemis-2.56.0', 'artemis-2.44.0', 'classic-5.18.3', 'classic-6.3.1', 'rabbitmq'] as const) {
  describe(name, { skip: await missing(name) }, () => {
    let server: RealServer
    let queues = 0
    before(async () => {
      server = await startBroker(name)
    })
    after(() => server[Symbol.asyncDispose]())

    storeContract(`AMQP 1.0 at ${name}`, async () => {
      const proxy = await startFaultProxy({ targetHost: server.host, targetPort: server.port('amqp') })
      const disk = new RigDisk()
      const parameters = addressed(server, `amqp://127.0.0.1:${proxy.port}`, `contract.${process.pid}.${++queues}`)
      const opened = [realStore({ disk, parameters }).store]
      // What can be looked at is known once the broker has told who it is.
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
