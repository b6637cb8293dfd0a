/** TLS and login between this driver and the embedded broker, with files as an address names them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { startBroker } from '../../broker/broker.ts'
import type { Broker } from '../../broker/broker.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { IntegrationError } from '../../kernel/errors.ts'
import { MemoryJournal } from '../../testing/memory-journal.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import type { Live } from '../jms/contracts.ts'
import { parseBrokerUrl } from '../jms/url.ts'
import { dialAmqp } from './index.ts'

const run = promisify(execFile)
const hasOpenssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
)

describe('TLS to a broker', { skip: hasOpenssl ? false : 'openssl is not installed' }, () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>
  let broker: Broker
  const at = (name: string): string => join(folder.path, name)
  const openssl = (words: string): Promise<unknown> => run('openssl', words.split(' '), { cwd: folder.path })

  before(async () => {
    folder = await tempFolder('tls')
    await openssl('req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem')
    await openssl('req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout other.key -out other.pem')
    await openssl('req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server')
    await writeFile(at('server.ext'), 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n')
    const authority = '-CA ca.pem -CAkey ca.key -CAcreateserial'
    await openssl(`x509 -req -in server.csr ${authority} -days 2 -extfile server.ext -out server.pem`)
    await openssl('pkcs12 -export -nokeys -in ca.pem -passout pass:secret -out trust.p12')
    await openssl('pkcs12 -export -in server.pem -inkey server.key -certfile ca.pem -passout pass:secret -out both.p12')
    const tls = { key: await readFile(at('server.key')), cert: await readFile(at('server.pem')) }
    const users = { u: 'geheim und ☃' }
    broker = await startBroker({ port: 0, journal: new MemoryJournal(), log: memoryLog(), tls, users })
  })
  after(async () => {
    await broker?.stop()
    await folder[Symbol.asyncDispose]()
  })

  const open = (query: string, host = 'localhost', scheme = 'amqps'): Promise<Live> => {
    const { target } = parseBrokerUrl(`${scheme}://${host}:${broker.address.port}?${query}`)
    const login = { username: 'u', password: 'geheim und ☃' }
    return dialAmqp(target!.hosts[0]!, { ...target!, ...login }, systemClock, 5000)
  }
  const refused = (query: string, host?: string, scheme?: string): Promise<IntegrationError> =>
    open(query, host, scheme).then(
      live => {
        live.close()
        assert.fail('it was let in')
      },
      (why: IntegrationError) => why,
    )

  test('a certificate of the authority that the address names is trusted', async () => {
    const live = await open(`transport.trustStoreLocation=${at('ca.pem')}`)
    assert.equal(live.protocol, 'AMQP 1.0')
    live.close()
  })

  test('a PKCS #12 file with a key brings its authorities along', async () => {
    const live = await open(`trustStorePath=${at('both.p12')}&trustStorePassword=secret`)
    live.close()
  })

  test('without the authority, or with another, nothing is said to the broker', async () => {
    assert.match((await refused('')).message, /unable to verify the first certificate|self-signed/)
    assert.match((await refused(`trustStorePath=${at('other.pem')}`)).message, /unable to verify/)
  })

  test('a certificate for another host is refused, unless the address says that it does not matter', async () => {
    const trust = `trustStorePath=${at('ca.pem')}`
    assert.match((await refused(trust, '127.0.0.1')).message, /127\.0\.0\.1 is not in the cert|does not match/)
    const live = await open(`${trust}&verifyHost=false`, '127.0.0.1')
    live.close()
  })

  test('trustAll takes any', async () => {
    const live = await open('transport.trustAll=true', '127.0.0.1')
    live.close()
  })

  test('a Java trust store without a key, a wrong password and a missing file are told with what to do', async () => {
    const bare = await refused(`trustStorePath=${at('trust.p12')}&trustStorePassword=secret`)
    assert.equal(bare.code, 'BROKER_REFUSED')
    assert.match(bare.message, /has certificates only: openssl pkcs12 -in .*trust\.p12 -nokeys -out ca\.pem/)
    const wrong = await refused(`trustStorePath=${at('both.p12')}&trustStorePassword=wrong`)
    assert.match(wrong.message, /both\.p12 cannot be used for TLS: .*Check the file and its password/)
    assert.ok(!wrong.message.includes('wrong'))
    const missing = await refused(`trustStorePath=${at('nothing.pem')}`)
    assert.match(missing.message, /nothing\.pem cannot be read for TLS/)
  })

  test('a plain address at a TLS port says so', async () => {
    const why = await refused('', 'localhost', 'amqp')
    assert.match(why.message, /expects TLS|closed|ended|ECONNRESET/)
  })

  test('the login is checked behind TLS, too', async () => {
    const { target } = parseBrokerUrl(`amqps://localhost:${broker.address.port}?trustStorePath=${at('ca.pem')}`)
    const login = { username: 'u', password: 'wrong' }
    await assert.rejects(dialAmqp(target!.hosts[0]!, { ...target!, ...login }, systemClock, 5000), (why: Error) => {
      assert.match(why.message, /refused the login as u/)
      assert.ok(!why.message.includes('wrong'))
      return (why as IntegrationError).code === 'BROKER_REFUSED'
    })
  })
})
