import type { MessageContext } from '../kernel/context.ts'
import type { Endpoint, Log, Mediator, RoleName, Roles, SourceRef, Step, Template } from '../kernel/contracts.ts'
import { aroundEndpoint } from '../kernel/around-endpoint.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { runSteps } from '../kernel/flow.ts'
import type { Message } from '../kernel/message.ts'
import type { ArtifactEnv, EndpointEnv, Flow, KindEnv } from '../schema/kinds.ts'
import type { Services } from '../schema/services.ts'
import type { EndpointNode, EndpointProperty, TemplateUse } from '../schema/endpoint-structure.ts'
import type { ArtifactNode, StepNode } from '../schema/structure.ts'
import { dynamicNeedsBody, resolveRef } from '../schema/types.ts'

/** Makes the running thing an artifact describes. Everything that can be resolved now is resolved now. */
export function buildArtifact(node: ArtifactNode, services: Services, prepare?: Prepare): Roles[RoleName] {
  const owner = { role: node.kind.role as RoleName, name: node.name }
  const log = services.log.child({ artifact: `${owner.role}:${owner.name}` })
  // Where nobody waits, what could not be prepared is told to the first message that needs it.
  const begin: Prepare = prepare ?? (work => void work().catch(() => undefined))
  const env: ArtifactEnv = { ...kindEnv(node.at, owner, services, log, begin), name: node.name }
  return node.kind.create(node.config as never, env) as Roles[RoleName]
}

/** Takes what has to be done before an artifact goes into service. */
export type Prepare = (work: () => Promise<void>) => void

function kindEnv(at: SourceRef, owner: KindEnv['owner'], services: Services, log: Log, prepare: Prepare): KindEnv {
  const inner = (where: SourceRef): KindEnv => kindEnv(where, owner, services, log, prepare)
  return {
    at,
    owner,
    services,
    log,
    prepare,
    flow: steps => flowOf(steps, inner),
    endpoint: node => endpointOf(node, inner),
  }
}

/** Nested mediators as one. An empty list costs nothing at run time. */
function flowOf(nodes: readonly StepNode[], inner: (at: SourceRef) => KindEnv): Flow {
  const steps: Step[] = nodes.map(node => ({
    mediator: node.kind.create(node.config as never, inner(node.at)) as Mediator,
    kind: node.kind.tag,
    at: node.at,
  }))
  return { steps, mediate: ctx => runSteps(steps, ctx) }
}

function endpointOf(node: EndpointNode, inner: (at: SourceRef) => KindEnv): Endpoint {
  const { target } = node
  if ('template' in target) return withProperties(fromTemplate(node, target, inner), node.properties)
  if (!('kind' in target)) {
    const needsBody = dynamicNeedsBody(target)
    return withProperties(
      {
        name: 'name' in target ? target.name : `{${target.expression.source}}`,
        async send(request, ctx, options) {
          if (needsBody) await ctx.message.body.collect()
          return ctx.runtime.get(resolveRef(target, ctx)).send(request, ctx, options)
        },
        // An endpoint that is not there, or not yet known, keeps nobody waiting: sending to it says what is wrong.
        readyAt(ctx) {
          if (needsBody && !ctx.message.body.ready) return undefined
          return ctx.runtime.find('endpoint', resolveRef(target, ctx).name)?.readyAt?.(ctx)
        },
        recipients(ctx) {
          if (needsBody && !ctx.message.body.ready) return undefined
          return ctx.runtime.find('endpoint', resolveRef(target, ctx).name)?.recipients?.(ctx)
        },
      },
      node.properties,
    )
  }
  const base = inner(node.at)
  const name = nameOf(node, base)
  const env: EndpointEnv = { ...base, name, ...(node.session && { session: node.session }) }
  return withProperties(target.kind.create(target.config as never, env) as Endpoint, node.properties)
}

function nameOf({ name, at }: EndpointNode, { owner }: KindEnv): string {
  return name ?? `${owner.name}:${at.line}:${at.column}`
}

/** Made when it is first needed, and again when its template has changed: until then it keeps its state. */
function fromTemplate(node: EndpointNode, use: TemplateUse, inner: (at: SourceRef) => KindEnv): Endpoint {
  const name = nameOf(node, inner(node.at))
  const values = new Map([['name', name]])
  if (use.uri !== undefined) values.set('uri', use.uri)
  for (const parameter of use.parameters) values.set(parameter.name, parameter.value ?? '')
  let made: { readonly template: Template; readonly endpoint: Endpoint } | undefined
  const madeFrom = (template: Template): Endpoint => {
    if (made?.template === template) return made.endpoint
    if (!template.endpoint) {
      throw new IntegrationError(
        'ENDPOINT_UNKNOWN',
        `the template ${template.name} is for sequences, not for endpoints`,
        {
          at: node.at,
        },
      )
    }
    made = { template, endpoint: template.endpoint(name, values) }
    return made.endpoint
  }
  return {
    name,
    get status() {
      return made?.endpoint.status
    },
    async send(request, ctx, options) {
      return madeFrom(ctx.runtime.get(use.template)).send(request, ctx, options)
    },
    // One that is not made yet keeps nobody waiting.
    readyAt: ctx => made?.endpoint.readyAt?.(ctx),
    recipients: ctx => madeFrom(ctx.runtime.get(use.template)).recipients?.(ctx),
    mayTryElsewhere: error => made?.endpoint.mayTryElsewhere?.(error) ?? true,
  } as Endpoint
}

/** Sets the properties written on the endpoint before each send. */
function withProperties(endpoint: Endpoint, properties: readonly EndpointProperty[]): Endpoint {
  if (properties.length === 0) return endpoint
  const needsBody = properties.some(property => property.expression?.needsBody)
  return aroundEndpoint(endpoint, next => async (request, ctx, options) => {
    if (needsBody) await ctx.message.body.collect()
    for (const property of properties) setProperty(property, request, ctx)
    return next(request, ctx, options)
  })
}

function setProperty(property: EndpointProperty, request: Message, ctx: MessageContext): void {
  const value = property.expression ? property.expression.string(ctx) : (property.value ?? '')
  if (property.scope === 'transport') request.headers.set(property.name, value)
  else if (property.scope === 'axis2' || property.scope === 'axis2-client') request.axis2.set(property.name, value)
  else ctx.properties.set(property.name, value)
}
