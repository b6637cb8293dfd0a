import { access, constants, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { IntegrationError, systemCode, textOf } from '../kernel/errors.ts'

/** Makes the folders of a home that are not there yet. Rejects with `HOME_UNUSABLE`, saying why. */
export async function openHome(home: string): Promise<void> {
  for (const folder of ['registry/config', 'registry/governance', 'data', 'deploy']) {
    const path = join(home, folder)
    try {
      await mkdir(path, { recursive: true })
    } catch (thrown) {
      const why = (await whyUnusable(home)) ?? systemCode(thrown) ?? textOf(thrown)
      throw new IntegrationError(
        'HOME_UNUSABLE',
        `the folder ${path} cannot be made (${why}): correct the rights of ${home}, or choose another place with --home`,
        { cause: thrown },
      )
    }
  }
}

/** On a read-only disk Node says of a folder that cannot be made that there is no such folder (ENOENT). */
async function whyUnusable(home: string): Promise<string | undefined> {
  const denied = await access(home, constants.W_OK).catch((thrown: unknown) => thrown)
  const code = systemCode(denied)
  return code === 'EROFS' ? 'the disk is read-only, EROFS' : code === 'ENOENT' ? undefined : code
}
