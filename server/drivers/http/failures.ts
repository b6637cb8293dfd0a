import errors from 'undici/lib/core/errors.js'
import { IntegrationError, systemCode, textOf } from '../../kernel/errors.ts'

/** How far an exchange had come when it broke. */
export type Phase = 'connecting' | 'waiting' | 'receiving'

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; start it or correct the address',
  ENOTFOUND: 'the host name is not known; correct the address or the name service',
  EAI_AGAIN: 'the name service does not answer; try again or check the network',
  EHOSTUNREACH: 'there is no route to the host; check address and network',
  ENETUNREACH: 'there is no route to the network; check address and network',
  EADDRNOTAVAIL: 'no local port is free for another connection; lower the load or the number of connections',
  EMFILE: 'this process has no file descriptor left; raise the limit (ulimit -n)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name; use that name in the address',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is self-signed; add it to the trusted certificates (endpoint.trusted_certificates)',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate was issued by nobody we trust; add the issuer to endpoint.trusted_certificates',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate was issued by nobody we trust; add the issuer to endpoint.trusted_certificates',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate was issued by nobody we trust; add the issuer to endpoint.trusted_certificates',
  CERT_HAS_EXPIRED: 'its certificate has expired; it has to be renewed there',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; check the clocks of both machines',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on that port; use http: or the TLS port',
  EPROTO: 'TLS could not be agreed on; check that the port speaks TLS and which versions it takes',
}

/** Turns whatever the client library reported into the catalogue's words, with the address and what to do. */
export function exchangeFailure(thrown: unknown, address: string, phase: Phase): IntegrationError {
  if (thrown instanceof IntegrationError) return thrown
  const code = systemCode(thrown) ?? ''
  const details = { cause: thrown, ambiguous: phase !== 'connecting' }
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || (code === 'ETIMEDOUT' && phase === 'connecting')) {
    return new IntegrationError(
      'CONNECT_TIMEOUT',
      `${address} did not accept the connection in time; check that it runs and that no firewall drops packets`,
      details,
    )
  }
  const unreachable = UNREACHABLE[code]
  if (unreachable !== undefined && phase === 'connecting') {
    return new IntegrationError('CONNECT_FAILED', `cannot connect to ${address}: ${unreachable} (${code})`, details)
  }
  if (isViolation(thrown) || code === 'UND_ERR_HEADERS_OVERFLOW') {
    const why = code === 'UND_ERR_HEADERS_OVERFLOW' ? 'its headers are larger than 16 kB' : textOf(thrown)
    return new IntegrationError('HTTP_VIOLATION', `${address} answered something that is not HTTP: ${why}`, details)
  }
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    const text = `the request to ${address} cannot be written as HTTP: ${textOf(thrown)}; check the headers and address the flow sets`
    return new IntegrationError('SEND_FAILED', text, { ...details, retryable: false })
  }
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') {
    return new IntegrationError(
      'SEND_FAILED',
      `the request to ${address} was cut off because the server is stopping`,
      details,
    )
  }
  if (phase === 'connecting') {
    return new IntegrationError(
      'CONNECT_FAILED',
      `cannot connect to ${address}: ${textOf(thrown)}; check its address and that it runs`,
      details,
    )
  }
  if (phase === 'receiving') {
    return new IntegrationError(
      'RECEIVE_FAILED',
      `the connection to ${address} broke in the middle of its reply: ${textOf(thrown)}; look into the log of the back end`,
      details,
    )
  }
  return new IntegrationError(
    'CONNECTION_CLOSED',
    `${address} closed the connection before it answered: ${textOf(thrown)}; it may or may not have taken the request`,
    details,
  )
}

/** An end in the middle of a reply is reported by the parser, too, but it is the connection that broke. */
function isViolation(thrown: unknown): boolean {
  return thrown instanceof errors.HTTPParserError && !thrown.message.includes('EOF')
}
