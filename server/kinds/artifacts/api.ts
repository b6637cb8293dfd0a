import { parseUriPattern, type UriPattern } from '../../expr/uri-pattern.ts'
import { Handlers } from '../../extensions/handlers.ts'
import type { MessageContext, Origin } from '../../kernel/context.ts'
import type { Api, ApiRequest, Mediator } from '../../kernel/contracts.ts'
import { METHODS, methodsOf } from '../../runtime/api-dispatch.ts'
import { route, type ApiFacts, type RoutedResource } from '../../runtime/api-route.ts'
import { sequenceFields, serviceFlow, type ServiceFlow } from '../../runtime/service-flow.ts'
import {
  attr,
  child,
  children,
  defineArtifact,
  int,
  oneOf,
  text,
  wholeRegex,
  words,
  type ArtifactEnv,
  type ConfigOf,
} from '../../schema/index.ts'
import type { ElementSite } from '../../schema/element-site.ts'
import type { CorsSettings } from '../../schema/services.ts'
import type { ValueType } from '../../schema/types.ts'

const uriPattern: ValueType<UriPattern> = {
  name: 'uriTemplate',
  expected: 'a URI template such as /orders/{id}',
  xsd: 'xs:string',
  parse(given) {
    try {
      return { value: parseUriPattern(given.trim()) }
    } catch (thrown) {
      return { problem: thrown instanceof Error ? thrown.message : String(thrown) }
    }
  },
  print: value => value.source,
}

const methodList: ValueType<readonly string[]> = {
  ...words(),
  name: 'methods',
  expected: `some of ${METHODS.join(' ')}`,
  parse(given, site) {
    const parsed = words().parse(given, site)
    if (!('value' in parsed)) return parsed
    const unknown = parsed.value.find(method => !METHODS.includes(method as (typeof METHODS)[number]))
    if (unknown !== undefined) return { problem: `"${unknown}" is none of ${METHODS.join(' ')}` }
    const repeated = parsed.value.find((method, index) => parsed.value.indexOf(method) !== index)
    return repeated === undefined ? parsed : { problem: `${repeated} is repeated` }
  },
}

const contextPath = text({ pattern: /^\//, expected: 'a path that begins with a slash' })

const resourceFields = {
  methods: attr(methodList, { doc: 'HTTP methods it is for, separated by blanks; absent: all.' }),
  template: attr(uriPattern, { name: 'uri-template', doc: 'Path below the context, with variables: `/{id}/items`.' }),
  mapping: attr(text({ pattern: /^(?:\/|\*\.)/, expected: '/path, /path/* or *.extension' }), {
    name: 'url-mapping',
    doc: 'Path below the context: `/items`, `/items/*` or `*.json`.',
  }),
  protocol: attr(oneOf('http', 'https'), { doc: 'Only for requests that came this way.' }),
  contentType: attr(text(), { name: 'content-type', doc: 'Only for requests of this type.' }),
  userAgent: attr(wholeRegex(), { name: 'user-agent', doc: 'Only for clients whose User-Agent matches.' }),
  ...sequenceFields,
}

type ResourceConfig = ConfigOf<typeof resourceFields>

const handlerFields = {
  className: attr(text(), { name: 'class', required: true, doc: 'Name of the handler.' }),
  properties: children(
    'property',
    {
      name: attr(text(), { required: true, doc: 'Name of the setting.' }),
      value: attr(text(), { doc: 'Its value.' }),
    },
    { doc: 'Settings of the handler.' },
  ),
}

export default defineArtifact({
  role: 'api',
  tag: 'api',
  nameAttribute: 'name',
  // A version counts only if the API says where it stands in a path.
  nameOf: ({ name, version, versionType }) =>
    !name || version === undefined || versionType === undefined ? (name ?? '') : `${name}:v${version}`,
  claims({ context = '', version, versionType, hostname = '*', port = -1, transports = [], bindsTo = [] }) {
    const prefix = prefixOf(contextOf(context, version ?? '', versionType), version, versionType)
    const host = hostname === '*' && port < 0 ? '' : ` of ${hostname}${port < 0 ? '' : `:${port}`}`
    const way = [...transports, ...bindsTo].map(name => ` by ${name}`).join('')
    return [`URL context: ${prefix === '' ? '/' : prefix}${host}${way}`]
  },
  summary: 'Resources of a REST API below one path.',
  details: `
    A request that no service claims goes to the API with the longest context its path begins with, there to the
    resource its method and path fit: an exact \`url-mapping\` first, then the longest \`/path/*\`, then \`*.extension\`, then
    the templates in the order written, then the resource with neither. \`{v}\` is one segment of the path, \`{+v}\`
    anything, \`*\` the rest. Variables are properties \`uri.var.v\`, query parameters \`query.param.q\`. A resource runs as a
    proxy without endpoint does. No resource is answered 404, a wrong method 405, OPTIONS with the methods there are,
    unless sequences \`_resource_mismatch_handler_\` and \`_method_not_allowed_handler_\` say otherwise. HEAD is for the
    resource of GET where none asks for it.`,
  fields: {
    name: attr(text(), { required: true, doc: 'Name in log lines and listings.' }),
    context: attr(contextPath, {
      required: true,
      doc: 'What paths of its requests begin with; `{version}` is replaced.',
    }),
    version: attr(text(), { doc: 'Several versions of one API may run side by side.' }),
    versionType: attr(oneOf('url', 'context'), {
      name: 'version-type',
      doc: '`url`: the version follows the context; `context`: it stands there as `{version}`.',
    }),
    hostname: attr(text(), { doc: 'Only for requests whose Host header says so.' }),
    port: attr(int({ min: -1, max: 65_535 }), { doc: 'Only for requests whose Host header names this port.' }),
    transports: attr(words(), { doc: '`http`, `https`; absent: both.' }),
    bindsTo: attr(words(), { name: 'binds-to', doc: 'Inbound endpoints that serve it; `default`: the listener.' }),
    publishSwagger: attr(text(), { doc: 'OpenAPI description.', ignored: 'No description is served.' }),
    resources: children('resource', resourceFields, { doc: 'What it is asked for.' }),
    handlers: child(
      'handlers',
      { handlers: children('handler', handlerFields, { doc: 'One of them.' }) },
      { doc: 'Handlers before the resources; only those for CORS are known here.' },
    ),
  },
  examples: [
    {
      title: 'Read and add orders',
      xml: `<api name="Orders" context="/orders">
  <resource methods="GET" uri-template="/{id}"><inSequence><log level="custom"><property name="id" expression="get-property('uri.var.id')"/></log><respond/></inSequence></resource>
  <resource methods="POST" url-mapping="/"><inSequence><send><endpoint key="orders"/></send></inSequence></resource>
</api>`,
    },
    { title: 'Versions side by side', xml: '<api name="Orders" context="/orders" version="2.0" version-type="url"/>' },
  ],
  check({ resources, context, version, versionType, handlers }, site) {
    if (version === undefined && versionType !== undefined) site.missing('attribute "version"')
    if (versionType === 'context' && !context?.includes('{version}')) {
      const hint = 'Write {version} where it belongs, such as context="/orders/{version}".'
      site.error('invalid-value', 'the context has no {version} to replace', site.element.offset, hint)
    }
    checkResources(resources, site)
    for (const { className = '' } of handlers?.handlers ?? []) {
      if (isCors(className)) continue
      if (site.decoding.env.hasExtension?.(className) === true) continue
      // Passing it over might leave open what it protects.
      const hint = `The API is not deployed. Put ${className}.mjs with handleRequest(ctx, properties) into HOME/extensions, or remove the handler if the API is safe without it.`
      site.error('not-supported', `the handler ${className} is Java, which cannot run here`, site.element.offset, hint)
    }
  },
  create(config, env): Api {
    const { versionType, hostname, port, transports, bindsTo } = config
    const version = versionType === undefined ? '' : (config.version ?? '')
    const context = contextOf(config.context ?? '', version, versionType)
    const prefix = prefixOf(context, version, versionType)
    const api: ApiFacts = { name: env.name, context, version, prefix }
    const handlers = handlersOf(config, env)
    const resources = config.resources.map(resource => new Resource(resource, api, handlers, env))
    const cors = corsOf(config, env)
    const onListener = bindsTo === undefined || bindsTo.length === 0 || bindsTo.includes('default')
    return {
      ...api,
      ...(hostname !== undefined && { hostname }),
      ...(port !== undefined && port >= 0 && { port }),
      resources: resources.map(resource => ({ methods: methodsOf(resource), url: resource.url })),
      accepts(request) {
        const bound = request.inbound !== undefined && bindsTo?.includes(request.inbound) === true
        if (!bound && (!onListener || request.onlyBound === true)) return false
        if (transports && !transports.includes(request.scheme)) return false
        if (hostname === undefined && (port === undefined || port < 0)) return true
        const [host, given] = hostOf(request)
        return (hostname === undefined || hostname === host) && (port === undefined || port < 0 || port === given)
      },
      route: request => route(api, resources, cors, request, env.log),
    }
  },
})

class Resource implements RoutedResource {
  readonly methods: readonly string[]
  readonly urlMapping: string | undefined
  readonly template: UriPattern | undefined
  readonly protocol: 'http' | 'https' | undefined
  readonly contentType: string | undefined
  readonly userAgent: RegExp | undefined
  readonly origin: Origin
  readonly #handlers: Handlers | undefined
  readonly #inFlow: Mediator | undefined
  readonly #onFault: ServiceFlow['onFault']

  constructor(config: ResourceConfig, api: ApiFacts, handlers: Handlers, env: ArtifactEnv) {
    this.methods = config.methods ?? []
    this.urlMapping = config.mapping
    this.template = config.template
    this.protocol = config.protocol
    this.contentType = config.contentType?.toLowerCase()
    this.userAgent = config.userAgent
    const { inFlow, onReply, onFault } = serviceFlow(config, env)
    this.#inFlow = inFlow
    this.#onFault = onFault
    this.#handlers = handlers.isEmpty ? undefined : handlers
    const handled: Mediator = {
      mediate: async ctx => ((await handlers.response(ctx)) ? onReply.mediate(ctx) : 'done'),
    }
    this.origin = {
      label: `api:${api.name}`,
      kind: 'api',
      name: api.name,
      onReply: this.#handlers ? handled : onReply,
      onFault,
    }
  }

  get url(): string {
    return this.urlMapping ?? this.template?.source ?? '/'
  }

  async run(ctx: MessageContext): Promise<void> {
    try {
      if (this.#handlers && !(await this.#handlers.request(ctx))) return
      await this.#inFlow?.mediate(ctx)
    } catch (thrown) {
      await this.#onFault(thrown, ctx)
    }
  }
}

function prefixOf(context: string, version: string | undefined, versionType: string | undefined): string {
  return version !== undefined && version !== '' && versionType === 'url' ? `${context}/${version}` : context
}

function contextOf(written: string, version: string, versionType: 'url' | 'context' | undefined): string {
  const filled = versionType === 'context' ? written.replaceAll('{version}', version) : written
  return filled.replace(/\/+$/, '')
}

/** Host and port of the Host header; the port of the scheme where it names none. */
function hostOf(request: ApiRequest): [host: string, port: number] {
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(request.header('host') ?? '') ?? []
  return [host, port === undefined ? (request.scheme === 'https' ? 443 : 80) : Number(port)]
}

function isCors(className: string): boolean {
  return /CORS\w*$/i.test(className)
}

/** Handlers that are extensions, in the order written. */
function handlersOf({ handlers }: { readonly handlers: HandlersConfig | undefined }, env: ArtifactEnv): Handlers {
  const others = (handlers?.handlers ?? []).filter(({ className }) => !isCors(className ?? ''))
  const configs = others.map(({ className, properties }) => ({
    className: className ?? '',
    properties: Object.fromEntries(properties.map(({ name = '', value = '' }) => [name, value])),
  }))
  return new Handlers(configs, env.services, env.log, env.at)
}

interface HandlersConfig {
  readonly handlers: readonly ConfigOf<typeof handlerFields>[]
}

/** A CORS handler of the API's own, else what the settings say for all. */
function corsOf(
  { handlers }: { readonly handlers: { handlers: readonly ConfigOf<typeof handlerFields>[] } | undefined },
  env: ArtifactEnv,
): CorsSettings | undefined {
  const handler = handlers?.handlers.find(({ className = '' }) => isCors(className))
  const general = env.services.settings.cors
  if (!handler) return general
  const value = (part: RegExp): string | undefined =>
    handler.properties.find(({ name = '' }) => part.test(name.replaceAll(/[-_. ]/g, '')))?.value
  const origins = value(/origin/i)
  return {
    origins: origins === undefined ? (general?.origins ?? ['*']) : origins.split(',').map(origin => origin.trim()),
    headers: value(/headers/i) ?? general?.headers ?? '',
  }
}

/** One default resource for a method, and no path twice for one. */
function checkResources(resources: readonly ResourceConfig[], site: ElementSite): void {
  const taken = new Set<string>()
  const elements = site.children('resource')
  resources.forEach(({ methods, mapping, template, protocol, contentType, userAgent }, index) => {
    const offset = elements[index]?.offset ?? site.element.offset
    if (mapping !== undefined && template !== undefined) {
      const hint = 'Remove one of the two.'
      site.error('one-too-many', 'a resource has either a url-mapping or a uri-template', offset, hint)
    }
    const path = mapping ?? template?.source ?? ''
    for (const method of methods && methods.length > 0 ? methods : METHODS) {
      const key = [method, path, protocol, contentType, userAgent?.source].join(' ')
      if (taken.has(key)) {
        const what = path === '' ? `two default resources for ${method}` : `two resources for ${method} ${path}`
        site.error('repeated-element', `there are ${what}`, offset, 'Remove one of the two.')
        return
      }
      taken.add(key)
    }
  })
}
