import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { emitDeploymentToml } from './emit.ts'
import { declared } from './fields.ts'
import type { LoadedSettings, Sources } from './load.ts'
import { loadSettings, printSettings, resolveSettings } from './load.ts'

const cwd = resolve('/srv/app')

function load(toml?: string, rest: Partial<Sources> = {}): LoadedSettings {
  const file = toml === undefined ? undefined : { path: join(cwd, 'conf', 'deployment.toml'), text: toml }
  return resolveSettings({ flags: {}, env: {}, cwd, ...rest }, file)
}

/** `line:col severity message` of each diagnostic. */
const told = ({ diagnostics }: LoadedSettings): string[] =>
  diagnostics.map(
    ({ at, severity, message, hint }) => `${at.line}:${at.column} ${severity} ${message}${hint ? ` | ${hint}` : ''}`,
  )

test('without any source the settings are those the documents print', () => {
  const { settings, diagnostics } = load()

  assert.deepEqual(diagnostics, [])
  assert.deepEqual(settings.http.ports, [8280, 8290])
  assert.deepEqual(settings.https.ports, [8243, 8253])
  assert.equal(settings.management.port, 9164)
  assert.equal(settings.server.home, join(cwd, 'holdfast-home'))
  assert.equal(settings.log.file, join(cwd, 'holdfast-home', 'logs', 'holdfast.log'))
  assert.equal(settings.http.maxBodySize, 64 * 1024 * 1024)
  assert.equal(settings.endpoint.globalTimeout, 120_000)
  assert.equal(settings.forward.deliveryIdHeader, 'Idempotency-Key')
  assert.equal(settings.management.adminPassword, undefined)
})

test('the command line wins over the environment, that over the file, that over the default', () => {
  const file = '[management]\nport = 1\nadmin_user = "file"\n[log]\nlevel = "warn"'
  const env = { HOLDFAST_MANAGEMENT_PORT: '2', HOLDFAST_ADMIN_USER: 'environment' }
  const loaded = load(file, { env, flags: { 'management-port': '3' } })

  assert.equal(loaded.settings.management.port, 3)
  assert.equal(loaded.settings.management.adminUser, 'environment')
  assert.equal(loaded.settings.log.level, 'warn')
  assert.equal(loaded.origins.get('management.port'), 'command line')
  assert.equal(loaded.origins.get('management.admin_user'), 'environment')
  assert.equal(loaded.origins.get('log.level'), 'file')
  assert.equal(loaded.origins.get('log.format'), 'default')
})

test('--http-port replaces both default ports, and the port of a file', () => {
  assert.deepEqual(load('[http]\nports = 1', { flags: { 'http-port': '18280' } }).settings.http.ports, [18280])
  assert.deepEqual(load(undefined, { flags: { 'http-port': ['1', '2'] } }).settings.http.ports, [1, 2])
  assert.deepEqual(load(undefined, { env: { HOLDFAST_HTTP_PORT: '1, 2' } }).settings.http.ports, [1, 2])
})

test('a port offset gives the ports WSO2 gives with it', () => {
  const { settings } = load(undefined, { flags: { 'port-offset': '10' } })
  assert.deepEqual(settings.http.ports, [8290])
  assert.deepEqual(settings.https.ports, [8253])
  assert.equal(settings.management.port, 9164)

  assert.deepEqual(load('[server]\noffset = 3').settings.http.ports, [8283])
  assert.deepEqual(load(undefined, { flags: { 'port-offset': '3', 'http-port': '7000' } }).settings.http.ports, [7003])
  assert.deepEqual(load(undefined, { flags: { 'port-offset': '3', 'http-port': '0' } }).settings.http.ports, [0])
})

test('a listener port in the words of WSO2 counts without the offset, which is 10 unless given', () => {
  const file = '[transport.http]\nlistener.port = 8085'
  assert.deepEqual(load(file).settings.http.ports, [8095])
  assert.deepEqual(load(file, { flags: { 'port-offset': '2' } }).settings.http.ports, [8087])
})

test('durations and sizes are read with their units and bare numbers as milliseconds and bytes', () => {
  const { settings, diagnostics } = load(
    '[server]\ndrain = "2 s"\n[http]\nmax_body_size = "1.5 MiB"\nidle_timeout = 250\n[store]\nseen_age = "2h"',
  )
  assert.deepEqual(diagnostics, [])
  assert.equal(settings.server.drain, 2000)
  assert.equal(settings.http.maxBodySize, 1024 * 1536)
  assert.equal(settings.http.idleTimeout, 250)
  assert.equal(settings.store.seenAge, 7_200_000)
})

test('a path is relative to where it was written', () => {
  const { settings } = load('[server]\nhome = "../data"', { flags: { artifacts: ['one', '/two'] } })
  assert.equal(settings.server.home, join(cwd, 'data'))
  assert.deepEqual(settings.server.artifacts, [join(cwd, 'one'), resolve('/two')])
  assert.equal(settings.log.file, join(cwd, 'data', 'logs', 'holdfast.log'))
  assert.equal(load(undefined, { env: { HOLDFAST_LOG_FILE: '' } }).settings.log.file, '')
})

test('an unknown key of ours is an error with its place and the name that was meant', () => {
  assert.deepEqual(told(load('[http]\nmax_body_sise = 1')), [
    '2:1 error there is no setting http.max_body_sise | Did you mean http.max_body_size?',
  ])
  assert.match(
    told(load('[journal]\nbanana = 1'))[0]!,
    /^2:1 error there is no setting journal\.banana \| The settings of this section: journal/,
  )
})

test('an unknown section is an error if it looks like a slip, else a warning', () => {
  assert.deepEqual(told(load('[managment]\nport = 1\nhost = "x"')), [
    '2:1 error there is no section [managment] | Did you mean [management]?',
  ])
  assert.match(told(load('[zoology]\nbear = 1'))[0]!, /^2:1 warning the section \[zoology\] is not known/)
})

test('a value of the wrong kind is an error at the value, and the default stays', () => {
  const loaded = load('[http]\nports = "many"\n[log]\nlevel = "loud"\n[server]\ndrain = "soon"')

  const messages = told(loaded)
  assert.match(messages[0]!, /^6:9 error server\.drain must be a duration such as .*, not "soon"/)
  assert.match(messages[1]!, /^2:9 error http\.ports must be a whole number, not "many"/)
  assert.match(messages[2]!, /^4:9 error log\.level must be one of .*, not "loud"/)
  assert.deepEqual(loaded.settings.http.ports, [8280, 8290])
})

test('a mistake on the command line or in the environment is told by its name', () => {
  const loaded = load(undefined, {
    flags: { 'http-port': '99999' },
    env: { HOLDFAST_LOG_LEVEL: 'x', HOLDFAST_LOGLEVEL: 'info' },
  })
  assert.deepEqual(
    loaded.diagnostics.map(({ at, severity }) => `${severity} ${at.file}`),
    ['warning HOLDFAST_LOGLEVEL', 'error --http-port', 'error HOLDFAST_LOG_LEVEL'],
  )
})

test('a file that is not TOML is told with line and column', () => {
  assert.match(told(load('[http]\nports = '))[0]!, /^2:\d+ error this is not TOML/)
  assert.match(told(load('[http]\nports = 1\nports = 2'))[0]!, /^3:1 error this is not TOML/)
})

test('a deployment.toml of WSO2 MI is taken as it is, with one notice about what has no effect', () => {
  const mi = `[server]
hostname = "$env{PUBLIC_HOST}"
offset = 10

[transport.http]
socket_timeout = 60000
listener.secured_enable = true

[[transport.jms.sender]]
name = "warehouse"
parameter.provider_url = "amqp://broker:5672"
parameter.password = "$secret{broker_password}"

[[datasource]]
id = "parcels_db"
url = "jdbc:postgresql://db/parcels"
pool_options.maxActive = 5
password = "$secret{db_password}"

[[internal_apis.users]]
user.name = "ops"

[user_access]
make_non_admin_users_read_only = true

[secrets]
broker_password = "one"
db_password = "two"
`
  const loaded = load(mi, { env: { PUBLIC_HOST: 'esb.example' } })

  assert.equal(loaded.settings.server.hostname, 'esb.example')
  assert.equal(loaded.settings.http.idleTimeout, 60_000)
  assert.deepEqual(loaded.settings.http.ports, [8290])
  assert.equal(loaded.settings.management.port, 9164)
  assert.deepEqual(told(loaded), [
    '21:1 hint parts of this WSO2 file have no effect here: [[internal_apis.users]] (line 21), ' +
      '[user_access] (line 24)',
  ])
  const [sender] = loaded.settings.transport.jmsSenders
  assert.deepEqual([sender?.name, sender?.parameters.get('transport.jms.Password')], ['warehouse', 'one'])
})

test('databases have names: their id, jdbc/ and their id, and the name of JNDI', () => {
  const { settings, diagnostics } = load(`[[datasource]]
id = "shop"
url = "jdbc:postgresql://db/shop"
username = "joe"
password = "$secret{db}"
driver = "org.postgresql.Driver"
pool_options.maxActive = 5
[[datasource]]
id = "old"
url = "jdbc:mysql://db/old"
jndi_config.name = "jdbc/legacy"
[secrets]
db = "geheim"`)
  assert.deepEqual(diagnostics, [])
  const [shop, old] = settings.datasource.sources
  assert.deepEqual(shop, {
    names: ['shop', 'jdbc/shop'],
    url: 'jdbc:postgresql://db/shop',
    driver: 'org.postgresql.Driver',
    user: 'joe',
    password: 'geheim',
  })
  assert.deepEqual(old!.names, ['old', 'jdbc/old', 'jdbc/legacy'])
  assert.match(told(load('[[datasource]]\nurl = "x"'))[0]!, /^2:\d+ error datasource needs an id in each table/)
  assert.match(told(load('[[datasource]]\nid = "x"'))[0]!, /needs a url in "x"/)
  assert.match(
    told(load('[[datasource]]\nid = "x"\nurl = "y"\n[[datasource]]\nurl = "y"\nid = "x"'))[0]!,
    /^6:\d+ error .*has "x" twice/,
  )
})

test('brokers have names, in tables one below the other, beside one another, and for the client that blocks', () => {
  const { settings, diagnostics } = load(`[[transport.jms.listener]]
name = "one"
parameter.provider_url = "tcp://a:61616"
parameter.concurrent_consumer = 3
parameter."queue.orders" = "eu.orders"
[[transport.jms.listener]]
name = "two"
[transport.jms.listener.parameter]
provider_url = "tcp://b:61616"
[[transport.blocking.jms.listener]]
name = "three"
[transport.rabbitmq]
sender = [{ name = "four", parameter = { hostname = "h", port = 5672 } }]`)
  assert.deepEqual(diagnostics, [])
  const { jmsListeners, rabbitSenders } = settings.transport
  assert.deepEqual(
    jmsListeners.map(({ name, parameters }) => [name, Object.fromEntries(parameters)]),
    [
      [
        'one',
        {
          'java.naming.provider.url': 'tcp://a:61616',
          'transport.jms.ConcurrentConsumers': '3',
          'queue.orders': 'eu.orders',
        },
      ],
      ['two', { 'java.naming.provider.url': 'tcp://b:61616' }],
      ['three', {}],
    ],
  )
  assert.deepEqual(Object.fromEntries(rabbitSenders[0]!.parameters), {
    'rabbitmq.server.host.name': 'h',
    'rabbitmq.server.port': '5672',
  })
})

test('what is wrong with the name of a broker is told where it stands, and no password with it', () => {
  const of = (...lines: string[]): string[] => told(load(['[[transport.jms.listener]]', ...lines].join('\n')))
  assert.match(
    of('name = "a"', 'parameter.pasword = "geheim"')[0]!,
    /^3:\d+ error transport\.jms\.listener has parameter\.pasword in "a".*did you mean parameter\.password\?/,
  )
  assert.doesNotMatch(of('name = "a"', 'parameter.pasword = "geheim"').join(' '), /geheim/)
  assert.match(
    of('parameter.provider_url = "tcp://h:1"')[0]!,
    /^2:\d+ error transport\.jms\.listener needs a name in each table/,
  )
  assert.match(
    of('name = "a"', '[[transport.jms.listener]]', 'name = "a"')[0]!,
    /^4:8 error transport\.jms\.listener has "a" twice/,
  )
  const loaded = load('[[transport.jms.sender]]\nname = "a"\nparameter.password = "geheim"')
  const printed = printSettings(loaded).find(({ key }) => key === 'transport.jms.sender')
  assert.deepEqual([printed?.value, printed?.origin], ['["a"]', 'file'])
})

test('values may name the environment, other values, secrets and system parameters', () => {
  const { settings, diagnostics } = load(
    `[server]
hostname = "$env{NODE_NAME}.$sys{domain}"
[management]
admin_user = "$ref{server.hostname}"
admin_password = "$secret{ops}"
port = "$env{PORT}"
[system.parameter]
domain = "example"
[secrets]
ops = "[s3cret]"`,
    { env: { NODE_NAME: 'n1', PORT: '9999' } },
  )
  assert.deepEqual(diagnostics, [])
  assert.equal(settings.server.hostname, 'n1.example')
  assert.equal(settings.management.adminUser, 'n1.example')
  assert.equal(settings.management.adminPassword, 's3cret')
  assert.equal(settings.management.port, 9999)
})

test('a substitution that leads nowhere or in a circle is an error at its value', () => {
  assert.match(
    told(load('[server]\nhostname = "$env{NOPE}"'))[0]!,
    /^2:12 error server\.hostname: the environment variable NOPE is not set/,
  )
  assert.match(
    told(load('[server]\nhostname = "$secret{ops_pasword}"\n[secrets]\nops_password = "x"'))[0]!,
    /names nothing: there is no secrets\.ops_pasword in this file \| Did you mean secrets\.ops_password\?/,
  )
  assert.match(
    told(
      load('[server]\nhostname = "$ref{management.admin_user}"\n[management]\nadmin_user = "$ref{server.hostname}"'),
    )[0]!,
    /leads back to itself: server\.hostname → management\.admin_user → server\.hostname/,
  )
})

test('a secret shows neither in print nor in a complaint', () => {
  const env = { HOLDFAST_ADMIN_PASSWORD: 'hunter2' }
  const password = printSettings(load(undefined, { env })).find(({ key }) => key === 'management.admin_password')
  assert.deepEqual(password, { key: 'management.admin_password', value: '*****', origin: 'environment' })

  const complaint = told(
    load('[http]\nports = "$secret{p}"\n[management]\nadmin_password = 12345\n[secrets]\np = "hunter2"'),
  )
  assert.equal(complaint.length, 2)
  for (const line of complaint) assert.doesNotMatch(line, /hunter2|12345/)
})

test('an empty variable counts as not set where emptiness means nothing', () => {
  const { settings } = load(undefined, {
    env: { HOLDFAST_ADMIN_PASSWORD: '', HOLDFAST_FORWARD_DELIVERY_ID_HEADER: '' },
  })
  assert.equal(settings.management.adminPassword, undefined)
  assert.equal(settings.forward.deliveryIdHeader, '')
})

test('a certificate without its key is refused', () => {
  assert.match(
    told(load('[https]\ncert_file = "a.pem"'))[0]!,
    /^2:13 error https\.cert_file and https\.key_file belong together/,
  )
})

test('the result cannot be changed', () => {
  const { settings } = load()
  assert.throws(() => Object.assign(settings.http, { maxBodySize: 1 }), TypeError)
  assert.throws(() => (settings.http.ports as number[]).push(1), TypeError)
})

test('the generated file names every setting, and saying all its defaults changes nothing', () => {
  const emitted = emitDeploymentToml()
  for (const { setting } of declared)
    assert.ok(
      emitted.includes(setting.type.tables ? `# [[${setting.key}]]\n` : `${setting.key.replace(/.*\./, '')} = `),
      setting.key,
    )

  const everything = emitted.replaceAll(/^# (\w+ = |\[\[[\w.]+\]\]$)/gm, '$1')
  const home = resolve('/srv/app/holdfast-home')
  const loaded = resolveSettings({ flags: {}, env: {}, cwd }, { path: join(cwd, 'deployment.toml'), text: everything })
  assert.deepEqual(told(loaded), [])
  assert.deepEqual(loaded.settings, {
    ...load().settings,
    log: { ...load().settings.log, file: join(home, '..', 'logs', 'holdfast.log') },
  })
  assert.deepEqual(told(load(emitted)), [])
})

test('every example of a setting without default is accepted', () => {
  const text = emitDeploymentToml().replaceAll(/^# {3}(\w+ = )/gm, '$1')
  const env = { MY_ADMIN_PASSWORD: 'x', MY_KEY_PASSPHRASE: 'x', MY_PROXY_PASSWORD: 'x' }
  assert.deepEqual(told(load(text, { env })), [])
})

test('names, flags and variables of settings are unique', () => {
  for (const of of ['key', 'flag', 'env'] as const) {
    const names = declared.map(({ setting }) => setting[of]).filter(name => name !== undefined)
    assert.equal(new Set(names).size, names.length, of)
  }
})

test('the settings file is the one named, else that of the home, else that of the working directory', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-settings-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const part of ['home/conf', 'config']) await mkdir(join(folder, part), { recursive: true })
  const from = async (flags: Sources['flags']): Promise<string> =>
    (await loadSettings({ flags, env: {}, cwd: folder })).settings.server.hostname

  assert.equal(await from({}), 'localhost')
  await writeFile(join(folder, 'config/deployment.toml'), '[server]\nhostname = "working-directory"')
  assert.equal(await from({}), 'working-directory')
  await writeFile(join(folder, 'home/conf/deployment.toml'), '[server]\nhostname = "home"')
  assert.equal(await from({ home: 'home' }), 'home')
  await writeFile(join(folder, 'mine.toml'), '[server]\nhostname = "named"')
  assert.equal(await from({ home: 'home', config: 'mine.toml' }), 'named')
})

test('a settings file that was named and does not exist is an error', async () => {
  const { diagnostics } = await loadSettings({ flags: { config: 'nowhere.toml' }, env: {}, cwd })
  assert.deepEqual(
    diagnostics.map(({ severity, message, at }) => [severity, message, at.file]),
    [['error', 'the settings file does not exist', join(cwd, 'nowhere.toml')]],
  )
})
