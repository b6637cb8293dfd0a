import type { ServerResponse } from 'node:http'
import http from 'node:http'
import https from 'node:https'
import { textOf } from '../server/kernel/errors.ts'
import type { HttpReply } from './reply.ts'

export function send(response: ServerResponse, reply: HttpReply): void {
  if (reply.body === '') {
    response.writeHead(reply.status, { ...reply.headers, 'Content-Length': 0 })
    response.end()
    return
  }
  // Without a length, as the original answers: chunked to HTTP/1.1, until the close to HTTP/1.0.
  response.writeHead(reply.status, { ...reply.headers, 'Content-Type': reply.type })
  response.end(reply.body)
}

/** The second channel of a dual-channel exchange: the reply goes to the `wsa:ReplyTo` of the request. */
export function postReply(
  url: string,
  reply: HttpReply,
  operation: string,
  signal: AbortSignal,
  failed: (why: string) => void,
): void {
  try {
    const headers = { 'Content-Type': reply.type, SOAPAction: `"urn:${operation}Response"` }
    const client = url.startsWith('https:') ? https : http
    const request = client.request(url, { method: 'POST', headers, signal }, answer => answer.resume())
    request.on('error', error => failed(error.message))
    request.end(reply.body)
  } catch (thrown) {
    failed(textOf(thrown))
  }
}
