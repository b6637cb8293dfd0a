import { pauseAfter, type Backoff } from '../kernel/backoff.ts'
import type { Clock, Timer } from '../kernel/clock.ts'
import type { Producer, PutOptions, StoredMessage } from '../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../kernel/errors.ts'

export interface Patience {
  /** Milliseconds one try may take. */
  readonly deadlineMs: number
  /** Tries after the first; -1: until the caller has gone. */
  readonly retries: number
  readonly backoff: Backoff
}

/** A producer that pauses between its tries, until the signal it is given aborts. */
export interface PatientProducer extends Producer {
  readonly pauses: true
}

export function isPatient(producer: Producer): producer is PatientProducer {
  return 'pauses' in producer
}

/**
 * A producer that neither waits for ever nor gives up at the first failure. The message keeps its id through all tries
 * and beyond, so a try that was confirmed too late can be recognised (P3, P5).
 */
export function patientProducer(
  store: string,
  producer: Producer,
  patience: Patience,
  clock: Clock,
): Producer | PatientProducer {
  const { deadlineMs, retries, backoff } = patience
  const waits = new Deadlines(deadlineMs, clock)
  const once = (message: StoredMessage, signal?: AbortSignal, options?: PutOptions): Promise<void> =>
    new Promise((resolve, reject) => {
      const wait = waits.begin(() => {
        const text = `store ${store} did not confirm message ${message.id} within ${deadlineMs} ms`
        reject(new IntegrationError('STORE_UNAVAILABLE', text, { ambiguous: true }))
      })
      producer.put(message, signal, options).then(
        () => (waits.end(wait), resolve()),
        (thrown: unknown) => (waits.end(wait), reject(asIntegrationError(thrown))),
      )
    })
  if (retries === 0) return { put: once }
  return {
    pauses: true,
    async put(message, signal, options) {
      let ambiguous = false
      for (let failures = 1; ; failures++) {
        try {
          return await once(message, signal, options)
        } catch (thrown) {
          const error = asIntegrationError(thrown)
          ambiguous ||= error.ambiguous
          if ((retries >= 0 && failures > retries) || !error.retryable || signal?.aborted) {
            throw ambiguous === error.ambiguous ? error : doubtful(error)
          }
          await clock.sleep(pauseAfter(failures, backoff), signal)
        }
      }
    },
  }
}

/** An earlier try may have worked, whatever the last one says. */
function doubtful(error: IntegrationError): IntegrationError {
  return new IntegrationError(error.code, error.message, { cause: error, ambiguous: true })
}

interface Wait {
  /** Elapsed milliseconds. */
  readonly due: number
  readonly late: () => void
}

/** Waits of the same length, on one timer for all of them: a timer for every message would cost as much as storing it in memory. */
class Deadlines {
  readonly #ms: number
  readonly #clock: Clock
  /** In the order in which they are due, because they all take as long. */
  readonly #waits = new Set<Wait>()
  #timer: Timer | null = null

  constructor(ms: number, clock: Clock) {
    this.#ms = ms
    this.#clock = clock
  }

  begin(late: () => void): Wait {
    const wait = { due: this.#clock.monotonic() + this.#ms, late }
    this.#waits.add(wait)
    this.#timer ??= this.#clock.after(this.#ms, () => this.#look())
    return wait
  }

  end(wait: Wait): void {
    if (!this.#waits.delete(wait) || this.#waits.size > 0) return
    this.#timer?.cancel()
    this.#timer = null
  }

  #look(): void {
    this.#timer = null
    const now = this.#clock.monotonic()
    for (const wait of this.#waits) {
      if (wait.due > now) {
        this.#timer = this.#clock.after(wait.due - now, () => this.#look())
        return
      }
      this.#waits.delete(wait)
      wait.late()
    }
  }
}
