import type { Format, Message } from '../kernel/message.ts'
import { formatOf } from './client-format.ts'
import { parseContentType } from './content-type.ts'
import { format } from './payloads.ts'

/** What a source of files needs to know about payloads. */
export const fileFormats = {
  formatOf: (contentType: string): Format => formatOf(parseContentType(contentType)),
  /** The content of an answer, as it would be sent. */
  async write(message: Message): Promise<Uint8Array> {
    await message.body.collect()
    return format(message).bytes ?? new Uint8Array(0)
  },
}
