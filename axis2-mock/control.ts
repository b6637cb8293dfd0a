/** `/_seen` and `/_control`: what arrived, and what is to go wrong, while the back end runs. */
import { textOf } from '../server/kernel/errors.ts'
import type { Fault, Faults } from './faults.ts'
import { readFault } from './faults.ts'
import type { HttpReply } from './reply.ts'
import type { Seen } from './seen.ts'

export interface Controlled {
  readonly seen: Seen
  readonly faults: Faults
  readonly orders: number
}

const USAGE = `GET    /_seen?last=20       what arrived, as JSON
DELETE /_seen               forgets it
GET    /_control            the faults in force
POST   /_control?status=503&times=3   or a JSON fault, or a list of them
DELETE /_control            no more faults
`

export function answerControl(method: string, url: URL, body: Buffer, backend: Controlled): HttpReply {
  const { seen, faults } = backend
  switch (`${method} ${url.pathname}`) {
    case 'GET /_seen': {
      const last = Number(url.searchParams.get('last') ?? 20)
      return json(200, { orders: backend.orders, ...seen.report(Number.isSafeInteger(last) && last >= 0 ? last : 20) })
    }
    case 'DELETE /_seen':
      seen.clear()
      return json(200, { cleared: true })
    case 'GET /_control':
      return json(200, { faults: faults.armed, refused: faults.refused })
    case 'DELETE /_control':
      faults.clear()
      return json(200, { faults: faults.armed })
    case 'POST /_control': {
      const wanted = readFaults(url, body)
      if (typeof wanted === 'string') return json(400, { error: wanted })
      for (const fault of wanted) faults.arm(fault)
      return json(200, { faults: faults.armed })
    }
    default:
      return { status: 404, type: 'text/plain; charset=UTF-8', body: USAGE }
  }
}

function readFaults(url: URL, body: Buffer): readonly Fault[] | string {
  let fields: (readonly (readonly [string, unknown])[])[]
  if (body.length === 0) {
    fields = [[...url.searchParams]]
  } else {
    try {
      const value: unknown = JSON.parse(body.toString('utf8'))
      fields = (Array.isArray(value) ? value : [value]).map(item => Object.entries(item as object))
    } catch (thrown) {
      return `The body must be a fault, or a list of faults, as JSON: ${textOf(thrown)}`
    }
  }
  const read = fields.map(readFault)
  return read.find(fault => typeof fault === 'string') ?? (read as Fault[])
}

function json(status: number, value: unknown): HttpReply {
  return { status, type: 'application/json; charset=UTF-8', body: `${JSON.stringify(value, null, 2)}\n` }
}
