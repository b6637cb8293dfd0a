/** Every setting, declared once: the loader, the generated `config/deployment.toml` and the types are walks over this. */
import { delimiter } from 'node:path'
import { jmsFactories, rabbitFactories } from './connection-factories.ts'
import { dataSources } from './data-sources.ts'
import type { Raw, SettingType } from './types.ts'
import { duration, flag, int, list, oneOf, path, port, size, tableOf, text } from './types.ts'

/** A key that a WSO2 `deployment.toml` uses for the same thing. */
export interface Alias {
  readonly key: string
  /** Turns their value into ours; `offset` is theirs, 10 unless the file says otherwise. */
  readonly from?: (raw: Raw, offset: number) => Raw
}

export interface Setting<T> {
  readonly type: SettingType<T>
  /** `section.key` in TOML. */
  readonly key: string
  readonly doc: string
  /** Undefined where "not set" means something of its own. */
  readonly fallback: T
  /** Shown in the generated file where there is no default to show. */
  readonly example?: T
  /** Command line option of `holdfast run`, without dashes. */
  readonly flag?: string
  readonly env: string
  readonly secret: boolean
  readonly advanced: boolean
  readonly aliases: readonly Alias[]
  /** The default path is inside HOME, not relative to the working directory. */
  readonly inHome: boolean
}

type Rest<T> = Partial<Omit<Setting<T>, 'type' | 'key' | 'fallback' | 'doc'>> & { readonly doc: string }

function setting<T>(key: string, type: SettingType<T>, fallback: T, rest: Rest<T>): Setting<T> {
  const env = `HOLDFAST_${key.toUpperCase().replaceAll('.', '_')}`
  return { env, secret: false, advanced: false, aliases: [], inHome: false, key, type, fallback, ...rest }
}

/** A setting that may be absent. */
function optional<T>(key: string, type: SettingType<T>, rest: Rest<T>): Setting<T | undefined> {
  return setting<T | undefined>(key, type as SettingType<T | undefined>, undefined, rest)
}

const afterOffset = (raw: Raw, offset: number): Raw =>
  typeof raw === 'string' && /^\d+$/.test(raw) ? Number(raw) + offset : typeof raw === 'number' ? raw + offset : raw
const seconds = (raw: Raw): Raw => (typeof raw === 'number' ? raw * 1000 : raw)
const asFlag = (raw: Raw): Raw => (raw === 'true' ? true : raw === 'false' ? false : raw)
/** Java separates the names by `|`. */
const hostList = (raw: Raw): Raw => (typeof raw === 'string' ? raw.split(/[|,]/).map(name => name.trim()) : raw)
const ANY = Number.MAX_SAFE_INTEGER

export const declarations = {
  server: {
    hostname: setting('server.hostname', text, 'localhost', {
      doc: 'Name under which callers reach this server; used in published addresses such as those of a WSDL.',
    }),
    offset: optional('server.offset', int({ min: 0, max: 56_000 }), {
      doc: 'Moves the ports as in WSO2: with N they are 8280+N, 8243+N and 9154+N; ports you name yourself move by N. Without it the ports below count as they stand (those of EI and of MI, whose files have offset 10).',
      flag: 'port-offset',
      env: 'HOLDFAST_PORT_OFFSET',
      example: 10,
    }),
    home: setting('server.home', path, 'holdfast-home', {
      doc: 'Where the server keeps its data, registry, logs and deploy folder.',
      flag: 'home',
      env: 'HOLDFAST_HOME',
    }),
    artifacts: setting('server.artifacts', list(path, delimiter), [], {
      doc: 'Folders of artifacts. None: HOME/deploy.',
      flag: 'artifacts',
      env: 'HOLDFAST_ARTIFACTS',
    }),
    hotDeployment: setting('server.hot_deployment', flag, true, {
      doc: 'Whether the folders are watched; off, they are read once at start.',
    }),
    drain: setting('server.drain', duration(), 8000, {
      doc: 'How long a stop waits for requests and deliveries under way.',
      aliases: [{ key: 'server.graceful_shutdown_timeout' }],
    }),
  },
  deploy: {
    retryInterval: setting('deploy.retry_interval', duration({ min: 10 }), 15_000, {
      doc: 'How often an artifact is tried again that needs something from outside, such as the WSDL of a back end that is not up yet.',
      advanced: true,
    }),
    scanInterval: setting('deploy.scan_interval', duration({ min: 100 }), 1000, {
      doc: 'How often the folders are looked through besides being watched; network drives report no changes.',
      advanced: true,
    }),
  },
  http: {
    enabled: setting('http.enabled', flag, true, {
      doc: 'Serve HTTP.',
      aliases: [{ key: 'transport.http.listener.enable' }],
    }),
    host: setting('http.host', text, '', {
      doc: 'Address to listen on, for HTTP and HTTPS. Empty: all of this machine.',
      aliases: [{ key: 'transport.http.listener.bind_address' }],
    }),
    ports: setting('http.ports', list(port), [8280, 8290], {
      doc: 'HTTP ports: 8280 is what EI documents print, 8290 what MI documents print.',
      flag: 'http-port',
      env: 'HOLDFAST_HTTP_PORT',
      aliases: [{ key: 'transport.http.listener.port', from: afterOffset }],
    }),
    maxBodySize: setting('http.max_body_size', size({ min: 1024 }), 64 * 1024 ** 2, {
      doc: 'Largest body that is taken into memory (413 beyond). A body that only passes through has no limit.',
    }),
    maxHeaderSize: setting('http.max_header_size', size({ min: 1024 }), 16 * 1024, {
      doc: 'Largest head of a request (431 beyond).',
    }),
    maxConnections: setting('http.max_connections', int({ min: 0, max: ANY }), 20_000, {
      doc: 'Most connections at once, per port; more are refused. 0: no limit.',
      aliases: [{ key: 'transport.http.max_open_connections', from: raw => (raw === -1 ? 0 : raw) }],
    }),
    maxInFlight: setting('http.max_in_flight', int({ min: 0, max: ANY }), 5000, {
      doc: 'Most requests worked on at once; more are answered 503 with Retry-After. 0: no limit.',
    }),
    maxHeldSize: setting('http.max_held_size', size({ min: 0 }), 512 * 1024 ** 2, {
      doc: 'Most memory for bodies of requests that are worked on, and of replies they wait for, all together; more are answered 503 with Retry-After. Bodies that only pass through need none. 0: no limit.',
    }),
    headersTimeout: setting('http.headers_timeout', duration(), 30_000, {
      doc: 'How long a client may take to send the head of a request.',
      advanced: true,
    }),
    requestTimeout: setting('http.request_timeout', duration(), 300_000, {
      doc: 'How long a client may take to send a whole request. 0: for ever.',
      advanced: true,
    }),
    idleTimeout: setting('http.idle_timeout', duration(), 240_000, {
      doc: 'How long a connection may be silent in the middle of an exchange. 0: for ever.',
      advanced: true,
      aliases: [{ key: 'transport.http.socket_timeout' }],
    }),
    answerTimeout: setting('http.answer_timeout', duration({ min: 1 }), 180_000, {
      doc: 'How long a flow that has ended may still owe its caller an answer.',
      advanced: true,
    }),
    keepAliveTimeout: setting('http.keep_alive_timeout', duration(), 60_000, {
      doc: 'How long an idle connection is kept for the next request.',
      advanced: true,
    }),
  },
  https: {
    enabled: setting('https.enabled', flag, true, {
      doc: 'Serve HTTPS.',
      aliases: [{ key: 'transport.http.listener.secured_enable' }],
    }),
    ports: setting('https.ports', list(port), [8243, 8253], {
      doc: 'HTTPS ports, of EI and of MI.',
      flag: 'https-port',
      env: 'HOLDFAST_HTTPS_PORT',
      aliases: [{ key: 'transport.http.listener.secured_port', from: afterOffset }],
    }),
    certFile: optional('https.cert_file', path, {
      doc: 'Certificate chain, PEM. Without it a self-signed certificate is made at first start.',
      example: '/etc/holdfast/tls/server.crt',
    }),
    keyFile: optional('https.key_file', path, {
      doc: 'Private key of the certificate, PEM.',
      example: '/etc/holdfast/tls/server.key',
    }),
  },
  management: {
    port: setting('management.port', port, 9164, {
      doc: 'Port of the health check, the management API and the console.',
      flag: 'management-port',
      env: 'HOLDFAST_MANAGEMENT_PORT',
      aliases: [{ key: 'mediation.internal_https_api_port', from: afterOffset }],
    }),
    host: setting('management.host', text, 'localhost', {
      doc: 'Address of the management port. Anything but loopback is served over TLS only.',
      env: 'HOLDFAST_MANAGEMENT_HOST',
    }),
    adminUser: setting('management.admin_user', text, 'admin', {
      doc: 'Name of the administrator.',
      env: 'HOLDFAST_ADMIN_USER',
      aliases: [{ key: 'super_admin.username' }],
    }),
    adminPassword: optional('management.admin_password', text, {
      doc: 'Password of the administrator; better given in the environment. Without it one is made and printed at first start.',
      env: 'HOLDFAST_ADMIN_PASSWORD',
      secret: true,
      aliases: [{ key: 'super_admin.password' }],
      example: '$env{MY_ADMIN_PASSWORD}',
    }),
    tokenExpiry: setting('management.token_expiry', duration({ min: 1000 }), 3_600_000, {
      doc: 'How long a login lasts.',
      advanced: true,
      aliases: [{ key: 'management_api.jwt_token_security_handler.token_config.expiry', from: seconds }],
    }),
    maxTokens: setting('management.max_tokens', int({ min: 1, max: 100_000 }), 200, {
      doc: 'Most logins at once; the oldest ends when there is one more.',
      advanced: true,
      aliases: [{ key: 'management_api.jwt_token_security_handler.token_store_config.max_size' }],
    }),
  },
  endpoint: {
    globalTimeout: setting('endpoint.global_timeout', duration({ min: 1 }), 120_000, {
      doc: 'How long an endpoint without a timeout of its own waits for an answer.',
      aliases: [{ key: 'mediation.synapse.global_timeout_interval' }],
    }),
    connectTimeout: setting('endpoint.connect_timeout', duration({ min: 1 }), 10_000, {
      doc: 'How long a back end may take to accept a connection.',
      aliases: [{ key: 'transport.http.connection_timeout' }],
    }),
    maxConnectionsPerHost: setting('endpoint.max_connections_per_host', int({ min: 1, max: ANY }), 512, {
      doc: 'Most connections to one back end at once; further requests wait for one.',
      advanced: true,
      aliases: [{ key: 'transport.http.max_http_connection_per_host_port' }],
    }),
    trustedCertificates: setting('endpoint.trusted_certificates', list(path, delimiter), [], {
      doc: 'Files with certificates (PEM) of back ends or authorities to trust besides the well-known ones.',
      env: 'HOLDFAST_TRUSTED_CERTIFICATES',
      example: ['/etc/holdfast/tls/our-authority.pem'],
    }),
    verifyCertificates: setting('endpoint.verify_certificates', flag, true, {
      doc: 'Off, any certificate of a back end is taken, also an expired one or that of another host: for test systems only.',
      advanced: true,
    }),
    certFile: optional('endpoint.cert_file', path, {
      doc: 'Certificate chain (PEM) this server shows to back ends that ask for one.',
      example: '/etc/holdfast/tls/client.crt',
    }),
    keyFile: optional('endpoint.key_file', path, {
      doc: 'Private key of that certificate, PEM.',
      example: '/etc/holdfast/tls/client.key',
    }),
    keyPassphrase: optional('endpoint.key_passphrase', text, {
      doc: 'Passphrase of that key.',
      env: 'HOLDFAST_ENDPOINT_KEY_PASSPHRASE',
      secret: true,
      example: '$env{MY_KEY_PASSPHRASE}',
    }),
    proxyHost: optional('endpoint.proxy_host', text, {
      doc: 'HTTP proxy through which back ends are reached; HTTPS goes through a tunnel.',
      aliases: [{ key: 'transport.http.sender.proxy_host' }],
      example: 'proxy.example.org',
    }),
    proxyPort: setting('endpoint.proxy_port', port, 3128, {
      doc: 'Its port.',
      aliases: [{ key: 'transport.http.sender.proxy_port' }],
    }),
    proxyUsername: optional('endpoint.proxy_username', text, {
      doc: 'Who asks, if the proxy wants to know.',
      example: 'holdfast',
    }),
    proxyPassword: optional('endpoint.proxy_password', text, {
      doc: 'The password for it; better given in the environment.',
      env: 'HOLDFAST_PROXY_PASSWORD',
      secret: true,
      example: '$env{MY_PROXY_PASSWORD}',
    }),
    proxyBypass: setting('endpoint.proxy_bypass', list(text), ['localhost', '127.*', '[::1]'], {
      doc: 'Hosts reached without the proxy, as written in addresses; * stands for anything.',
      aliases: [{ key: 'transport.http.sender.non_proxy_hosts', from: hostList }],
    }),
  },
  api: {
    corsEnabled: setting('api.cors_enabled', flag, false, {
      doc: 'Whether answers of APIs tell browsers which pages of other origins may call them.',
      aliases: [{ key: 'synapse_properties.synapse.rest.CORSConfig.enabled', from: asFlag }],
    }),
    corsOrigins: setting('api.cors_allow_origin', list(text), ['*'], {
      doc: 'Origins whose pages may call APIs, such as https://app.example.org. *: every one.',
      aliases: [{ key: 'synapse_properties.synapse.rest.CORSConfig.Access-Control-Allow-Origin' }],
    }),
    corsHeaders: setting('api.cors_allow_headers', text, '', {
      doc: 'Request headers such pages may send, separated by commas.',
      aliases: [{ key: 'synapse_properties.synapse.rest.CORSConfig.Access-Control-Allow-Headers' }],
    }),
  },
  files: {
    folders: setting('files.folders', list(path, delimiter), [], {
      doc: 'Folders besides HOME/files that artifacts may read from and write to (vfs: endpoints, proxies and inbound endpoints for files), with everything below them.',
      env: 'HOLDFAST_FILES_FOLDERS',
    }),
  },
  database: {
    connectTimeout: setting('database.connect_timeout', duration({ min: 1 }), 10_000, {
      doc: 'How long a database may take to accept a connection.',
    }),
    statementTimeout: setting('database.statement_timeout', duration({ min: 1 }), 30_000, {
      doc: 'How long a statement of dblookup or dbreport may take before the message is a fault.',
    }),
  },
  extension: {
    folders: setting('extension.folders', list(path, delimiter), [], {
      doc: 'Folders of modules that stand for Java classes, besides HOME/extensions and `extensions` in each artifact folder.',
      example: ['/opt/acme/extensions'],
    }),
    timeout: setting('extension.timeout', duration({ min: 1 }), 30_000, {
      doc: 'How long one call of such a module may take before the message is a fault.',
    }),
  },
  forward: {
    deliveryIdHeader: setting('forward.delivery_id_header', text, 'Idempotency-Key', {
      doc: 'Header that carries the id of a stored message with every delivery, so that a back end can tell a repetition. Empty: none.',
    }),
  },
  store: {
    confirmTimeout: setting('store.confirm_timeout', duration({ min: 10 }), 10_000, {
      doc: 'How long a store may take to confirm a message before the failover store gets it.',
    }),
    seenCount: setting('store.seen_count', int({ min: 1, max: 100_000_000 }), 100_000, {
      doc: 'How many delivered message ids are remembered per processor, to drop a copy that comes later.',
      advanced: true,
    }),
    seenAge: setting('store.seen_age', duration({ min: 1000 }), 86_400_000, {
      doc: 'For how long they are remembered.',
      advanced: true,
    }),
  },
  journal: {
    segmentSize: setting('journal.segment_size', size({ min: 1024 ** 2 }), 64 * 1024 ** 2, {
      doc: 'Size of one file of the journal. Each is claimed in full before it is used.',
      advanced: true,
    }),
  },
  transport: {
    jmsListeners: setting('transport.jms.listener', jmsFactories, [], {
      doc: 'Brokers by name, for the parameter transport.jms.ConnectionFactory of proxies and inbound endpoints: tables [[transport.jms.listener]] with name = "…" and parameter.provider_url = "…" and the like, as in WSO2 MI. A proxy that names none uses the one called default.',
      aliases: [{ key: 'transport.blocking.jms.listener' }],
      advanced: true,
    }),
    jmsSenders: setting('transport.jms.sender', jmsFactories, [], {
      doc: 'The same for jms:/ addresses: tables [[transport.jms.sender]].',
      aliases: [{ key: 'transport.blocking.jms.sender' }],
      advanced: true,
    }),
    rabbitListeners: setting('transport.rabbitmq.listener', rabbitFactories, [], {
      doc: 'RabbitMQ servers by name, for the parameter rabbitmq.connection.factory of proxies and inbound endpoints: tables [[transport.rabbitmq.listener]] with name = "…" and parameter.hostname = "…" and the like.',
      advanced: true,
    }),
    rabbitSenders: setting('transport.rabbitmq.sender', rabbitFactories, [], {
      doc: 'The same for rabbitmq:/ addresses: tables [[transport.rabbitmq.sender]].',
      advanced: true,
    }),
  },
  datasource: {
    sources: setting('datasource', dataSources, [], {
      doc: 'Databases by name, for <dsName> of dblookup and dbreport and for store.jdbc.dsName: tables [[datasource]] with id = "…", url = "jdbc:…", username and password, as in WSO2 MI. Artifacts write the id, or jdbc/ and the id.',
      advanced: true,
    }),
  },
  log: {
    level: setting('log.level', oneOf('off', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'), 'info', {
      doc: 'Least serious lines that are written.',
    }),
    levels: setting(
      'log.levels',
      tableOf(oneOf('off', 'fatal', 'error', 'warn', 'info', 'debug', 'trace')),
      {},
      {
        doc: 'Levels of single loggers, by the name in braces of a line.',
        example: { LogMediator: 'debug' },
      },
    ),
    file: setting('log.file', path, 'logs/holdfast.log', {
      doc: 'Log file, appended to. The default is inside HOME. Empty: none.',
      flag: 'log-file',
      env: 'HOLDFAST_LOG_FILE',
      inHome: true,
    }),
    format: setting('log.format', oneOf('text', 'json'), 'text', {
      doc: 'Layout of the lines: as MI prints them, or one JSON object each.',
    }),
    quiet: setting('log.quiet', flag, false, { doc: 'Nothing on the console but fatal errors.', flag: 'quiet' }),
    maxSize: setting('log.max_size', size({ min: 64 * 1024 }), 10 * 1024 ** 2, {
      doc: 'A log file that would grow beyond this is set aside; so is the file of a past day.',
    }),
    keep: setting('log.keep', int({ min: 0, max: 10_000 }), 20, { doc: 'How many log files set aside are kept.' }),
  },
} as const

type ValueOf<S> = S extends Setting<infer T> ? T : never

/** The result: every group of {@link declarations} with plain values, frozen. Durations are milliseconds, sizes bytes. */
export type Settings = {
  readonly [G in keyof typeof declarations]: {
    readonly [S in keyof (typeof declarations)[G]]: ValueOf<(typeof declarations)[G][S]>
  }
}

export interface Declared {
  readonly group: string
  readonly name: string
  readonly setting: Setting<unknown>
}

/** Every setting in order of declaration. */
export const declared: readonly Declared[] = Object.entries(declarations).flatMap(([group, settings]) =>
  Object.entries(settings as Record<string, unknown>).map(([name, setting]) => ({
    group,
    name,
    setting: setting as Setting<unknown>,
  })),
)
