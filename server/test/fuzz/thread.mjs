// A thread does not inherit the loader that reads TypeScript: it gets one of its own.
import { register } from 'tsx/esm/api'

register()
await import('./worker.ts')
