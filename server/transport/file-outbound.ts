import { format, mustCollect } from '../codecs/payloads.ts'
import type { Files } from '../drivers/files/contracts.ts'
import type { HttpSender } from '../schema/services.ts'
import { reformat } from './outbound.ts'

const NAME = 'transport.vfs.ReplyFileName'

/**
 * Writes messages to files (`vfs:file:///…`). Resolves once the file is on the disk, with nothing: a file does not answer.
 * The name is that of the transport header, else of the address; the address may be a file itself.
 */
export function fileSender(files: Files): HttpSender {
  return {
    async send(request, target, ctx) {
      const { parameters } = files.locate(target.url)
      if (target.format !== undefined && target.format !== 'get') await reformat(request, target, ctx)
      if (mustCollect(request)) await request.body.collect()
      const outgoing = format(request, { method: 'POST' })
      request.addressing.to = target.url
      const header = request.headers.get(NAME)
      await files.write(
        {
          address: target.url,
          name: header !== undefined && header !== '' ? header : parameters.get(NAME),
          append: parameters.get('transport.vfs.Append')?.toLowerCase() === 'true',
        },
        outgoing.stream ?? outgoing.bytes ?? new Uint8Array(0),
      )
      ctx.exchange.expectNothing()
      return null
    },
  }
}
