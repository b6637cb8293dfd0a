/** Names that cannot be resolved, and certificates that have expired. */
import { execFileSync } from 'node:child_process'
import dgram from 'node:dgram'
import { writeFile } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { systemClock } from '../../kernel/clock.ts'
import { freePorts } from '../../testing/ports.ts'
import { selfSigned } from '../../transport/certificate.ts'
import { journalArtifacts, serviceAt, STORE } from './artifacts.ts'
import { brokenAndHealed } from './back-end.ts'
import type { Fault } from './play.ts'
import { Stand } from './stand.ts'

const NAME = 'orders.backend.test'
const RESOLVER = '127.0.0.1'

/** A name server for one name: it says where it is, that there is no such name, that it does not know, or nothing. */
class NameServer implements AsyncDisposable {
  says: 'the address' | 'no such name' | 'failure' | 'nothing' = 'the address'
  asked = 0
  readonly #socket = dgram.createSocket('udp4')

  async listen(): Promise<void> {
    this.#socket.on('message', (query, from) => {
      this.asked++
      const answer = this.#answer(query)
      if (answer) this.#socket.send(answer, from.port, from.address)
    })
    await new Promise<void>(resolve => this.#socket.bind(53, RESOLVER, resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>(resolve => this.#socket.close(() => resolve()))
  }

  /** RFC 1035 §4: the question again, and one address to a question of type A. */
  #answer(query: Buffer): Buffer | undefined {
    if (this.says === 'nothing') return undefined
    let end = 12
    while (query[end]! > 0) end += query[end]! + 1
    const type = query.readUInt16BE(end + 1)
    const question = query.subarray(12, end + 5)
    const address = this.says === 'the address' && type === 1
    const code = { 'the address': 0, 'no such name': 3, failure: 2, nothing: 0 }[this.says]
    const header = Buffer.from([query[0]!, query[1]!, 0x81, 0x80 | code, 0, 1, 0, address ? 1 : 0, 0, 0, 0, 0])
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1])
    return Buffer.concat([header, question, ...(address ? [record] : [])])
  }
}

function naming(name: string, says: NameServer['says'], reason: RegExp): Fault {
  return {
    name,
    needs: 'a network namespace',
    play: async say => {
      await using server = new NameServer()
      await server.listen()
      await using stand = await Stand.prepare({
        artifacts: backend => journalArtifacts(serviceAt(`http://${NAME}:${backend}`)),
        path: STORE,
      })
      const resolv = join(stand.folder, 'resolv.conf')
      await writeFile(resolv, `nameserver ${RESOLVER}\noptions timeout:2 attempts:1\n`)
      execFileSync('mount', ['--bind', resolv, '/etc/resolv.conf'])
      try {
        await stand.start()
        await brokenAndHealed(
          stand,
          say,
          reason,
          async () => {
            server.says = says
            // Connections that are open need no name.
            await stand.backend.stop()
            await stand.backend.restart()
          },
          () => void (server.says = 'the address'),
        )
        if (server.asked === 0) throw new Error('the name server was never asked')
        await stand.stop()
      } finally {
        execFileSync('umount', ['/etc/resolv.conf'])
      }
    },
  }
}

const DAY = 24 * 60 * 60 * 1_000

const expired: Fault = {
  name: 'back end: its certificate has expired',
  play: async say => {
    const now = systemClock.now()
    const [good, old] = [selfSigned(['localhost'], now), selfSigned(['localhost'], now - 900 * DAY)]
    const [port] = (await freePorts(1)) as [number]
    let target = 0
    const sockets = new Set<net.Socket>()
    const front = tls.createServer({ cert: good.certificate, key: good.key }, socket => {
      const behind = net.connect({ port: target, host: '127.0.0.1' })
      for (const one of [socket, behind]) {
        sockets.add(one)
        one.on('error', () => {})
        one.on('close', () => sockets.delete(one))
      }
      socket.pipe(behind).pipe(socket)
    })
    front.on('tlsClientError', () => {})
    await new Promise<void>(resolve => front.listen(port, '127.0.0.1', resolve))
    await using stand = await Stand.prepare({
      artifacts(backend) {
        target = backend
        return journalArtifacts(serviceAt(`https://localhost:${port}`))
      },
      path: STORE,
    })
    const trusted = join(stand.folder, 'trusted.pem')
    await writeFile(trusted, good.certificate + old.certificate)
    const use = ({ certificate, key }: typeof good): void => {
      front.setSecureContext({ cert: certificate, key })
      for (const socket of sockets) socket.destroy()
    }
    try {
      await stand.start({ NODE_EXTRA_CA_CERTS: trusted })
      await brokenAndHealed(
        stand,
        say,
        /expired/i,
        () => use(old),
        () => use(good),
      )
      await stand.stop()
    } finally {
      for (const socket of sockets) socket.destroy()
      front.close()
    }
  },
}

export const nameFaults: readonly Fault[] = [
  naming('DNS: the name of the back end is gone for a while', 'no such name', /ENOTFOUND|resolve|name/i),
  naming('DNS: the name server fails', 'failure', /EAI_AGAIN|resolve|name/i),
  naming('DNS: the name server is silent', 'nothing', /EAI_AGAIN|resolve|name|within|timed? ?out/i),
  expired,
]
