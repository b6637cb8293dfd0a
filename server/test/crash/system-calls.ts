/** Reads what `strace -f -yy` wrote about a server, and asks of it whether an answer came before what it promised. */

export interface SystemCall {
  readonly name: string
  /** What the descriptor is: a path, or the addresses of a connection. */
  readonly target: string
  /** The first bytes written, as the tracer prints them. */
  readonly data: string
  readonly result: number
  /** Lines of the trace at which it was entered and left. */
  readonly entered: number
  readonly left: number
}

const WHOLE = /^(\d+) +(\w+)\((.*)\) += +(-?\d+)/
const ENTERED = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/
const LEFT = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += +(-?\d+)/
const TARGET = /^\d+<(.*?)>(?:, |$)/
const DATA = /"((?:[^"\\]|\\.)*)"/

export function readTrace(text: string): SystemCall[] {
  const calls: SystemCall[] = []
  const open = new Map<string, { entered: number; args: string }>()
  for (const [line, said] of text.split('\n').entries()) {
    const whole = WHOLE.exec(said)
    if (whole) {
      calls.push(call(whole[2]!, whole[3]!, whole[4]!, line, line))
      continue
    }
    const entered = ENTERED.exec(said)
    if (entered) open.set(`${entered[1]} ${entered[2]}`, { entered: line, args: entered[3]! })
    const left = LEFT.exec(said)
    const begun = left && open.get(`${left[1]} ${left[2]}`)
    if (left && begun) calls.push(call(left[2]!, begun.args + left[3]!, left[4]!, begun.entered, line))
  }
  return calls
}

function call(name: string, args: string, result: string, entered: number, left: number): SystemCall {
  const target = TARGET.exec(args)?.[1] ?? ''
  const data = [...args.matchAll(new RegExp(DATA, 'g'))].map(([, text]) => text).join('')
  return { name, target, data, result: Number(result), entered, left }
}

/** An order and the connection its 202 came on. */
export interface Answered {
  readonly id: string
  readonly localPort: number
}

/**
 * Orders, in the order in which they were sent, whose 202 was written before a sync of the journal that began after
 * their record was written had returned. Empty: every promise was on the device when it was given.
 */
export function promisedTooEarly(calls: readonly SystemCall[], orders: readonly Answered[]): string[] {
  const journal = calls.filter(({ target }) => target.endsWith('.log') && target.includes('/data/'))
  const records = journal.filter(({ name, result }) => /write/.test(name) && result > 0)
  const syncs = journal.filter(({ name, result }) => name === 'fdatasync' && result === 0)
  const answers = calls.filter(({ data }) => data.startsWith('HTTP/1.1 202 '))
  const answered = new Map<number, number>()
  const early: string[] = []
  for (const { id, localPort } of orders) {
    const turn = answered.get(localPort) ?? 0
    answered.set(localPort, turn + 1)
    const ofClient = answers.filter(({ target }) => target.endsWith(`:${localPort}]`))
    const record = records.find(({ data }) => data.includes(`order ${id} `))
    const sync = record && syncs.find(({ target, entered }) => target === record.target && entered > record.left)
    const answer = ofClient[turn]
    if (!sync || !answer || answer.entered < sync.left) early.push(id)
  }
  return early
}
