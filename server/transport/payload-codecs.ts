import { answerNeedsBody, prepareAnswer } from '../codecs/answer.ts'
import { requestFormat } from '../codecs/client-format.ts'
import { envelopeView } from '../codecs/envelope.ts'
import { faultReply, isFault } from '../codecs/fault.ts'
import { format, mustCollect } from '../codecs/payloads.ts'
import { readFault } from '../codecs/soap-version.ts'
import type { ByteSource, Message } from '../kernel/message.ts'
import type { TransportCodecs } from './codecs.ts'

/** What the listener needs to know about payloads, from the codecs. */
export const transportCodecs: TransportCodecs = {
  clientFormat: requestFormat,
  formatReply(message, client) {
    const finish = (): { contentType: string; fault: boolean } & ({ bytes: Uint8Array } | { stream: ByteSource }) => {
      prepareAnswer(client, message, false)
      const fault = isFault(message)
      const plain = client !== 'soap11' && client !== 'soap12'
      const { contentType = '', bytes, stream, rebuilt } = format(message, { plain })
      if (rebuilt) message.headers.delete('content-encoding')
      return stream === null ? { contentType, fault, bytes: bytes! } : { contentType, fault, stream }
    }
    const wait = answerNeedsBody(client, message) || mustCollect(message) ? message.body.collect() : undefined
    return wait ? wait.then(finish) : finish()
  },
  formatFault(client, { code, reason, byCaller }) {
    const message = faultReply(client, { code: byCaller ? 'Client' : 'Server', reason, detail: code })
    const { contentType = '', bytes } = format(message)
    return { contentType, bytes: bytes! }
  },
}

/** The reason of a message that is a SOAP fault; undefined for any other. Its body must have been collected. */
export function soapFaultReason(message: Message): string | undefined {
  const { fault } = message.body.view(envelopeView)
  return fault && readFault(fault).reason
}
