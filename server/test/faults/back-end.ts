/** Faults between the server and a back end: what is forwarded is kept and tried again, what is passed through gets a fault. */
import { startFaultProxy, type FaultProxy } from '../../testing/fault-proxy.ts'
import { journalArtifacts, PASS, serviceAt, STORE } from './artifacts.ts'
import { reasonIn } from './disk.ts'
import type { Fault } from './play.ts'
import { Stand, type Say } from './stand.ts'

export const QUOTE =
  '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><m:getQuote xmlns:m="http://services.samples">' +
  '<m:request><m:symbol>IBM</m:symbol></m:request></m:getQuote></soapenv:Body></soapenv:Envelope>'
const AS_QUOTE = { soapaction: '"urn:getQuote"' }

async function withProxy(play: (stand: Stand, proxy: FaultProxy) => Promise<void>): Promise<void> {
  // The back end's port is known before the proxy in front of it.
  await using proxy = await startFaultProxy({ targetPort: 0 })
  await using stand = await Stand.open({
    artifacts(backend) {
      proxy.retarget(backend)
      return journalArtifacts(serviceAt(`http://127.0.0.1:${proxy.port}`))
    },
    path: STORE,
  })
  await play(stand, proxy)
  await stand.stop()
}

export async function passes(stand: Stand): Promise<void> {
  await stand.until('requests pass again', async () => {
    const { status } = await stand.post(PASS, QUOTE, 5_000, AS_QUOTE)
    return status === 200 ? true : undefined
  })
}

/** While it is broken: stored orders are accepted and wait, with the reason; a caller who waits gets a fault in time. */
export async function brokenAndHealed(
  stand: Stand,
  say: Say,
  reason: RegExp,
  break_: () => Promise<void> | void,
  heal: () => Promise<void> | void,
): Promise<void> {
  await passes(stand)
  await stand.accepted(20, 500)
  await stand.delivered()
  await break_()
  await stand.accepted(20, 500)
  const fault = await stand.post(PASS, QUOTE, 20_000, AS_QUOTE)
  say('client', `stored: 202; passed through: ${fault.status} after ${fault.ms} ms: ${reasonIn(fault.text)}`)
  if (fault.status === undefined || fault.status < 400) throw stand.failure('that is no fault')
  const waiting = await stand.until('the health check says why it waits', async () => {
    const processor = await stand.processor('forward')
    return reason.test(processor.reason ?? '') ? processor : undefined
  })
  say('health', `processor ${waiting.name} ${waiting.observed} after ${waiting.attempts} attempts: ${waiting.reason}`)
  say('log', await stand.logged(/(WARN|ERROR).*forward/))
  say('api', `message-stores: ${JSON.stringify(await stand.api.depths())}`)
  await heal()
  await passes(stand)
  say('healed', `requests pass again; ${await stand.settle({ repeats: true })}`)
}

function between(
  name: string,
  reason: RegExp,
  break_: (proxy: FaultProxy) => void | Promise<void>,
  heal: (proxy: FaultProxy) => void | Promise<void> = proxy => proxy.forward(),
): Fault {
  return {
    name: `back end: ${name}`,
    play: say =>
      withProxy((stand, proxy) =>
        brokenAndHealed(
          stand,
          say,
          reason,
          () => break_(proxy),
          () => heal(proxy),
        ),
      ),
  }
}

const cut: Fault = {
  name: 'back end: connections are cut in the middle of requests and answers',
  play: say =>
    withProxy(async (stand, proxy) => {
      for (let times = 0; times < 12; times++) {
        const placed = stand.accepted(10, 2_000)
        proxy.cutAfter(40 + times * 333, times % 2 === 0 ? 'up' : 'down')
        await placed
      }
      proxy.cut()
      say('client', '120 orders: all 202')
      await passes(stand)
      say('healed', await stand.settle({ repeats: true }))
    }),
}

const refuses: Fault = {
  name: 'back end: it refuses the login (401) for a while',
  play: say =>
    withProxy(stand =>
      brokenAndHealed(
        stand,
        say,
        /401/,
        () => stand.backend.faults.arm({ status: 401 }),
        () => stand.backend.faults.clear(),
      ),
    ),
}

const garbage: Fault = {
  name: 'back end: answers what is not HTTP',
  play: say =>
    withProxy(stand =>
      brokenAndHealed(
        stand,
        say,
        /HTTP/,
        () => stand.backend.faults.arm({ garbage: true }),
        () => stand.backend.faults.clear(),
      ),
    ),
}

export const backEndFaults: readonly Fault[] = [
  between(
    'nobody listens',
    /refused|ECONNREFUSED|connect/i,
    async proxy => {
      await proxy.refuse()
      proxy.cut()
    },
    proxy => proxy.accept(),
  ),
  between('stalls', /not answer|within|timed? ?out/i, proxy => proxy.stall()),
  between('swallows its answers', /not answer|within|timed? ?out/i, proxy => proxy.swallow('down')),
  between('half-open: it is gone and nobody is told', /not answer|within|timed? ?out|closed/i, proxy => {
    proxy.halfOpen()
    proxy.stall('down')
    proxy.cut('server')
  }),
  cut,
  refuses,
  garbage,
]
