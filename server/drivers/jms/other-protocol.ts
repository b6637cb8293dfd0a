import { IntegrationError } from '../../kernel/errors.ts'

/** The port speaks another protocol than was spoken to it. */
export class OtherProtocol extends IntegrationError {
  readonly spoken: 'openwire'

  constructor(spoken: 'openwire', message: string) {
    super('BROKER_REFUSED', message)
    this.spoken = spoken
  }
}
