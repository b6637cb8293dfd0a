/** From what the operator has set to what the HTTP client needs: whom it trusts, how it shows itself, and by which proxy. */
import type { ForwardProxy } from '../drivers/http/forward-proxy.ts'
import type { OutgoingTls } from '../drivers/http/tls-context.ts'
import { certificateFrom, readSetting } from './certificate.ts'

export interface OutgoingSettings {
  readonly trustedCertificates: readonly string[]
  readonly verifyCertificates: boolean
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly keyPassphrase?: string | undefined
  readonly proxyHost?: string | undefined
  readonly proxyPort: number
  readonly proxyUsername?: string | undefined
  readonly proxyPassword?: string | undefined
  readonly proxyBypass: readonly string[]
}

/** Throws SETTING_INVALID for a file that cannot be read or used. `trusted` comes besides those in the settings. */
export async function outgoingTls(
  settings: OutgoingSettings,
  trusted: readonly string[],
  now: number,
): Promise<OutgoingTls> {
  const { certFile, keyFile, keyPassphrase, trustedCertificates, verifyCertificates } = settings
  const files = await Promise.all(trustedCertificates.map(file => readSetting(file, 'trusted certificate')))
  const own =
    certFile !== undefined && keyFile !== undefined
      ? await certificateFrom(
          { certificate: certFile, key: keyFile, ...(keyPassphrase !== undefined && { passphrase: keyPassphrase }) },
          now,
        )
      : undefined
  return { ...own, trusted: [...trusted, ...files], verify: verifyCertificates }
}

export function forwardProxy(settings: OutgoingSettings): ForwardProxy | undefined {
  const { proxyHost, proxyPort, proxyUsername, proxyPassword, proxyBypass } = settings
  if (proxyHost === undefined || proxyHost === '') return undefined
  return { host: proxyHost, port: proxyPort, username: proxyUsername, password: proxyPassword, bypass: proxyBypass }
}
