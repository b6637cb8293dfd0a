// The parts of undici this server uses, imported one by one: the whole of it would add a sixth to the start time and
// memory (fetch, caches, web sockets). undici has no export map, and its version is pinned.
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici'
  export default Pool
}
declare module 'undici/lib/core/connect.js' {
  import { buildConnector } from 'undici'
  export default buildConnector
}
declare module 'undici/lib/core/errors.js' {
  import { errors } from 'undici'
  export default errors
}
