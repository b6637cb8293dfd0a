import { join } from 'node:path'
import type { Clock } from '../kernel/clock.ts'
import type { Settings } from '../settings/fields.ts'
import { certificateFrom, ownCertificate, type ServerCertificate } from '../transport/certificate.ts'

/** The certificate of the server, read or made when it is first needed. */
export class OwnCertificate {
  readonly #settings: Settings
  readonly #clock: Clock
  #certificate: ServerCertificate | undefined

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
  }

  async read(): Promise<ServerCertificate> {
    const { https, server } = this.#settings
    const { certFile, keyFile } = https
    const now = this.#clock.now()
    this.#certificate ??=
      certFile !== undefined && keyFile !== undefined
        ? await certificateFrom({ certificate: certFile, key: keyFile }, now)
        : await ownCertificate(join(server.home, 'security'), now)
    return this.#certificate
  }
}
