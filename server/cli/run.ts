import { createApp, diagnosticLine, type App } from '../app.ts'
import { systemClock } from '../kernel/clock.ts'
import { textOf } from '../kernel/errors.ts'
import { createLog } from '../observe/log.ts'
import { loadSettings } from '../settings/load.ts'
import type { Command, Io, ParsedArgs } from './command.ts'
import { packageVersion } from './version.ts'

const run: Command = {
  name: 'run',
  summary: 'Runs the integration server on folders of artifacts.',
  usage: '[--artifacts DIR]… [--home DIR] [--config FILE] [options]',
  options: [
    {
      name: 'artifacts',
      value: 'DIR',
      repeat: true,
      doc: 'Folder of artifacts, watched while the server runs. Default: HOME/deploy.',
    },
    { name: 'home', value: 'DIR', doc: 'Data, registry and logs. Default: HOLDFAST_HOME, else ./holdfast-home.' },
    {
      name: 'config',
      value: 'FILE',
      doc: 'Settings. Default: HOME/conf/deployment.toml, else ./config/deployment.toml.',
    },
    { name: 'http-port', value: 'PORT', repeat: true, doc: 'HTTP port instead of 8280 and 8290; 0 takes a free one.' },
    { name: 'https-port', value: 'PORT', repeat: true, doc: 'HTTPS port instead of 8243 and 8253.' },
    { name: 'management-port', value: 'PORT', doc: 'Port of health check and management API. Default: 9164.' },
    { name: 'port-offset', value: 'N', doc: 'Moves every port by N, as in WSO2.' },
    { name: 'log-file', value: 'FILE', doc: 'Log file, appended to. Default: HOME/logs/holdfast.log.' },
    { name: 'quiet', short: 'q', doc: 'Nothing on the console but fatal errors.' },
  ],
  examples: [
    'holdfast run',
    'holdfast run --artifacts samples/02-failover-ei/artifacts',
    'holdfast run --artifacts deploy --home /var/lib/holdfast --http-port 8280',
  ],
  run: (args, io) => serve(args, io),
}

export default run

/** Runs a server until the signal; `greet` prints once it is up. Resolves to the exit code. */
export async function serve(args: ParsedArgs, io: Io, greet: (app: App) => string = greeting): Promise<number> {
  const flags = Object.fromEntries(
    run.options.map(({ name, repeat }) => [
      name,
      repeat ? (args.has(name) ? args.list(name) : undefined) : (args.text(name) ?? (args.has(name) || undefined)),
    ]),
  )
  const { settings, diagnostics } = await loadSettings({ flags, env: io.env, cwd: io.cwd })
  const refused = diagnostics.filter(({ severity }) => severity === 'error')
  for (const diagnostic of settings.log.quiet ? refused : diagnostics) io.err(`${diagnosticLine(diagnostic)}\n`)
  if (refused.length > 0) return 2
  await using logs = await createLog({ settings: settings.log, clock: systemClock })
  await using app = createApp({ settings, logs, clock: systemClock, env: io.env, version: await packageVersion() })
  io.hurry.addEventListener('abort', () => app.hurry(), { once: true })
  try {
    await app.start()
  } catch (thrown) {
    logs.log.error('the server could not be started', { severity: 'fatal', error: thrown })
    return 1
  }
  if (!settings.log.quiet) io.out(greet(app))
  // Said even when quiet: nobody could get in otherwise.
  if (app.firstPassword !== undefined) io.out(passwordNote(settings.management.adminUser, app.firstPassword))
  await aborted(io.signal)
  logs.log.info('stopping: no new requests, work under way is finished')
  const { problems } = await app.stop()
  for (const { part, error } of problems) logs.log.error(`${part} did not stop cleanly: ${textOf(error)}`)
  logs.log.info('stopped')
  return 0
}

function greeting(app: App): string {
  const { http, https, management } = app.ports
  const report = app.lastDeployment
  const deployed = report?.added.length ?? 0
  const faulty = report?.faulty.length ?? 0
  return [
    `Holdfast is up: ${http.map(port => `http://localhost:${port}`).join('  ')}${https.length > 0 ? `  ${https.map(port => `https://localhost:${port}`).join('  ')}` : ''}`,
    `Services        ${http[0] === undefined ? '(no HTTP port)' : `http://localhost:${http[0]}/services/`}`,
    `Health, API     http://localhost:${management}/healthz`,
    `Artifacts       ${app.folders.join(', ')} (${deployed} deployed${faulty > 0 ? `, ${faulty} FAULTY: see the log above` : ''}; drop a file there and it is live)`,
    '',
  ].join('\n')
}

function passwordNote(user: string, password: string): string {
  return `Administrator: ${user}, password ${password} (made now, shown once; set HOLDFAST_ADMIN_PASSWORD to choose your own)\n`
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
