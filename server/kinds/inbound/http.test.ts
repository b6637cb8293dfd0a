import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { request, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { AppRig } from '../../testing/app-rig.ts'
import { diagnosticsOf, SYNAPSE } from '../../testing/rig.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { selfSigned } from '../../transport/certificate.ts'

const NO_OPENSSL = spawnSync('openssl', ['version']).status === 0 ? false : 'there is no openssl here'

const inbound = (more = '', attributes = 'protocol="http"'): string =>
  `<inboundEndpoint xmlns="${SYNAPSE}" name="side" ${attributes}><parameters><parameter name="inbound.http.port">0</parameter>${more}</parameters></inboundEndpoint>`
const pattern = '<parameter name="dispatch.filter.pattern">/services/.*</parameter>'
const sequence = (name: string, says: string): string =>
  `<sequence xmlns="${SYNAPSE}" name="${name}"><payloadFactory media-type="json"><format>{"by": "${says}"}</format><args/></payloadFactory><respond/></sequence>`
const proxy = `<proxy xmlns="${SYNAPSE}" name="P"><target><inSequence>
  <payloadFactory media-type="json"><format>{"by": "proxy"}</format><args/></payloadFactory><respond/></inSequence></target></proxy>`

/** Who answers on the port of the inbound endpoint. */
async function ask(rig: AppRig, path: string, scheme = 'http'): Promise<string> {
  const { text } = await rig.log.waitFor('Inbound Endpoint [side] listens on port')
  const port = /port (\d+)/.exec(text)![1]!
  const response = await fetch(`${scheme}://127.0.0.1:${port}${path}`, { method: 'POST', body: '<a/>' })
  return ((await response.json()) as { by: string }).by
}

test('without a pattern every request runs the sequence', async () => {
  await using rig = await AppRig.start({
    'in.xml': inbound('', 'protocol="http" sequence="take"'),
    'take.xml': sequence('take', 'sequence'),
    'main.xml': sequence('main', 'main'),
    'p.xml': proxy,
  })
  assert.equal(await ask(rig, '/services/P'), 'sequence')
  assert.equal(await ask(rig, '/anything?x=1'), 'sequence')
})

test('without a sequence they run main', async () => {
  await using rig = await AppRig.start({ 'in.xml': inbound(), 'main.xml': sequence('main', 'main'), 'p.xml': proxy })
  assert.equal(await ask(rig, '/services/P'), 'main')
})

test('with a pattern, paths that match are for services, and all others for main', async () => {
  await using rig = await AppRig.start({
    'in.xml': inbound(pattern, 'protocol="http" sequence="take"'),
    'take.xml': sequence('take', 'sequence'),
    'main.xml': sequence('main', 'main'),
    'p.xml': proxy,
  })
  assert.equal(await ask(rig, '/services/P'), 'proxy')
  assert.equal(await ask(rig, '/other'), 'main')
})

test('a service that is inbound.only is called through it, and not by the ports of the server', async () => {
  await using rig = await AppRig.start({
    'in.xml': inbound(pattern, 'protocol="http" sequence="take"'),
    'take.xml': sequence('take', 'sequence'),
    'p.xml': proxy.replace('</proxy>', '<parameter name="inbound.only">true</parameter></proxy>'),
  })
  assert.equal(await ask(rig, '/services/P'), 'proxy')
  const refused = await fetch(`http://127.0.0.1:${rig.port}/services/P`, { method: 'POST', body: '<a/>' })
  assert.equal(refused.status, 404)
  assert.match(await refused.text(), /only be called through an inbound endpoint \(inbound\.only\)/)
})

test('an API that is bound to it comes first, and is not served elsewhere', async () => {
  const api = (name: string, binding: string): string =>
    `<api xmlns="${SYNAPSE}" name="${name}" context="/${name}" ${binding}><resource methods="POST"><inSequence>
    <payloadFactory media-type="json"><format>{"by": "${name}"}</format><args/></payloadFactory><respond/></inSequence></resource></api>`
  await using rig = await AppRig.start({
    'in.xml': inbound('', 'protocol="http" sequence="take"'),
    'take.xml': sequence('take', 'sequence'),
    'a.xml': api('bound', 'binds-to="side"'),
    'b.xml': api('free', ''),
  })
  assert.equal(await ask(rig, '/bound'), 'bound')
  assert.equal(await ask(rig, '/free'), 'sequence')
  assert.equal((await rig.post('/free', '<a/>')).status, 200)
  assert.equal((await rig.post('/bound', '<a/>')).status, 404)
})

test('a fault runs the sequence onError names', async () => {
  await using rig = await AppRig.start({
    'in.xml': inbound('', 'protocol="http" sequence="take" onError="oops"'),
    'take.xml': `<sequence xmlns="${SYNAPSE}" name="take"><throwError type="X" errorMessage="no"/></sequence>`,
    'oops.xml': sequence('oops', 'handler'),
  })
  assert.equal(await ask(rig, '/'), 'handler')
})

test('undeployed, it closes its port', async () => {
  await using rig = await AppRig.start({ 'in.xml': inbound(), 'main.xml': sequence('main', 'main') })
  assert.equal(await ask(rig, '/'), 'main')
  await rig.remove('in.xml')
  await rig.log.waitFor("Inbound Endpoint named 'side' has been undeployed")
  await assert.rejects(ask(rig, '/'))
})

test('a port that is taken is said with the parameter that chose it, and the server goes on', async () => {
  await using rig = await AppRig.start({ 'main.xml': sequence('main', 'main') })
  await rig.write('in.xml', inbound().replace('>0<', `>${rig.port}<`))
  const { text } = await rig.log.waitFor('inbound.http.port of inbound endpoint side')
  assert.match(text, new RegExp(String(rig.port)))
  assert.equal((await rig.post('/', '<a/>')).status, 200)
})

const store = (name: string, tag: string, location: string, type: string, password = ''): string =>
  `<parameter name="${name}"><${tag}><Location>${location}</Location><Type>${type}</Type><Password>${password}</Password></${tag}></parameter>`

/** A rig and files of certificates below its home. */
async function secured(parameters: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<AppRig> {
  const rig = await AppRig.start({ 'main.xml': sequence('main', 'main') })
  for (const [name, content] of Object.entries(files)) await writeFile(join(rig.app.home, name), content)
  await rig.write('in.xml', inbound(parameters, 'protocol="https"'))
  return rig
}

/** What the port shows, and what a request is answered with; `code` where it comes to nothing. */
async function meet(
  rig: AppRig,
  options: RequestOptions = {},
): Promise<{ issuer?: string; status?: number; code?: string }> {
  const { text } = await rig.log.waitFor('Inbound Endpoint [side] listens on port')
  const port = /port (\d+)/.exec(text)![1]!
  return new Promise(resolve => {
    const asking = request(
      { host: '127.0.0.1', port, method: 'POST', rejectUnauthorized: false, ...options },
      answer => {
        const issuer = (answer.socket as TLSSocket).getPeerCertificate().issuer.CN
        answer.resume().on('end', () => resolve({ issuer: String(issuer), status: answer.statusCode! }))
      },
    )
    asking.on('error', (thrown: NodeJS.ErrnoException) => resolve({ code: thrown.code ?? thrown.message }))
    asking.end('<a/>')
  })
}

const partner = selfSigned(['partner.example'], Date.now())
const PEM = `${partner.certificate}${partner.key}`

test('a port has the certificate of its own key store, in one PEM file', async () => {
  await using rig = await secured(store('keystore', 'KeyStore', 'side.pem', 'PEM'), { 'side.pem': PEM })
  assert.deepEqual(await meet(rig), { issuer: 'partner.example', status: 200 })
})

test('a port has the certificate of a PKCS #12 file, whatever the store is called', { skip: NO_OPENSSL }, async () => {
  await using folder = await tempFolder('p12')
  const at = (name: string): string => join(folder.path, name)
  await writeFile(at('in.pem'), PEM)
  const args = ['pkcs12', '-export', '-in', at('in.pem'), '-passout', 'pass:geheim', '-out', at('out.p12')]
  await promisify(execFile)('openssl', args)
  const p12 = await readFile(at('out.p12'))
  await using rig = await secured(store('keystore', 'KeyStore', 'side.p12', 'PKCS12', 'geheim'), { 'side.p12': p12 })
  assert.deepEqual(await meet(rig), { issuer: 'partner.example', status: 200 })

  await using wrong = await secured(store('keystore', 'KeyStore', 'side.p12', 'PKCS12', 'falsch'), { 'side.p12': p12 })
  const { text } = await wrong.log.waitFor('side.p12 cannot be used')
  assert.match(text, /Check the file and its password/)
  assert.doesNotMatch(text, /falsch/)
})

test('without a key store a port has the certificate of the server', async () => {
  await using rig = await secured('', {})
  assert.deepEqual(await meet(rig), { issuer: 'localhost', status: 200 })
})

test('callers have to show a certificate of an authority of the trust store, or may', async () => {
  const caller = selfSigned(['caller.example'], Date.now())
  const stranger = selfSigned(['stranger.example'], Date.now())
  const parameters = (verify: string): string =>
    `${store('truststore', 'TrustStore', 'callers.pem', 'PEM')}<parameter name="SSLVerifyClient">${verify}</parameter>`
  const files = { 'callers.pem': caller.certificate }
  const as = ({ certificate, key }: typeof caller): RequestOptions => ({ cert: certificate, key })
  await using rig = await secured(parameters('require'), files)
  assert.equal((await meet(rig, as(caller))).status, 200)
  for (const options of [{}, as(stranger)]) assert.notEqual((await meet(rig, options)).code, undefined)
  await using lenient = await secured(parameters('optional'), files)
  assert.equal((await meet(lenient)).status, 200)
})

test('a key store only Java can read is refused with the command that converts it, at its place', () => {
  const said = (more: string): string[] =>
    diagnosticsOf(inbound(more, 'protocol="https"')).map(({ message, hint }) => `${message}. ${hint}`)
  assert.deepEqual(said(store('keystore', 'KeyStore', 'security/side.p12', 'pkcs12', 'x')), [])
  const [jks] = said(store('keystore', 'KeyStore', 'security/side.jks', 'JKS', 'geheim'))
  assert.match(
    jks!,
    /a key store of type JKS can be read by Java only\. Convert it: keytool -importkeystore -srckeystore security\/side\.jks -destkeystore security\/side\.p12/,
  )
  assert.doesNotMatch(jks!, /geheim/)
  assert.match(said('<parameter name="keystore"><KeyStore/></parameter>')[0]!, /expected <KeyStore> with a <Location>/)
  assert.match(
    said('<parameter name="SSLVerifyClient">require</parameter>')[0]!,
    /there has to be parameter "truststore"/,
  )
  assert.match(
    said(store('truststore', 'TrustStore', 'ca.p12', 'PKCS12'))[0]!,
    /has to be PEM\. Convert it: openssl pkcs12 -in ca\.p12/,
  )
})
