import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls, createSecureContext } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { IntegrationError, systemCode, textOf } from '../../kernel/errors.ts'
import type { BrokerHost, BrokerTarget, TlsFiles } from './target.ts'

/** A socket to a broker, with TLS if the address says so; `connected` is called once it can be written to. */
export function openSocket({ host, port, tls }: BrokerHost, target: BrokerTarget, connected: () => void): Socket {
  const socket = tls ? connectByTls(host, port, target, connected) : connectTcp({ host, port }, connected)
  // From the first to the last moment: between two who listen an error would end the process.
  return socket.on('error', () => {})
}

function connectByTls(host: string, port: number, target: BrokerTarget, connected: () => void): Socket {
  return connectTls(
    {
      host,
      port,
      // A name only: an address may not stand there, and certificates are then checked against `host`.
      ...(isIP(host) === 0 && { servername: host }),
      ...secureContextOf(target.tls ?? {}),
    },
    connected,
  )
}

function secureContextOf({ pfx, passphrase, ca, cert, key, verify, verifyHost }: TlsFiles): ConnectionOptions {
  const options: ConnectionOptions = {
    rejectUnauthorized: verify !== false,
    ...(verifyHost === false && { checkServerIdentity: () => undefined }),
    ...(pfx !== undefined && { pfx: fileOf(pfx) }),
    ...(passphrase !== undefined && { passphrase }),
    ...(ca !== undefined && { ca: fileOf(ca) }),
    ...(cert !== undefined && { cert: fileOf(cert) }),
    ...(key !== undefined && { key: fileOf(key) }),
  }
  try {
    return { ...options, secureContext: createSecureContext(options) }
  } catch (thrown) {
    const said = textOf(thrown)
    const file = pfx ?? ca ?? cert ?? 'the key store'
    // Node wants a key in it; what Java calls a trust store has none.
    const hint = /private key from PFX/.test(said)
      ? `. It has certificates only: openssl pkcs12 -in ${file} -nokeys -out ca.pem makes a file that can be used`
      : '. Check the file and its password'
    throw new IntegrationError('BROKER_REFUSED', `${file} cannot be used for TLS: ${said}${hint}`, { cause: thrown })
  }
}

function fileOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (thrown) {
    const text = `${path} cannot be read for TLS: ${textOf(thrown)}`
    throw new IntegrationError('BROKER_REFUSED', text, { cause: thrown })
  }
}

/** Calls back when `signal` aborts, were it already, until what it returns is called. */
export function onAbort(signal: AbortSignal | undefined, then: () => void): () => void {
  if (signal?.aborted) then()
  else signal?.addEventListener('abort', then, { once: true })
  return () => signal?.removeEventListener('abort', then)
}

/** Said to whoever waits for a connection that nobody wants any more. */
export const UNWANTED = 'the connection was given up before it was open'

/** Why a socket could not be opened, or broke, in words that help. */
export function whyBroken(error: unknown): string {
  const code = systemCode(error)
  if (code === 'ECONNREFUSED') return 'nothing listens there. Start it, or correct the address'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name is not known'
  // An AggregateError of several addresses of one name has an empty text.
  return textOf(error) || code || 'the connection broke'
}

export function unusable(place: string, why: string, cause?: unknown): IntegrationError {
  return new IntegrationError('STORE_UNAVAILABLE', `the broker at ${place} cannot be used: ${why}`, { cause })
}
