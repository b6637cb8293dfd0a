import { readFileSync } from 'node:fs'
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import { IntegrationError, textOf } from '../../kernel/errors.ts'

/** How this server shows itself to back ends and whom it trusts. All texts are PEM. */
export interface OutgoingTls {
  /** Trusted besides the well-known authorities. */
  readonly trusted?: readonly string[]
  readonly certificate?: string
  readonly key?: string
  readonly passphrase?: string
  /** False takes any certificate; for test systems only. */
  readonly verify?: boolean
}

/**
 * Built once per client: with plain options Node would parse some 140 root certificates for every connection. Naming
 * our own list also makes Node forget NODE_EXTRA_CA_CERTS, so its file is added back.
 */
export function outgoingContext(options: OutgoingTls, environment: NodeJS.ProcessEnv = process.env): SecureContext {
  const extra = environment.NODE_EXTRA_CA_CERTS
  const ca = [...rootCertificates, ...(extra ? readCertificates(extra) : []), ...(options.trusted ?? [])]
  try {
    return createSecureContext({
      ca,
      ...(options.certificate !== undefined && { cert: options.certificate }),
      ...(options.key !== undefined && { key: options.key }),
      ...(options.passphrase !== undefined && { passphrase: options.passphrase }),
    })
  } catch (thrown) {
    throw new IntegrationError(
      'SETTING_INVALID',
      `the TLS settings for outgoing connections cannot be used: ${textOf(thrown)}; check endpoint.trusted_certificates and the client certificate with its key`,
      { cause: thrown },
    )
  }
}

/** Like Node itself, an unreadable file there is no reason not to start. */
function readCertificates(file: string): string[] {
  try {
    return [readFileSync(file, 'utf8')]
  } catch {
    return []
  }
}
