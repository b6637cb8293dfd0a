import { IntegrationError, systemCode, textOf } from '../../kernel/errors.ts'
import type { SqlAddress } from './contracts.ts'

/**
 * What a database or the way to it said, without who came and with what. `unanswered`: the statement may have been
 * carried out all the same.
 */
export function databaseFailure(
  { engine, host, port }: SqlAddress,
  thrown: unknown,
  while_: string,
  unanswered = false,
): IntegrationError {
  const name = engine === 'postgresql' ? 'PostgreSQL' : 'MySQL'
  const code = systemCode(thrown)
  const said = textOf(thrown) || code || 'it ended without a word'
  return new IntegrationError('DATABASE_FAILED', `${name} at ${host}:${port}: ${while_}: ${said}`, {
    cause: thrown,
    retryable: isTransient(code),
    ambiguous: unanswered,
  })
}

/** Connections, deadlocks, and what the server ends of itself: the same may work later. */
function isTransient(code: string | undefined): boolean {
  if (code === undefined) return true
  return /^(?:E(?!R_|INVAL)[A-Z]+|08|40|53|57|ER_LOCK|ER_CON|PROTOCOL_)/.test(code)
}
