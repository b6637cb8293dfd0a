import type { Clock } from './clock.ts'

/** Tells listeners that something changed, and lets others wait for a condition without asking again and again. */
export class Changes {
  readonly #clock: Clock
  readonly #listeners = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Call after every change that a condition could depend on. */
  tell(): void {
    for (const listener of this.#listeners) listener()
  }

  /** The answer stops the calls. */
  on(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Resolves as soon as `condition` holds; rejects after `ms` with what `state` says then, or with what `condition` throws. */
  until(condition: () => boolean, ms: number, state: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (condition()) {
        resolve()
        return
      }
      const end = (): void => {
        timer.cancel()
        stop()
      }
      const timer = this.#clock.after(ms, () => {
        end()
        reject(new Error(`it did not come about within ${ms} ms: ${state()}`))
      })
      const stop = this.on(() => {
        try {
          if (!condition()) return
          end()
          resolve()
        } catch (thrown) {
          end()
          reject(thrown as Error)
        }
      })
    })
  }
}
