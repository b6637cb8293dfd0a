/** What is wrong with the RabbitMQ server and queue an artifact names, told at its place. */
import { asIntegrationError } from '../../kernel/errors.ts'
import type { ElementSite } from '../../schema/element-site.ts'
import { reportFactory } from '../connection-factory.ts'
import { parseRabbitAddress } from './address.ts'
import { rabbitTarget, reportProblems } from './fields.ts'
import type { RabbitParameters } from './parameters.ts'

const HOST = 'rabbitmq.server.host.name'
const FACTORY = { parameter: 'rabbitmq.connection.factory', use: 'rabbitmq.listener', address: HOST } as const

/** `otherCallers`: without its queue the artifact is still good for something. */
export function checkRabbit(config: RabbitParameters, site: ElementSite, otherCallers: boolean): void {
  const written = site.parameter(HOST) !== undefined
  const place = written ? 'written here' : otherCallers ? 'nowhere, but there are other callers' : 'nowhere'
  reportFactory(config.factory, FACTORY, place, site)
  reportProblems(rabbitTarget(config, config).problems, 'rabbitmq.server.port', site)
}

/** A `rabbitmq:/…` address in an attribute of an endpoint. Never an error: messages that are sent there are told the same. */
export function checkRabbitAddress(url: string, attribute: string, site: ElementSite): void {
  if (!/^rabbitmq:/i.test(url)) return
  const at = site.attribute(attribute)?.offset ?? site.element.offset
  try {
    const { parameters, unknownFactory } = parseRabbitAddress(url, site.decoding.env.connectionFactories)
    for (const { text, hint } of rabbitTarget(parameters, parameters).problems)
      site.warn('broker-address', text, at, hint)
    if (unknownFactory === undefined) return
    const message = `there is no connection factory "${unknownFactory}" in deployment.toml`
    site.hint('connection-factory-unknown', `${message}; the parameters of the address are used`, at, 'Remove it.')
  } catch (thrown) {
    site.warn('broker-address', asIntegrationError(thrown).message, at, 'A message that is sent there is a fault.')
  }
}
