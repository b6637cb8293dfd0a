/** The service's description of itself, with port addresses at which this very process answers. */
import { SERVICES } from './quotes.ts'

const NAME = 'SimpleStockQuoteService'
const FAULT = `${NAME}Exception`

const QUOTE_FIELDS = [
  ...['change', 'earnings', 'high', 'last'].map(name => [name, 'xs:double']),
  ['lastTradeTimestamp', 'xs:string'],
  ...['low', 'marketCap'].map(name => [name, 'xs:double']),
  ['name', 'xs:string'],
  ...['open', 'peRatio', 'percentageChange', 'prevClose'].map(name => [name, 'xs:double']),
  ['symbol', 'xs:string'],
  ['volume', 'xs:int'],
] as const

interface Operation {
  readonly name: string
  /** Element inside the request wrapper and its type. */
  readonly takes: readonly [element: string, type: string]
  /** Type of `return`; absent for a one-way operation. */
  readonly gives?: string
  readonly faults?: boolean
}

const OPERATIONS: readonly Operation[] = [
  { name: 'getQuote', takes: ['request', 'tns:GetQuote'], gives: 'GetQuoteResponse', faults: true },
  { name: 'getSimpleQuote', takes: ['symbol', 'xs:string'], gives: 'GetQuoteResponse' },
  { name: 'getFullQuote', takes: ['request', 'tns:GetFullQuote'], gives: 'GetFullQuoteResponse' },
  { name: 'getMarketActivity', takes: ['request', 'tns:GetMarketActivity'], gives: 'GetMarketActivityResponse' },
  { name: 'placeOrder', takes: ['order', 'tns:PlaceOrder'] },
]

const field = ([name, type]: readonly [string, string] | readonly string[], many = false): string =>
  `<xs:element name="${name}" type="${type}" minOccurs="0"${many ? ' maxOccurs="unbounded"' : ''} nillable="true"/>`

const type = (name: string, ...fields: string[]): string =>
  `<xs:complexType name="${name}"><xs:sequence>${fields.join('')}</xs:sequence></xs:complexType>`

const wrapper = (name: string, inner: string): string =>
  `<xs:element name="${name}"><xs:complexType><xs:sequence>${inner}</xs:sequence></xs:complexType></xs:element>`

function schema(): string {
  return (
    `<xs:schema elementFormDefault="qualified" targetNamespace="${SERVICES}">` +
    type('GetQuote', field(['symbol', 'xs:string'])) +
    type('GetFullQuote', field(['symbol', 'xs:string'])) +
    type('GetMarketActivity', field(['symbols', 'xs:string'], true)) +
    type('PlaceOrder', field(['price', 'xs:double']), field(['quantity', 'xs:int']), field(['symbol', 'xs:string'])) +
    type('GetQuoteResponse', ...QUOTE_FIELDS.map(entry => field(entry))) +
    type('TradeHistory', field(['day', 'xs:int']), field(['quote', 'tns:GetQuoteResponse'])) +
    type('GetFullQuoteResponse', field(['tradeHistory', 'tns:TradeHistory'], true)) +
    type('GetMarketActivityResponse', field(['quotes', 'tns:GetQuoteResponse'], true)) +
    wrapper(FAULT, field([FAULT, 'xs:string'])) +
    OPERATIONS.map(
      ({ name, takes, gives }) =>
        wrapper(name, field(takes)) + (gives ? wrapper(`${name}Response`, field(['return', `tns:${gives}`])) : ''),
    ).join('') +
    '</xs:schema>'
  )
}

function messages(): string {
  const message = (name: string, element: string): string =>
    `<wsdl:message name="${name}"><wsdl:part name="parameters" element="tns:${element}"/></wsdl:message>`
  return (
    OPERATIONS.map(
      ({ name, gives }) =>
        message(`${name}Request`, name) + (gives ? message(`${name}Response`, `${name}Response`) : ''),
    ).join('') + message(FAULT, FAULT)
  )
}

function portType(): string {
  const operations = OPERATIONS.map(
    ({ name, gives, faults }) =>
      `<wsdl:operation name="${name}"><wsdl:input message="tns:${name}Request" wsaw:Action="urn:${name}"/>` +
      (gives ? `<wsdl:output message="tns:${name}Response" wsaw:Action="urn:${name}Response"/>` : '') +
      (faults ? `<wsdl:fault name="${FAULT}" message="tns:${FAULT}" wsaw:Action="urn:${name}${FAULT}"/>` : '') +
      '</wsdl:operation>',
  )
  return `<wsdl:portType name="${NAME}PortType">${operations.join('')}</wsdl:portType>`
}

function binding(kind: 'Soap11' | 'Soap12' | 'Http'): string {
  const prefix = kind === 'Soap12' ? 'soap12' : 'soap'
  const body =
    kind === 'Http' ? '<mime:content type="application/xml" part="parameters"/>' : `<${prefix}:body use="literal"/>`
  const operations = OPERATIONS.map(({ name, gives, faults }) => {
    const how =
      kind === 'Http'
        ? `<http:operation location="${name}"/>`
        : `<${prefix}:operation soapAction="urn:${name}" style="document"/>`
    const fault =
      faults && kind !== 'Http'
        ? `<wsdl:fault name="${FAULT}"><${prefix}:fault use="literal" name="${FAULT}"/></wsdl:fault>`
        : ''
    return (
      `<wsdl:operation name="${name}">${how}<wsdl:input>${body}</wsdl:input>` +
      `${gives ? `<wsdl:output>${body}</wsdl:output>` : ''}${fault}</wsdl:operation>`
    )
  })
  const transport =
    kind === 'Http'
      ? '<http:binding verb="POST"/>'
      : `<${prefix}:binding transport="http://schemas.xmlsoap.org/soap/http" style="document"/>`
  return `<wsdl:binding name="${NAME}${kind}Binding" type="tns:${NAME}PortType">${transport}${operations.join('')}</wsdl:binding>`
}

/** `addresses` are service URLs, `http:` or `https:`; each becomes three ports (SOAP 1.1, SOAP 1.2, plain HTTP). */
export function stockQuoteWsdl(addresses: readonly string[]): string {
  const ports = addresses.flatMap(address => {
    const scheme = address.startsWith('https:') ? 'Https' : 'Http'
    return (
      [
        ['Soap11', 'Soap11', 'soap'],
        ['Soap12', 'Soap12', 'soap12'],
        ['', 'Http', 'http'],
      ] as const
    ).map(([suffix, bound, prefix]) => {
      const name = `${NAME}${scheme}${suffix}Endpoint`
      const location = escapeAttribute(`${address}.${name}`)
      return `<wsdl:port name="${name}" binding="tns:${NAME}${bound}Binding"><${prefix}:address location="${location}"/></wsdl:port>`
    })
  })
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"' +
    ' xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:http="http://schemas.xmlsoap.org/wsdl/http/"' +
    ' xmlns:mime="http://schemas.xmlsoap.org/wsdl/mime/" xmlns:wsaw="http://www.w3.org/2006/05/addressing/wsdl"' +
    ` xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:tns="${SERVICES}" targetNamespace="${SERVICES}">` +
    `<wsdl:types>${schema()}</wsdl:types>${messages()}${portType()}${binding('Soap11')}${binding('Soap12')}${binding('Http')}` +
    `<wsdl:service name="${NAME}">${ports.join('')}</wsdl:service></wsdl:definitions>\n`
  )
}

function escapeAttribute(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;')
}
