import { IntegrationError } from '../kernel/errors.ts'
import { clone } from '../xml/clone.ts'
import type { XmlElement } from '../xml/tree.ts'
import { descendants } from '../xml/tree.ts'

const WSDL = 'http://schemas.xmlsoap.org/wsdl/'
const WSDL_20 = 'http://www.w3.org/ns/wsdl'
const SOAP11 = 'http://schemas.xmlsoap.org/wsdl/soap/'
const SOAP12 = 'http://schemas.xmlsoap.org/wsdl/soap12/'
const HTTP = 'http://schemas.xmlsoap.org/wsdl/http/'
const SCHEMA = 'http://www.w3.org/2001/XMLSchema'

/** Where a port of a WSDL 1.1 document is, and how it wants to be spoken to. */
export interface WsdlPort {
  readonly address: string
  /** Absent for a port of the HTTP binding: the message keeps its format. */
  readonly format?: 'soap11' | 'soap12'
}

/** Throws unless the element is a WSDL 1.1 document. */
export function assertWsdl(root: XmlElement): void {
  if (root.is('definitions', WSDL)) return
  const what =
    root.uri === WSDL_20
      ? 'it is WSDL 2.0; only WSDL 1.1 is understood'
      : `its root is <${root.name}>, not <definitions> of WSDL 1.1`
  throw new IntegrationError('NOT_SUPPORTED', what)
}

/** The port of that name in the service of that name; throws an error that lists those there are. */
export function findPort(root: XmlElement, service: string, port: string): WsdlPort {
  assertWsdl(root)
  const services = root.childElements.filter(element => element.is('service', WSDL))
  const found = services.find(element => element.attribute('name') === service)
  if (!found) throw missing(`no service "${service}"`, services)
  const ports = found.childElements.filter(element => element.is('port', WSDL))
  const wanted = ports.find(element => element.attribute('name') === port)
  if (!wanted) throw missing(`no port "${port}" in service "${service}"`, ports)
  for (const address of wanted.childElements) {
    const location = address.local === 'address' ? address.attribute('location') : undefined
    if (location === undefined) continue
    if (address.uri === SOAP11) return { address: location, format: 'soap11' }
    if (address.uri === SOAP12) return { address: location, format: 'soap12' }
    if (address.uri === HTTP) return { address: location }
  }
  throw new IntegrationError('NOT_SUPPORTED', `port "${port}" has neither a SOAP nor an HTTP address`)
}

function missing(what: string, others: readonly XmlElement[]): IntegrationError {
  const names = others.map(element => element.attribute('name')).join(', ')
  return new IntegrationError('NOT_SUPPORTED', `the WSDL has ${what}; there is: ${names === '' ? 'none' : names}`)
}

/** Elements by which a WSDL or schema takes in another document, and where that one is. */
export function* references(root: XmlElement): Generator<{ element: XmlElement; attribute: string; location: string }> {
  for (const node of descendants(root)) {
    if (node.kind !== 'element') continue
    const attribute = node.is('import', WSDL)
      ? 'location'
      : node.uri === SCHEMA && /^(?:import|include|redefine)$/.test(node.local)
        ? 'schemaLocation'
        : undefined
    const location = attribute === undefined ? undefined : node.attribute(attribute)
    if (attribute !== undefined && location !== undefined) yield { element: node, attribute, location }
  }
}

/**
 * The document as the service at `addresses` publishes it: every port at our address of the scheme it had, else at the
 * first; every reference as `renamed` says.
 */
export function republished(
  root: XmlElement,
  addresses: readonly string[] | undefined,
  renamed: (location: string) => string,
): XmlElement {
  const copy = clone(root)
  for (const { element, attribute, location } of references(copy)) element.setAttribute(attribute, renamed(location))
  if (addresses === undefined) return copy
  for (const node of descendants(copy)) {
    if (node.kind !== 'element' || node.local !== 'address') continue
    if (node.uri !== SOAP11 && node.uri !== SOAP12 && node.uri !== HTTP) continue
    const scheme = `${/^\w+/.exec(node.attribute('location') ?? '')?.[0] ?? 'http'}:`
    const ours = addresses.find(address => address.startsWith(scheme)) ?? addresses[0]
    if (ours !== undefined) node.setAttribute('location', ours)
  }
  return copy
}
