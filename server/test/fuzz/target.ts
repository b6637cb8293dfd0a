import { IntegrationError } from '../../kernel/errors.ts'
import { XmlError } from '../../xml/xml-error.ts'
import type { Dice } from './dice.ts'

export interface Target extends AsyncDisposable {
  /** Rejects with what should not have happened. */
  once(dice: Dice): void | Promise<void>
}

/** What a user's mistake may end in; anything else is a mistake of ours. */
export function expected(thrown: unknown): void {
  if (!(thrown instanceof IntegrationError) && !(thrown instanceof XmlError)) throw thrown
}

export async function tried(work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (thrown) {
    expected(thrown)
  }
}
