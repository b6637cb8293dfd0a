import { IntegrationError } from '../../kernel/errors.ts'
import type { Throwable } from './commands.ts'

/** The broker has answered, with an exception of Java. */
export class BrokerException extends IntegrationError {
  readonly className: string
  readonly said: string

  constructor(place: string, { className, message }: Throwable) {
    const [, name = className] = /([^.$]*)$/.exec(className)!
    const said = message === '' ? name : `${message} (${name})`
    super(isAbout(name, 'Security') ? 'BROKER_REFUSED' : 'STORE_UNAVAILABLE', `the broker at ${place} refused: ${said}`)
    this.className = name
    this.said = said
  }

  /** By the end of the class name: `javax.jms` and `jakarta.jms` both occur. */
  is(part: string): boolean {
    return isAbout(this.className, part)
  }
}

function isAbout(className: string, part: string): boolean {
  return className.includes(part)
}
