import { escapeAttribute } from '../xml/writer.ts'

/**
 * The WSDL of a proxy that publishes none (synapse-language E.1): one operation `mediate` that takes and gives anything,
 * at each of the addresses over SOAP 1.1, SOAP 1.2 and plain HTTP.
 */
export function genericWsdl(service: string, addresses: readonly string[]): string {
  const name = escapeAttribute(service)
  const ports = addresses.map(address => portsOf(service, address)).join('')
  return (
    `<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:ns="http://ws.apache.org/axis2"` +
    ` xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/"` +
    ` xmlns:http="http://schemas.xmlsoap.org/wsdl/http/" xmlns:mime="http://schemas.xmlsoap.org/wsdl/mime/"` +
    ` xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://ws.apache.org/axis2">` +
    `<wsdl:documentation>${name}</wsdl:documentation>` +
    `<wsdl:types><xs:schema targetNamespace="http://ws.apache.org/axis2" elementFormDefault="qualified">` +
    `${anyElement('mediate')}${anyElement('mediateResponse')}</xs:schema></wsdl:types>` +
    `<wsdl:message name="mediateRequest"><wsdl:part name="parameters" element="ns:mediate"/></wsdl:message>` +
    `<wsdl:message name="mediateResponse"><wsdl:part name="parameters" element="ns:mediateResponse"/></wsdl:message>` +
    `<wsdl:portType name="${name}PortType"><wsdl:operation name="mediate">` +
    `<wsdl:input message="ns:mediateRequest"/><wsdl:output message="ns:mediateResponse"/>` +
    `</wsdl:operation></wsdl:portType>` +
    `${soapBinding(name, 'Soap11', 'soap')}${soapBinding(name, 'Soap12', 'soap12')}${httpBinding(name)}` +
    `<wsdl:service name="${name}">${ports}</wsdl:service></wsdl:definitions>`
  )
}

function anyElement(name: string): string {
  const content = '<xs:any processContents="skip" minOccurs="0" maxOccurs="unbounded"/>'
  return `<xs:element name="${name}"><xs:complexType><xs:sequence>${content}</xs:sequence></xs:complexType></xs:element>`
}

function soapBinding(name: string, version: string, prefix: string): string {
  const literal = `<${prefix}:body use="literal"/>`
  return (
    `<wsdl:binding name="${name}${version}Binding" type="ns:${name}PortType">` +
    `<${prefix}:binding transport="http://schemas.xmlsoap.org/soap/http" style="document"/>` +
    `<wsdl:operation name="mediate"><${prefix}:operation soapAction="urn:mediate" style="document"/>` +
    `<wsdl:input>${literal}</wsdl:input><wsdl:output>${literal}</wsdl:output></wsdl:operation></wsdl:binding>`
  )
}

function httpBinding(name: string): string {
  const content = '<mime:content type="application/xml" part="parameters"/>'
  return (
    `<wsdl:binding name="${name}HttpBinding" type="ns:${name}PortType"><http:binding verb="POST"/>` +
    `<wsdl:operation name="mediate"><http:operation location="mediate"/>` +
    `<wsdl:input>${content}</wsdl:input><wsdl:output>${content}</wsdl:output></wsdl:operation></wsdl:binding>`
  )
}

function portsOf(service: string, address: string): string {
  const scheme = address.startsWith('https:') ? 'Https' : 'Http'
  const port = (version: string, prefix: string): string => {
    const location = escapeAttribute(`${address}.${service}${scheme}${version}Endpoint`)
    return (
      `<wsdl:port name="${escapeAttribute(service)}${scheme}${version}Endpoint"` +
      ` binding="ns:${escapeAttribute(service)}${version || 'Http'}Binding">` +
      `<${prefix}:address location="${location}"/></wsdl:port>`
    )
  }
  return port('Soap11', 'soap') + port('Soap12', 'soap12') + port('', 'http')
}
