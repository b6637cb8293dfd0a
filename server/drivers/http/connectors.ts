import type { buildConnector } from 'undici'

/**
 * Wraps a connector so that what goes out says HTTP/1.0, which the client library cannot be told. The request line is
 * in the first text written on a connection, and such a connection carries one request only.
 */
export function http10(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...[error, socket]: Parameters<buildConnector.Callback>) => {
      if (error) {
        callback(error, null)
        return
      }
      const write = socket.write.bind(socket) as (chunk: unknown, ...rest: unknown[]) => boolean
      socket.write = (chunk: unknown, ...rest: unknown[]): boolean => {
        Reflect.deleteProperty(socket, 'write')
        return write(typeof chunk === 'string' ? chunk.replace(' HTTP/1.1\r\n', ' HTTP/1.0\r\n') : chunk, ...rest)
      }
      callback(null, socket)
    })
}
