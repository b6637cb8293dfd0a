import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import path from 'node:path'
import { IntegrationError, systemCode, textOf } from '../kernel/errors.ts'
import * as der from './der.ts'

export interface ServerCertificate {
  /** PEM; with the chain, if there is one. */
  readonly certificate: string
  readonly key: string
  readonly passphrase?: string
}

/** Files a user names instead of the generated certificate. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
  readonly passphrase?: string
}

const DAY = 24 * 60 * 60 * 1_000
const VALID_FOR = 825 * DAY
/** A generated certificate is made anew when it has less than this left. */
const RENEW_BEFORE = 30 * DAY

const ECDSA_WITH_SHA256 = der.sequence(der.objectId('1.2.840.10045.4.3.2'))

/**
 * The generated certificate of this server, kept in `folder` so that clients which have accepted it once are not asked
 * again. Made at the first start, and when the old one is about to expire or cannot be read.
 */
export async function ownCertificate(folder: string, now: number): Promise<ServerCertificate> {
  const certificateFile = path.join(folder, 'server.crt')
  const keyFile = path.join(folder, 'server.key')
  const kept = await readKept(certificateFile, keyFile)
  if (kept && stillGood(kept, now)) return kept
  const made = selfSigned(['localhost', hostname(), '127.0.0.1', '::1'], now)
  await mkdir(folder, { recursive: true })
  await writeWhole(keyFile, made.key)
  await writeWhole(certificateFile, made.certificate)
  return made
}

/** The certificate a user has put into the settings, checked as far as it can be before a client meets it. */
export async function certificateFrom(files: CertificateFiles, now: number): Promise<ServerCertificate> {
  const certificate = await readSetting(files.certificate, 'certificate')
  const key = await readSetting(files.key, 'private key')
  const { passphrase } = files
  try {
    const parsed = new X509Certificate(certificate)
    const privateKey = createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) })
    if (!parsed.checkPrivateKey(privateKey)) {
      throw new IntegrationError(
        'SETTING_INVALID',
        `the key in ${files.key} does not belong to the certificate in ${files.certificate}`,
      )
    }
    if (Date.parse(parsed.validTo) <= now) {
      throw new IntegrationError(
        'SETTING_INVALID',
        `the certificate in ${files.certificate} expired on ${parsed.validTo}; renew it`,
      )
    }
  } catch (thrown) {
    if (thrown instanceof IntegrationError) throw thrown
    throw new IntegrationError(
      'SETTING_INVALID',
      `${files.certificate} with ${files.key} cannot be used: ${textOf(thrown)}; both have to be PEM, and an encrypted key needs its passphrase`,
      { cause: thrown },
    )
  }
  return { certificate, key, ...(passphrase !== undefined && { passphrase }) }
}

/** A self-signed EC P-256 certificate for these host names and addresses (RFC 5280, RFC 5480). */
export function selfSigned(names: readonly string[], now: number): ServerCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = der.sequence(der.set(der.sequence(der.objectId('2.5.4.3'), der.utf8(names[0]!))))
  const alternatives = der.sequence(...[...new Set(names)].map(alternativeName))
  const extensions = der.sequence(
    der.sequence(der.objectId('2.5.29.17'), der.octetString(alternatives)),
    der.sequence(der.objectId('2.5.29.19'), der.octetString(der.sequence(der.boolean(true)))),
  )
  const toBeSigned = der.sequence(
    der.tagged(0, der.integer(Buffer.from([2]))),
    der.integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    name,
    der.sequence(der.generalizedTime(now - DAY), der.generalizedTime(now + VALID_FOR)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der.tagged(3, extensions),
  )
  const signed = der.sequence(toBeSigned, ECDSA_WITH_SHA256, der.bitString(sign('sha256', toBeSigned, privateKey)))
  return {
    certificate: pem('CERTIFICATE', signed),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

function alternativeName(name: string): Buffer {
  const version = isIP(name)
  if (version === 0) return der.implicit(2, Buffer.from(name, 'ascii'))
  return der.implicit(7, version === 4 ? Buffer.from(name.split('.').map(Number)) : addressBytes(name))
}

/** The sixteen bytes of an IPv6 address. */
function addressBytes(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::')
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16))
  const [before, after] = [groups(head), groups(tail)]
  const bytes = Buffer.alloc(16)
  for (const [at, group] of before.entries()) bytes.writeUInt16BE(group, at * 2)
  for (const [at, group] of after.entries()) bytes.writeUInt16BE(group, 16 - (after.length - at) * 2)
  return bytes
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

async function readKept(certificateFile: string, keyFile: string): Promise<ServerCertificate | null> {
  try {
    return { certificate: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8') }
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return null
    throw new IntegrationError(
      'SETTING_INVALID',
      `the generated certificate cannot be read: ${textOf(thrown)}; make ${certificateFile} and ${keyFile} readable or delete both`,
      { cause: thrown },
    )
  }
}

function stillGood({ certificate, key }: ServerCertificate, now: number): boolean {
  try {
    const parsed = new X509Certificate(certificate)
    return parsed.checkPrivateKey(createPrivateKey(key)) && Date.parse(parsed.validTo) - now > RENEW_BEFORE
  } catch {
    // Half written or damaged: nothing is lost by making a new one.
    return false
  }
}

export async function readSetting(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (thrown) {
    throw new IntegrationError('SETTING_INVALID', `the ${what} in ${file} cannot be read: ${textOf(thrown)}`, {
      cause: thrown,
    })
  }
}

/** Readable by this user only, and never seen half written. */
async function writeWhole(file: string, content: string): Promise<void> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
}
