import type { Command } from './command.ts'

/** Every command by name. Each is loaded only when it is called, so that none pays for another at start. */
export const commands: Readonly<Record<string, () => Promise<{ default: Command }>>> = {
  backend: () => import('./backend.ts'),
  broker: () => import('./broker.ts'),
  check: () => import('./check.ts'),
  import: () => import('./import.ts'),
  run: () => import('./run.ts'),
  start: () => import('./start.ts'),
  stockquote: () => import('./stockquote.ts'),
  test: () => import('./test.ts'),
}
