import type { SqlConnection } from '../../drivers/sql/contracts.ts'
import type { MessageTable } from './message-table.ts'

/**
 * The right to take messages from a table: servers that share one take turns, so that none is delivered twice. It is a
 * lock of the database that goes with the connection; who has lost that asks anew.
 */
export class TableRight {
  readonly #table: MessageTable
  #connection: SqlConnection | null = null
  #release: () => void = () => undefined
  #asking: Promise<boolean> | null = null

  constructor(table: MessageTable) {
    this.#table = table
  }

  /** True: it is ours now. Rejects where the database cannot be asked. */
  async has(): Promise<boolean> {
    if (this.#connection && !this.#connection.isBroken) return true
    return (this.#asking ??= this.#ask().finally(() => (this.#asking = null)))
  }

  giveUp(): void {
    this.#release()
    this.#connection = null
  }

  #ask(): Promise<boolean> {
    this.giveUp()
    const released = new Promise<void>(resolve => (this.#release = resolve))
    return new Promise((resolve, reject) => {
      const held = (connection: SqlConnection | null): void => {
        this.#connection = connection
        resolve(connection !== null)
      }
      // What fails once it is held shows at the connection.
      this.#table.hold(held, released).catch(reject)
    })
  }
}
