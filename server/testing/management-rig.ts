import type { TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { ManualClock } from '../kernel/clock.ts'
import type { Registry } from '../kernel/contracts.ts'
import { openAdmin } from '../management/admin.ts'
import type { ManagementReport } from '../management/api.ts'
import { managementApp, type ManagementOptions } from '../management/management.ts'
import { LogLevels } from '../observe/levels.ts'
import { fakeRegistry } from './fake-registry.ts'
import { memoryLog, type MemoryLog } from './memory-log.ts'

export const READY: ManagementReport = { ready: true, diagnostics: [], faulty: [] }

export interface ManagementRig {
  readonly app: FastifyInstance
  readonly clock: ManualClock
  readonly log: MemoryLog
  readonly levels: LogLevels
  call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT', path: string, body?: unknown): Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly json: Record<string, unknown>
  readonly text: string
  readonly headers: Record<string, unknown>
}

/** The administrator is `admin` with the password `right`. */
export async function managementOptions(
  registry: Registry,
  changes: Partial<ManagementOptions> = {},
): Promise<ManagementOptions> {
  return {
    host: 'localhost',
    port: 0,
    version: '1.2.3',
    registry: () => registry,
    report: () => READY,
    admin: await openAdmin({ user: 'admin', password: 'right', home: '/nowhere' }),
    log: memoryLog(),
    clock: new ManualClock(),
    tokenExpiryMs: 3_600_000,
    maxTokens: 200,
    ...changes,
  }
}

export async function managementRig(
  t: TestContext,
  registry: Registry = fakeRegistry({}),
  changes: Partial<ManagementOptions> = {},
): Promise<ManagementRig> {
  const log = memoryLog()
  const clock = new ManualClock()
  const levels = new LogLevels('info')
  const app = managementApp(await managementOptions(registry, { log, clock, levels, ...changes }))
  t.after(() => app.close())
  let token: string | undefined
  return {
    app,
    clock,
    log,
    levels,
    async call(method, path, body) {
      token ??= String((await login(app)).json['AccessToken'])
      return send(app, method, `/management${path}`, `Bearer ${token}`, body)
    },
  }
}

export async function send(
  app: FastifyInstance,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT',
  url: string,
  authorization?: string,
  body?: unknown,
): Promise<Answer> {
  const payload = body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }
  const headers = {
    ...(authorization !== undefined && { authorization }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  }
  const response = await app.inject({ method, url, headers, ...payload })
  let json: Record<string, unknown> = {}
  if (response.headers['content-type']?.toString().startsWith('application/json')) json = response.json()
  return { status: response.statusCode, json, text: response.body, headers: response.headers }
}

export const login = (app: FastifyInstance, credentials = 'admin:right'): Promise<Answer> =>
  send(app, 'GET', '/management/login', `Basic ${Buffer.from(credentials).toString('base64')}`)
