/** Rows IP-1 to IP-12 (messaging-peers §1.4) and the table of §5.4, as flows of a server at real, persistent brokers. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppRig } from '../../testing/app-rig.ts'
import { startServer, type Child } from '../../testing/child.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { freePorts } from '../../testing/ports.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { storeXml } from './real-store.ts'
import { Desk, FORWARDING, Route, type Step } from './transacted-route.ts'
import { missingOurOwn, startBroker, type RealServer } from './servers/index.ts'

const CASES = [
  ['classic-6.3.1', 'openwire', 'ActiveMQ.DLQ'],
  ['classic-5.18.3', 'openwire', 'ActiveMQ.DLQ'],
  ['classic-5.17.2', 'openwire', 'ActiveMQ.DLQ'],
  ['classic-6.3.1', 'amqp', 'ActiveMQ.DLQ'],
  ['artemis-2.56.0', 'amqp', 'DLQ'],
  ['artemis-2.44.0', 'amqp', 'DLQ'],
] as const

const NEVER_AGAIN = '?jms.redeliveryPolicy.maximumRedeliveries=0'
const ONCE_AGAIN = '?jms.redeliveryPolicy.maximumRedeliveries=1&jms.redeliveryPolicy.initialRedeliveryDelay=0'
const AGAIN = '?jms.redeliveryPolicy.maximumRedeliveries=-1&jms.redeliveryPolicy.initialRedeliveryDelay=0'
const STEPS: readonly Step[] = ['X', 'Y', 'Z']

for (const [name, protocol, deadLetters] of CASES) {
  describe(`transacted flows over ${protocol} at ${name}`, { skip: await missingOurOwn(name) }, () => {
    let server: RealServer
    before(async () => {
      server = await startBroker(name)
    })
    after(() => server[Symbol.asyncDispose]())

    /** A route on a server in this process. */
    async function running(
      policy = AGAIN,
      parameters: Readonly<Record<string, string>> = {},
      prepare?: (desk: Desk) => void,
    ): Promise<{ desk: Desk; route: Route; app: AppRig } & AsyncDisposable> {
      const desk = await Desk.open()
      prepare?.(desk)
      const route = new Route(server, protocol, desk)
      const app = await AppRig.start(route.artifacts(policy, parameters))
      assert.deepEqual(
        app.diagnostics.filter(line => !line.includes('accepted without effect')),
        [],
      )
      return {
        desk,
        route,
        app,
        async [Symbol.asyncDispose]() {
          desk.go()
          await app[Symbol.asyncDispose]()
          await desk[Symbol.asyncDispose]()
        },
      }
    }

    async function letterOf(route: Route): Promise<string> {
      const letters = await route.take(deadLetters, 1)
      assert.equal(letters.length, 1)
      const [letter] = letters
      assert.equal(Buffer.from((letter!.body as { bytes: Uint8Array }).bytes).toString(), '<order/>')
      return [...letter!.properties.values()].map(String).join(' ')
    }

    test('IP-2, IP-12: B and C have it after the commit and not before, sent by <call>', async () => {
      await using rig = await running(AGAIN, {}, desk => desk.holds.add('Y').add('Z'))
      const { desk, route } = rig
      await route.put(route.names.A, '<order/>')
      await desk.holding('Y')
      await route.holds(0, 0)
      desk.holds.delete('Y')
      desk.go()
      await desk.until(() => desk.times('Z') === 1, 'Z was not asked')
      await route.holds(1, 1)
      assert.equal((await route.take(route.names.A, 0)).length, 0)
    })

    test('IP-1, IP-3: Y fails, nothing is in B and C, the fault sequence ran once, and the message is a dead letter', async () => {
      await using rig = await running(NEVER_AGAIN, {}, desk => {
        desk.answer = step => (step === 'Y' ? 500 : 200)
      })
      const { desk, route } = rig
      await route.put(route.names.A, '<order/>')
      const cause = await letterOf(route)
      if (protocol === 'openwire') assert.match(cause, /Y does not work/)
      assert.equal(desk.times('undo'), 1)
      await route.holds(0, 0)
    })

    test('IP-4: with one redelivery the fault sequence runs twice before that', async () => {
      await using rig = await running(ONCE_AGAIN, {}, desk => {
        desk.answer = step => (step === 'Y' ? 500 : 200)
      })
      const { desk, route } = rig
      await route.put(route.names.A, '<order/>')
      await letterOf(route)
      assert.equal(desk.times('undo'), 2)
      await route.holds(0, 0)
    })

    test('IP-6: HTTP takes no part: it is asked again, with the same key, and whoever looks at that sees one effect', async () => {
      await using rig = await running(AGAIN, {}, desk => {
        desk.answer = (step, times) => (step === 'Y' && times < 3 ? 500 : 200)
      })
      const { desk, route } = rig
      await route.put(route.names.A, '<order/>')
      await desk.until(() => desk.times('Z') === 1, 'Z was not asked')
      await route.holds(1, 1)
      assert.deepEqual([desk.times('X'), desk.keys('X').length, desk.keys('Y').length], [3, 1, 1])
      assert.notDeepEqual(desk.keys('X'), desk.keys('Y'))
    })

    test('IP-7: a flow that takes too long is rolled back and tried again', async () => {
      await using rig = await running(AGAIN, { 'transport.jms.transaction.timeout': '3000' }, desk =>
        desk.holds.add('Y'),
      )
      const { desk, route } = rig
      await route.put(route.names.A, '<order/>')
      await desk.holding('Y')
      await desk.until(() => desk.times('X') >= 2, 'it did not come again')
      desk.go()
      await desk.until(() => desk.times('Z') >= 1, 'Z was not asked')
      await route.holds(1, 1)
    })

    test('IP-8: five at once, each in a transaction of its own', async () => {
      const five = { 'transport.jms.ConcurrentConsumers': '3', 'transport.jms.MaxConcurrentConsumers': '5' }
      await using desk = await Desk.open()
      const route = new Route(server, protocol, desk)
      desk.holds.add('Y')
      await using app = await AppRig.start(route.artifacts(AGAIN, five))
      await route.put(route.names.A, '<a/>', '<b/>', '<c/>', '<d/>', '<e/>')
      await desk.until(() => desk.times('Y') === 5, 'not five at once')
      await route.holds(0, 0)
      desk.go()
      await route.holds(5, 5)
      assert.ok(app)
    })

    test('IP-9: two listeners at one broker, each with a redelivery policy of its own', async () => {
      await using desk = await Desk.open()
      desk.answer = step => (step === 'Y' ? 500 : 200)
      const [once, twice] = [new Route(server, protocol, desk), new Route(server, protocol, desk)]
      await using app = await AppRig.start({
        ...once.artifacts(NEVER_AGAIN),
        'other.xml': twice.listener({}, ONCE_AGAIN, 'other'),
      })
      assert.deepEqual(app.app.lastDeployment?.faulty, [])
      await once.put(once.names.A, '<order/>')
      await letterOf(once)
      assert.equal(desk.times('undo'), 1)
      await twice.put(twice.names.A, '<order/>')
      await letterOf(twice)
      assert.equal(desk.times('undo'), 3)
    })

    test('IP-10: over two brokers it is refused at deployment, naming both, and by the outbox of the hint each gets its own', async () => {
      await using desk = await Desk.open()
      // To us another address is another broker.
      await using proxy = await startFaultProxy({ targetPort: server.port(protocol) })
      const route = new Route(server, protocol, desk)
      const other = new Route(server, protocol, desk, proxy.port)
      const begin = '<transaction action="new"/>'
      const commit = '<transaction action="commit"/>'
      const [b, c] = [route.to(route.names.B), other.to(route.names.C)]
      await using app = await AppRig.start({
        ...route.artifacts(AGAIN),
        'mixed.xml': route.sequence('mixed', `${begin}${b}\n${c}${commit}`),
        'work.xml': route.sequence(
          'work',
          `${b}<property name="OUT_ONLY" value="true"/><store messageStore="Outbox"/>`,
        ),
        'outbox.xml': storeXml('Outbox', route.store()),
        'other.xml': `<endpoint name="other"><address uri="${other.at(route.names.C)}"/></endpoint>`,
        'forward.xml': `<messageProcessor name="Forward" class="${FORWARDING}" targetEndpoint="other" messageStore="Outbox"><parameter name="interval">10</parameter></messageProcessor>`,
      })
      assert.deepEqual(app.app.lastDeployment?.faulty.length, 1)
      const said = app.diagnostics.find(line => line.includes('mixed.xml:2:')) ?? app.diagnostics.join('\n')
      assert.match(
        said,
        new RegExp(`:${server.port(protocol)}\\b.* and the broker .*:${proxy.port}\\b.* cannot be part of it`),
      )
      assert.match(said, /outbox: <store>/)
      await route.put(route.names.A, '<order/>')
      await route.holds(1, 1)
      assert.equal((await route.take(route.names.A, 0)).length, 0)
    })

    test('IP-11: what was rolled back is kept: after a kill of the broker the message is a dead letter, and nothing else is anywhere', async () => {
      await using rig = await running(NEVER_AGAIN, {}, desk => {
        desk.answer = step => (step === 'Z' ? 500 : 200)
      })
      const { desk, route } = rig
      await route.put(route.names.A, '<order/>')
      await route.sees(deadLetters)
      await server.kill()
      await server.start()
      await letterOf(route)
      await route.holds(0, 0)
      assert.equal((await route.take(route.names.A, 0)).length, 0)
      assert.deepEqual([desk.times('Z'), desk.times('undo')], [1, 1])
    })

    for (const step of STEPS) {
      test(`IP-5: our process is killed while it asks ${step}: nothing of it is seen, and the next one does it all, once`, async () => {
        await using home = await tempFolder('route')
        await using desk = await Desk.open()
        const route = new Route(server, protocol, desk)
        const artifacts = join(home.path, 'artifacts')
        await mkdir(artifacts)
        for (const [file, xml] of Object.entries(route.artifacts(AGAIN))) await writeFile(join(artifacts, file), xml)
        const [http, management] = await freePorts(2)
        const begin = (): Promise<Child> =>
          startServer({ home: join(home.path, 'home'), artifacts, ports: { http: http!, management: management! } })
        desk.holds.add(step)
        {
          await using first = await begin()
          await route.put(route.names.A, '<order/>')
          await desk.holding(step)
          first.signal('SIGKILL')
          await first.exited
        }
        await route.holds(0, 0)
        desk.go()
        const asked = desk.times('Z')
        await using second = await begin()
        await desk.until(() => desk.times('Z') > asked, 'Z was not asked')
        await route.holds(1, 1)
        assert.equal((await route.take(route.names.A, 0)).length, 0)
        assert.deepEqual([desk.keys('X').length, second.exit], [1, undefined])
      })

      test(`IP-5: the broker is killed while the flow asks ${step}: nothing of it is seen, and it is all done once, afterwards`, async () => {
        await using rig = await running(AGAIN, {}, desk => desk.holds.add(step))
        const { desk, route } = rig
        await route.put(route.names.A, '<order/>')
        await desk.holding(step)
        await server.kill()
        await server.start()
        await route.holds(0, 0)
        const asked = desk.times('Z')
        desk.go()
        // The flow under way cannot be committed any more; the message comes again.
        await desk.until(() => desk.times('X') >= 2 && desk.times('Z') > asked, 'it did not come again')
        await route.holds(1, 1)
        assert.equal((await route.take(route.names.A, 0)).length, 0)
      })
    }

    test('§5.4: our socket is cut before the commit: all as it was, and then done once', async () => {
      await using desk = await Desk.open()
      await using proxy = await startFaultProxy({ targetPort: server.port(protocol) })
      const route = new Route(server, protocol, desk, proxy.port)
      desk.holds.add('Z')
      await using app = await AppRig.start(route.artifacts(AGAIN))
      await route.put(route.names.A, '<order/>')
      await desk.holding('Z')
      proxy.cut()
      await route.holds(0, 0)
      desk.go()
      await desk.until(() => desk.times('X') >= 2 && desk.times('Z') >= 2, 'it did not come again')
      await route.holds(1, 1)
      assert.ok(app)
    })

    test('§5.4: the answer to the commit is lost, and the broker is killed: all or nothing, and in the end all of it once', async () => {
      await using desk = await Desk.open()
      await using proxy = await startFaultProxy({ targetPort: server.port(protocol) })
      const route = new Route(server, protocol, desk, proxy.port)
      desk.holds.add('Z')
      await using app = await AppRig.start(route.artifacts(AGAIN))
      await route.put(route.names.A, '<order/>')
      await desk.holding('Z')
      proxy.swallow('down')
      const { up } = proxy.passed
      desk.go()
      // What says commit, and what acknowledges, has gone to the broker.
      await proxy.waitFor(({ passed }) => passed.up > up, 10_000)
      await server.kill()
      await server.start()
      proxy.forward()
      proxy.cut()
      const both = async (): Promise<number[]> => [
        (await route.take(route.names.B, 1)).length,
        (await route.take(route.names.C, 1)).length,
      ]
      assert.deepEqual(await both(), [1, 1])
      await route.holds(0, 0)
      assert.equal((await route.take(route.names.A, 0)).length, 0)
      assert.ok(app)
    })

    test('§5.4: the broker is killed after the commit: B and C have it, A has not', async () => {
      await using rig = await running()
      const { desk, route } = rig
      await route.put(route.names.A, '<order/>')
      await desk.until(() => desk.times('Z') === 1, 'Z was not asked')
      await route.sees(route.names.B)
      await server.kill()
      await server.start()
      await route.holds(1, 1)
      assert.equal((await route.take(route.names.A, 0)).length, 0)
      assert.deepEqual([desk.times('X'), desk.times('Z')], [1, 1])
    })
  })
}
