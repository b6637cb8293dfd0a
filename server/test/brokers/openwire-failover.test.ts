/** Two ActiveMQ Classic on one data folder (messaging-peers §8.3): the live one is killed under load, the other takes over. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { networkDialer } from '../../drivers/brokers/index.ts'
import { systemClock } from '../../kernel/clock.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { stored } from '../../testing/store-rig.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { drained, openLive } from './real-live.ts'
import { ACTIVEMQ_FACTORY, addressed, ready, realStore } from './real-store.ts'
import { missingOurOwn, startClassic } from './servers/index.ts'

const MESSAGES = 400
const LOOK_AGAIN_MS = 20

for (const version of ['5.17.2', '5.18.3', '6.3.1'] as const) {
  describe(`a pair of ActiveMQ Classic ${version}`, { skip: await missingOurOwn(`classic-${version}`) }, () => {
    test('the live one is killed under load: nothing that was confirmed is lost, and nothing is there twice', async () => {
      await using data = await tempFolder('classic-pair')
      await using live = await startClassic(version, { data: data.path, name: 'live' })
      await using backup = await startClassic(version, { data: data.path, name: 'backup', until: 'waiting' })
      const url = `failover:(${live.url('openwire')},${backup.url('openwire')})?randomize=false&maxReconnectDelay=100`
      const parameters = addressed(live, url, 'pair', ACTIVEMQ_FACTORY)
      const { store } = realStore({ parameters, confirmMs: 30_000 })
      await ready(store)

      const confirmed = new Set<string>()
      const put = async (id: string): Promise<void> => {
        for (;;) {
          try {
            await store.producer.put(stored('<order/>', {}, id))
            return void confirmed.add(id)
          } catch {
            // As the outbox does it: the same message, until somebody has it.
            await systemClock.sleep(LOOK_AGAIN_MS)
          }
        }
      }
      const puts: Promise<void>[] = []
      for (let number = 0; number < MESSAGES; number++) {
        puts.push(put(`m${number}`))
        if (number === MESSAGES / 2) await live.kill()
        if (number % 10 === 0) await systemClock.sleep(1)
      }
      await Promise.all(puts)
      assert.equal(confirmed.size, MESSAGES)

      await store[Symbol.asyncDispose]()

      // By the driver alone: a store would drop what it has delivered before.
      const reading = await openLive(backup, backup.url('openwire'), networkDialer(memoryLog())())
      const seen = (await drained(reading, 'pair', MESSAGES)).map(({ properties }) => properties.get('OrigMessageID'))
      reading.close()
      assert.equal(new Set(seen).size, MESSAGES)
      assert.equal(seen.length, MESSAGES)
    })
  })
}
