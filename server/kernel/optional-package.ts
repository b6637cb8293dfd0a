import { IntegrationError, systemCode } from './errors.ts'

/** Loads a package that is installed only where its feature is wanted; `load` is the import itself. */
export async function optionalPackage<T>(name: string, feature: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    const code = systemCode(cause)
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw cause
    throw new IntegrationError(
      'PACKAGE_MISSING',
      `${feature} needs the package ${name}, which is not installed; run npm install ${name} where Holdfast is installed`,
      { cause },
    )
  }
}
