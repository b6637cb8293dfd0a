import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import type { KeyStore, OwnPort } from '../schema/services.ts'
import { certificateFrom, readSetting } from './certificate.ts'
import type { PortTls } from './doors.ts'

/** What the port of an artifact serves TLS with. Throws SETTING_INVALID for a file that cannot be read or used. */
export async function portTls(
  { keyStore, callers }: Pick<OwnPort, 'keyStore' | 'callers'>,
  home: string,
  now: number,
  ofServer: () => Promise<PortTls>,
): Promise<PortTls> {
  const own = keyStore ? await certificateOf(keyStore, home, now) : await ofServer()
  if (!callers) return own
  const trusted = await readSetting(resolve(home, callers.trusted.location), 'trust store')
  return { ...own, callers: { trusted, mustShow: callers.mustShow } }
}

async function certificateOf(store: KeyStore, home: string, now: number): Promise<PortTls> {
  const file = resolve(home, store.location)
  const passphrase = store.keyPassword ?? store.password
  const secret = passphrase !== undefined && { passphrase }
  // One file with both, as OpenSSL users have it.
  if (store.type === 'PEM') return certificateFrom({ certificate: file, key: file, ...secret }, now)
  let pfx: Buffer
  try {
    pfx = await readFile(file)
  } catch (thrown) {
    throw unusable(file, `cannot be read: ${textOf(thrown)}`, thrown)
  }
  // Its key has the password of the file: Java writes it so.
  const own = { pfx, ...(store.password === undefined ? secret : { passphrase: store.password }) }
  try {
    createSecureContext(own)
  } catch (thrown) {
    throw unusable(file, `cannot be used: ${textOf(thrown)}. Check the file and its password`, thrown)
  }
  return own
}

function unusable(file: string, what: string, cause: unknown): IntegrationError {
  return new IntegrationError('SETTING_INVALID', `the key store ${file} ${what}`, { cause })
}
