/** Every store owes the same (`server/testing/store-contract.ts`): the RabbitMQ store, with both kinds of queues. */
import { after, before, describe } from 'node:test'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { storeContract } from '../../testing/store-contract.ts'
import { RigDisk } from '../../testing/store-rig.ts'
import { atRabbit, RABBITMQ_CLASS, realStore } from './real-store.ts'
import { missing, startBroker } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'

describe('rabbitmq', { skip: await missing('rabbitmq') }, () => {
  let server: RealServer
  let queues = 0
  before(async () => {
    server = await startBroker('rabbitmq')
  })
  after(() => server[Symbol.asyncDispose]())

  for (const type of ['classic', 'quorum']) {
    storeContract(`RabbitMQ, ${type} queue`, async () => {
      const proxy = await startFaultProxy({ targetHost: server.host, targetPort: server.port('rabbitmq') })
      const disk = new RigDisk()
      const parameters = {
        ...atRabbit(server, proxy.port, `contract.${process.pid}.${++queues}`),
        'store.rabbitmq.queue.type': type,
      }
      const options = { disk, parameters, className: RABBITMQ_CLASS }
      const opened = [realStore(options).store]
      return {
        store: opened[0]!,
        noticesLate: true,
        async reopen() {
          // To the broker a killed process is a connection that went away.
          proxy.cut()
          opened.push(realStore(options).store)
          return opened.at(-1)!
        },
        async [Symbol.asyncDispose]() {
          for (const store of opened) await store[Symbol.asyncDispose]()
          await proxy[Symbol.asyncDispose]()
        },
      }
    })
  }
})
