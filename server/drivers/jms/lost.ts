import { IntegrationError } from '../../kernel/errors.ts'

/** The message was not confirmed for a reason that a fresh connection may not have. */
export class Lost extends IntegrationError {
  constructor(why: IntegrationError, sent: boolean) {
    super(why.code, why.message, { cause: why.cause, ambiguous: sent })
  }
}
