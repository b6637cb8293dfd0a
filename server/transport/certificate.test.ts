import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { certificateFrom, ownCertificate, selfSigned } from './certificate.ts'

const DAY = 24 * 60 * 60 * 1_000
const NOW = Date.UTC(2026, 5, 1)
const folder = await mkdtemp(path.join(os.tmpdir(), 'certificate-'))
after(() => rm(folder, { recursive: true }))

test('a generated certificate is signed by its own key and names this machine', () => {
  const { certificate } = selfSigned(['localhost', '127.0.0.1', '::1'], NOW)
  const parsed = new X509Certificate(certificate)
  assert.ok(parsed.verify(parsed.publicKey))
  assert.equal(parsed.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
  assert.equal(Date.parse(parsed.validFrom), NOW - DAY)
  assert.ok(Date.parse(parsed.validTo) > NOW + 365 * DAY)
})

test('a client that trusts the generated certificate completes a TLS 1.3 handshake by name and by address', async () => {
  const { certificate, key } = selfSigned(['localhost', '127.0.0.1'], new Date().getTime())
  const server = createServer({ cert: certificate, key }, socket => socket.end())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  for (const servername of ['localhost', '']) {
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const open = connect({ host: '127.0.0.1', port, ca: certificate, servername }, () => resolve(open))
      open.on('error', reject)
    })
    assert.equal(socket.authorized, true)
    assert.equal(socket.getProtocol(), 'TLSv1.3')
    socket.destroy()
  }
  server.close()
})

test('the generated certificate is kept, private to this user, and made anew shortly before it expires', async () => {
  const home = path.join(folder, 'kept')
  const first = await ownCertificate(home, NOW)
  assert.deepEqual(await ownCertificate(home, NOW + 300 * DAY), first)
  assert.equal((await stat(path.join(home, 'server.key'))).mode & 0o777, 0o600)

  const second = await ownCertificate(home, NOW + 800 * DAY)
  assert.notEqual(second.certificate, first.certificate)
  assert.ok(Date.parse(new X509Certificate(second.certificate).validTo) > NOW + 1_000 * DAY)
})

test('a damaged generated certificate is replaced', async () => {
  const home = path.join(folder, 'damaged')
  const first = await ownCertificate(home, NOW)
  await writeFile(path.join(home, 'server.crt'), first.certificate.slice(0, 100))
  const second = await ownCertificate(home, NOW)
  assert.notEqual(second.certificate, first.certificate)
  assert.equal(await readFile(path.join(home, 'server.crt'), 'utf8'), second.certificate)
})

test('a certificate of the user is taken, and one that cannot work is refused with the reason', async () => {
  const [mine, other] = [selfSigned(['localhost'], NOW), selfSigned(['localhost'], NOW)]
  const files = { certificate: path.join(folder, 'mine.crt'), key: path.join(folder, 'mine.key') }
  await writeFile(files.certificate, mine.certificate)
  await writeFile(files.key, mine.key)
  assert.deepEqual(await certificateFrom(files, NOW), mine)

  await assert.rejects(certificateFrom(files, NOW + 2_000 * DAY), { code: 'SETTING_INVALID', message: /expired on/ })
  await writeFile(files.key, other.key)
  await assert.rejects(certificateFrom(files, NOW), { code: 'SETTING_INVALID', message: /does not belong to/ })
  await writeFile(files.key, 'nothing')
  await assert.rejects(certificateFrom(files, NOW), { code: 'SETTING_INVALID', message: /have to be PEM/ })
  const absent = { ...files, certificate: path.join(folder, 'absent') }
  await assert.rejects(certificateFrom(absent, NOW), { code: 'SETTING_INVALID', message: /cannot be read/ })
})
