import { createContext, Script } from 'node:vm'

/** Work was stopped because it did not end in time. What it had in hand is as it left it. */
export class Overrun extends Error {
  override readonly name = 'Overrun'
}

interface Job {
  work: (() => unknown) | null
  done: unknown
}

const job: Job = { work: null, done: undefined }
const context = createContext({ job })
const script = new Script('job.done = job.work()')

/**
 * Runs synchronous work and gives it up after so many milliseconds, in the middle of a regular expression, too. Costs
 * about 0.1 ms, so that it is for work that may take long. The work must not keep state it cannot be torn away from.
 */
export function within<T>(milliseconds: number, work: () => T): T {
  const before = { ...job }
  job.work = work
  try {
    script.runInContext(context, { timeout: milliseconds })
    return job.done as T
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      throw new Overrun(`it did not end within ${milliseconds} ms`, { cause: thrown })
    throw thrown
  } finally {
    Object.assign(job, before)
  }
}
