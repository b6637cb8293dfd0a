import { IntegrationError } from '../kernel/errors.ts'

/**
 * The memory that bodies of requests under way, and of the replies they wait for, may take, all together. Each has a
 * limit of its own; a hundred that keep it would still be more than a machine has. Bodies that only pass through take none.
 */
export class BodyRoom {
  readonly #most: number
  #held = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Bytes held at the moment. */
  get held(): number {
    return this.#held
  }

  /** New requests had better come back later. */
  get full(): boolean {
    return this.#held >= this.#most
  }

  /** Counts bytes that are in memory already, or no longer. */
  add(bytes: number): void {
    this.#held += bytes
  }

  /**
   * Takes more for a request that holds `own` bytes, or throws `OVERLOADED` where others need the room. One that is alone
   * goes through: the largest body that is allowed at all must not wait for ever.
   */
  take(bytes: number, own: number): void {
    if (this.#held + bytes > this.#most && this.#held > own) {
      throw new IntegrationError(
        'OVERLOADED',
        'the server holds as many bytes of requests as it may (http.max_held_size); come back later',
      )
    }
    this.#held += bytes
  }
}
