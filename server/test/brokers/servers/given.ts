/** A server that already runs somewhere, by its address in the environment: used as it is, never ended. */
import { RealServer } from './real-server.ts'
import type { Protocol } from './real-server.ts'

/** `HOLDFAST_TEST_ARTEMIS_2_56_0=amqp://user:password@host:port` stands for `artemis-2.56.0`. */
export function variableOf(name: string): string {
  return `HOLDFAST_TEST_${name.toUpperCase().replaceAll(/[-.]/g, '_')}`
}

export class GivenServer extends RealServer {
  constructor(name: string, address: URL, protocols: readonly Protocol[]) {
    const port = Number(address.port)
    super({
      title: `${name} at ${address.host}`,
      host: address.hostname,
      user: decodeURIComponent(address.username),
      password: decodeURIComponent(address.password),
      ports: Object.fromEntries(protocols.map(protocol => [protocol, port])),
      program: () => {
        throw new Error(`${name} is the server at ${address.host}: a test neither starts nor ends it`)
      },
      says: /$/,
      clean: async () => {},
    })
  }
}

export function given(name: string, protocols: readonly Protocol[]): GivenServer | undefined {
  const address = process.env[variableOf(name)]
  return address === undefined ? undefined : new GivenServer(name, new URL(address), protocols)
}
