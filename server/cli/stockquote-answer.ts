/** What the sample client reads out of an answer: prices, or why there are none. */
import { parseXml } from '../xml/reader.ts'
import type { XmlElement } from '../xml/tree.ts'
import { descendants } from '../xml/tree.ts'
import type { HttpAnswer } from './stockquote-exchange.ts'
import type { Mode } from './stockquote-request.ts'
import { SERVICES } from './stockquote-request.ts'

/** Both builds of the service: Apache's and WSO2's (stockquote-service §3). */
const FIELD_NAMESPACES = [SERVICES, `${SERVICES}/xsd`]

/** A sentence if the answer is an HTTP error or a fault, with status and reason; undefined if it is neither. */
export function describeFault(answer: HttpAnswer, url: URL): string | undefined {
  const good = answer.status >= 200 && answer.status < 300
  const root = readXml(answer)
  const reason = root && faultReason(root)
  if (good && reason === undefined) return undefined
  const words = reason === undefined ? excerpt(answer) : `SOAP fault: ${reason}`
  return `HTTP ${answer.status} from ${url.href}${words ? `: ${words}` : ' with no body'}`
}

/** The prices as written, or a sentence about what came instead of them. */
export function readPrices(mode: Mode, answer: HttpAnswer): readonly string[] | string {
  if (answer.body.length === 0) {
    return `The message was accepted (HTTP ${answer.status}), but no quote came back; a one-way service takes --mode placeorder.`
  }
  const root = readXml(answer)
  if (!root) return `The reply is not XML: ${excerpt(answer)}`
  const fault = faultReason(root)
  if (fault !== undefined) return `The reply is a SOAP fault: ${fault}`
  const [name, namespaces] = mode === 'customquote' ? ['Price', FIELD_NAMESPACES.slice(1)] : ['last', FIELD_NAMESPACES]
  const prices = elementsOf(root)
    .filter(element => element.local === name && namespaces.includes(element.uri))
    .map(element => element.text)
  return prices.length > 0 ? prices : `The reply holds no <${name}> in ${namespaces.join(' or ')}: ${excerpt(answer)}`
}

function faultReason(root: XmlElement): string | undefined {
  const all = elementsOf(root)
  const fault = all.find(element => element.local === 'Fault' && /soap/.test(element.uri))
  if (!fault) return undefined
  const inside = elementsOf(fault)
  const reason = inside.find(element => element.local === 'faultstring' || element.local === 'Text')
  return reason?.text.trim() || 'without a reason'
}

function elementsOf(root: XmlElement): XmlElement[] {
  const found = [root]
  for (const node of descendants(root)) if (node.kind === 'element') found.push(node)
  return found
}

function readXml(answer: HttpAnswer): XmlElement | undefined {
  if (answer.body.length === 0) return undefined
  try {
    return parseXml(answer.body).root
  } catch {
    return undefined
  }
}

function excerpt(answer: HttpAnswer): string {
  const text = answer.body.toString('utf8').trim()
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
