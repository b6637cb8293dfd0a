/** Why a server cannot be had on this machine: a reason to skip, never a reason to pass. */
export class Missing extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'Missing'
  }
}
