import { payloads } from '../codecs/payloads.ts'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import { transportCodecs } from '../transport/payload-codecs.ts'

/** A message as it would arrive; without a type it has no body. */
export function requestMessage(body: string, contentType: string, method: string): Message {
  return new Message({
    body: contentType === '' ? Body.empty() : Body.ofBytes(Buffer.from(body), contentType),
    headers: HeaderMap.of(contentType === '' ? {} : { 'Content-Type': contentType }),
    method,
    format: transportCodecs.clientFormat(method, contentType),
  })
}

/** What a message says, as text: the payload as it would be sent, without an envelope of our making. */
export async function bodyTextOf(message: Message): Promise<string> {
  await message.body.collect()
  const { bytes } = payloads.serialise(message)
  return Buffer.from(bytes).toString('utf8')
}
