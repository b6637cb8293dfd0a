import { ADMIN } from './child.ts'

/** A client of the management API that logs in when it has to: a restart forgets logins. */
export class ManagementClient {
  readonly #base: string
  #token = ''

  constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}`
  }

  async get<T>(path: string): Promise<T> {
    for (let tries = 0; ; tries++) {
      const headers = { authorization: `Bearer ${this.#token}` }
      const response = await fetch(`${this.#base}/management/${path}`, { headers })
      if (response.status === 200) return (await response.json()) as T
      await response.body?.cancel()
      if (response.status !== 401 || tries > 0) throw new Error(`GET /management/${path}: ${response.status}`)
      await this.#login()
    }
  }

  /** Messages held, by store. */
  async depths(): Promise<Record<string, number>> {
    const { list } = await this.get<{ list: { name: string; size: number }[] }>('message-stores')
    return Object.fromEntries(list.map(({ name, size }) => [name, size]))
  }

  async #login(): Promise<void> {
    const basic = Buffer.from(`${ADMIN.user}:${ADMIN.password}`).toString('base64')
    const response = await fetch(`${this.#base}/management/login`, { headers: { authorization: `Basic ${basic}` } })
    this.#token = ((await response.json()) as { AccessToken: string }).AccessToken
  }
}
