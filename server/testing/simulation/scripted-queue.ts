/** What a queue of the scripted broker holds. */
import type { JmsMessage } from '../../drivers/jms/index.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { ScriptedIncoming } from './scripted-receiver.ts'

export interface Entry {
  readonly message: JmsMessage
  /** Not ours, and nothing that could be read. */
  readonly isForeign: boolean
  /** The link that has it on loan. */
  holder: ScriptedIncoming | null
}

export function bodyOf({ body }: JmsMessage): Uint8Array {
  return 'bytes' in body ? body.bytes : Buffer.alloc(0)
}

export function unavailable(why: string): IntegrationError {
  return new IntegrationError('STORE_UNAVAILABLE', `the scripted broker cannot be used: ${why}`)
}
