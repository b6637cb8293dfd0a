import type { ServerResponse } from 'node:http'
import type { Call } from './call.ts'
import type { Fault } from './faults.ts'
import type { HttpReply } from './reply.ts'
import { renderFault } from './reply.ts'

/** Whether the fault spoils the answer; a delay alone, or one that was switched off, does not. */
export function isHarmful(fault: Fault): boolean {
  return fault.status !== undefined || [fault.reset, fault.half, fault.hang, fault.garbage].includes(true)
}

/** Does to the connection what the fault says. `reply` is what the service would have answered; the result is sent instead. */
export function misbehave(fault: Fault, call: Call, reply: HttpReply, response: ServerResponse): HttpReply | undefined {
  const socket = response.socket
  if (!socket || fault.hang) return undefined
  if (fault.reset) {
    socket.resetAndDestroy()
    return undefined
  }
  if (fault.garbage) {
    socket.end('What is HTTP?\r\n\r\n')
    return undefined
  }
  if (fault.half) {
    const body = Buffer.from(reply.body === '' ? 'half of this body never comes' : reply.body)
    response.writeHead(reply.status, {
      'Content-Type': reply.type || 'text/plain; charset=UTF-8',
      'Content-Length': body.length,
    })
    response.write(body.subarray(0, body.length >> 1), () => socket.destroy())
    return undefined
  }
  const status = fault.status!
  if (status < 400) return { status, type: '', body: '' }
  return renderFault({ by: 'receiver', reason: `Fault on demand: HTTP ${status}` }, call, status)
}
