import { createServer } from 'node:net'

/** Port the system gives to connections that name none start here or above (Linux 32768, others 49152). */
const EPHEMERAL = 32_768
const LOWEST = 12_000

/**
 * Ports nobody listens on. They are below those that outgoing connections get: a client that keeps trying to reach a
 * killed server on one of those would sooner or later be given the very port as its own and meet itself there.
 */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (EPHEMERAL - LOWEST))
    if (await isFree(port)) found.add(port)
  }
  return [...found]
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', () => resolve(false))
    // On every address, as a server without a host would.
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
