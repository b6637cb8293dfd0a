/**
 * The `mc` object of Synapse's script mediator (synapse-language C.17), in the JavaScript of the sandbox: everything is
 * asked of `host`. Objects cross the border as JSON behind a mark, XML as text.
 */
export const MARK = '\uE000'

export const MC = String.raw`
var mc = (function (host) {
  'use strict'
  const MARK = '\uE000'
  const read = value => (typeof value === 'string' && value[0] === MARK ? JSON.parse(value.slice(1)) : value)
  const write = value => {
    if (value === null || value === undefined) return null
    if (value instanceof String || value instanceof Number || value instanceof Boolean) return value.valueOf()
    return typeof value === 'object' ? MARK + JSON.stringify(value) : typeof value === 'function' ? String(value) : value
  }
  const text = value => (value === null || value === undefined ? null : String(value))
  const address = name => {
    const value = host('address', name)
    return value === null ? null : { getAddress: () => value, toString: () => value }
  }
  const log = level => (...values) => void host('log', level, values.map(String).join(' '))
  const serviceLog = {}
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) serviceLog[level] = log(level)
  for (const level of ['Trace', 'Debug', 'Info', 'Warn', 'Error', 'Fatal']) serviceLog['is' + level + 'Enabled'] = () => true
  const self = {
    getPayloadXML: () => host('payloadXml'),
    setPayloadXML: xml => void host('setPayloadXml', text(xml)),
    getPayloadJSON: () => { const json = host('payloadJson'); return json === null ? null : JSON.parse(json) },
    setPayloadJSON: value =>
      typeof value === 'string' || value instanceof String
        ? void host('setPayloadJson', String(value), false)
        : void host('setPayloadJson', JSON.stringify(value === undefined ? null : value), true),
    getPayloadText: () => host('payloadText'),
    getEnvelopeXML: () => host('envelopeXml'),
    getProperty: (name, scope) => read(host('property', text(name), text(scope))),
    setProperty: (name, value, scope) => void host('setProperty', text(name), write(value), text(scope)),
    removeProperty: (name, scope) => void host('removeProperty', text(name), text(scope)),
    getVariable: name => read(host('variable', text(name))),
    setVariable: (name, value) => void host('setVariable', text(name), write(value)),
    removeVariable: name => void host('removeVariable', text(name)),
    getTo: () => address('to'),
    setTo: value => void host('setAddress', 'to', text(value)),
    getFrom: () => address('from'),
    setFrom: value => void host('setAddress', 'from', text(value)),
    getReplyTo: () => address('replyTo'),
    setReplyTo: value => void host('setAddress', 'replyTo', text(value)),
    getFaultTo: () => address('faultTo'),
    setFaultTo: value => void host('setAddress', 'faultTo', text(value)),
    getWSAAction: () => host('address', 'action'),
    setWSAAction: value => void host('setAddress', 'action', text(value)),
    getSoapAction: () => host('address', 'action'),
    setSoapAction: value => void host('setAddress', 'action', text(value)),
    getMessageID: () => host('messageId'),
    setMessageID: value => void host('setAddress', 'messageId', text(value)),
    isResponse: () => host('isResponse'),
    setResponse: value => void host('setResponse', Boolean(value)),
    addHeader: (mustUnderstand, xml) => void host('addHeader', Boolean(mustUnderstand), text(xml)),
    getEntry: key => host('entry', text(key)),
    getServiceLog: () => serviceLog,
    getMc: () => self,
  }
  return Object.freeze(self)
})(host)
delete globalThis.host
`
