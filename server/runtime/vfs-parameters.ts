/** `transport.vfs.…`: the same for proxies and inbound endpoints (synapse-language G.5). */
import { flag, int, oneOf, param, seconds, text, wholeRegex, type ConfigOf } from '../schema/index.ts'
import type { ElementSite } from '../schema/element-site.ts'
import type { ValueType } from '../schema/types.ts'

const FTP = 'Only files of this machine are read.'

export type VfsAction = 'DELETE' | 'MOVE' | 'NONE'

/** `DELETE`, `MOVE`, `NONE`, in any letter case. */
function action(): ValueType<VfsAction> {
  const base = oneOf('DELETE', 'MOVE', 'NONE')
  return { ...base, parse: (given, site) => base.parse(given.toUpperCase(), site) }
}

function anyCase<const T extends string>(...options: readonly T[]): ValueType<T> {
  const base = oneOf(...options)
  return {
    ...base,
    parse(given, site) {
      const found = options.find(option => option.toLowerCase() === given.trim().toLowerCase())
      return found === undefined ? base.parse(given, site) : { value: found }
    },
  }
}

export const vfsFields = {
  fileUri: param('transport.vfs.FileURI', text(), {
    doc: 'The folder, or the one file, as file:///…. With `/*` behind it, files of its subfolders are read, too.',
  }),
  pattern: param('transport.vfs.FileNamePattern', wholeRegex(), { doc: 'Names that are read; absent: all.' }),
  contentType: param('transport.vfs.ContentType', text(), {
    doc: 'What is in the files, with `;charset=…` if it is not UTF-8. Absent: by the ending of the name.',
  }),
  afterProcess: param('transport.vfs.ActionAfterProcess', action(), {
    fallback: 'DELETE',
    doc: 'What becomes of a file whose flow has ended well. NONE: it stays, and is read again only when it has changed.',
  }),
  moveAfterProcess: param('transport.vfs.MoveAfterProcess', text(), {
    doc: 'Folder for files whose flow has ended well. With `/*` behind it, files of subfolders go to subfolders of the same name.',
  }),
  afterFailure: param('transport.vfs.ActionAfterFailure', action(), {
    doc: 'What becomes of a file whose flow has failed. Absent, or NONE: it stays and is tried again, later and later.',
  }),
  moveAfterFailure: param('transport.vfs.MoveAfterFailure', text(), { doc: 'Folder for files whose flow has failed.' }),
  afterErrors: param('transport.vfs.ActionAfterErrors', action(), { doc: 'The same as ActionAfterFailure.' }),
  moveAfterErrors: param('transport.vfs.MoveAfterErrors', text(), { doc: 'The same as MoveAfterFailure.' }),
  moveStamp: param('transport.vfs.MoveTimestampFormat', text(), {
    doc: 'Put before the name of a file that is moved, as a Java date pattern such as yyyyMMddHHmmss.',
  }),
  subfolderStamp: param('transport.vfs.SubFolderTimestampFormat', text(), {
    doc: 'Put behind the name of the folder files are moved to, as a Java date pattern: with file:///done/ and yyyy-MM-dd each day has its own.',
  }),
  locking: param('transport.vfs.Locking', anyCase('enable', 'disable'), {
    fallback: 'enable',
    doc: 'Whether NAME.lock keeps other servers from a file that is being worked on.',
  }),
  batch: param('transport.vfs.FileProcessCount', int({ min: 1 }), { doc: 'Most files of one look.' }),
  pause: param('transport.vfs.FileProcessInterval', int({ min: 0 }), {
    fallback: 0,
    doc: 'Milliseconds between two files of one look.',
  }),
  sortBy: param('transport.vfs.FileSortAttribute', anyCase('NONE', 'Name', 'Size', 'Lastmodifiedtimestamp'), {
    fallback: 'NONE',
    doc: 'In which order files are read; NONE is by name, too.',
  }),
  sortAscending: param('transport.vfs.FileSortAscending', flag(), {
    fallback: true,
    doc: 'False: the other way round.',
  }),
  streaming: param('transport.vfs.Streaming', flag(), {
    doc: 'Whether large files are streamed.',
    ignored: 'Every file is: what no mediator looks into never stands in memory.',
  }),
  minimumAge: param('transport.vfs.MinimumAge', seconds(), { fallback: 0, doc: 'Seconds a file has to rest first.' }),
  maximumAge: param('transport.vfs.MaximumAge', seconds(), { doc: 'Older files are left alone.' }),
  sizeLimit: param('transport.vfs.FileSizeLimit', int(), {
    fallback: -1,
    doc: 'Larger files are left alone, with a warning; -1: none is too large.',
  }),
  createFolder: param('transport.vfs.CreateFolder', flag(), {
    fallback: false,
    doc: 'Makes the folder if it is not there.',
  }),
  replyUri: param('transport.vfs.ReplyFileURI', text(), {
    doc: 'Where the answer of the flow is written, if it gives one.',
  }),
  replyName: param('transport.vfs.ReplyFileName', text(), {
    doc: 'Its name, where the message has no transport header of that name. Else `response.xml`.',
  }),
  retries: param('transport.vfs.MaxRetryCount', int(), { doc: 'Tries to connect.', ignored: FTP }),
  reconnect: param('transport.vfs.ReconnectTimeout', int(), { doc: 'Seconds between them.', ignored: FTP }),
  autoLock: param('transport.vfs.AutoLockRelease', flag(), {
    doc: 'Whether old locks are removed.',
    ignored: 'A lock this server has left behind is recognised and taken over.',
  }),
  autoLockInterval: param('transport.vfs.AutoLockReleaseInterval', int(), {
    doc: 'When they are old.',
    ignored: 'A lock this server has left behind is recognised and taken over.',
  }),
  autoLockNode: param('transport.vfs.LockReleaseSameNode', flag(), {
    doc: 'Whose.',
    ignored: 'A lock this server has left behind is recognised and taken over.',
  }),
  distributedLock: param('transport.vfs.DistributedLock', flag(), {
    doc: 'Locks over a cluster.',
    ignored: 'Files beside the files are the locks.',
  }),
}

export type VfsConfig = ConfigOf<typeof vfsFields>

/** Rules across the parameters. */
export function checkVfs(config: VfsConfig, site: ElementSite): void {
  const at = (name: string): number => site.parameter(`transport.vfs.${name}`)?.offset ?? site.element.offset
  const { fileUri, afterProcess, moveAfterProcess, afterFailure, moveAfterFailure, afterErrors, moveAfterErrors } =
    config
  if (fileUri === undefined) {
    site.missing('parameter "transport.vfs.FileURI"', 'the folder to read, as file:///…')
  } else if (REMOTE.test(fileUri)) {
    site.error(
      'not-supported',
      `files can be read from this machine only, not over ${REMOTE.exec(fileUri)![1]!.toLowerCase()}`,
      at('FileURI'),
      'Mount the remote folder on this machine and name it as file:///…, or let a job of the operating system fetch the files.',
    )
  }
  const folder = (action: string | undefined, name: string, place: string | undefined): void => {
    if (action !== 'MOVE' || place !== undefined) return
    site.error(
      'missing',
      `to MOVE a file there has to be a folder: parameter "transport.vfs.${name}"`,
      site.element.offset,
      'Add it as file:///….',
    )
  }
  folder(afterProcess, 'MoveAfterProcess', moveAfterProcess)
  const read = withSubfolders(fileUri ?? '')
  for (const [name, place] of [
    ['MoveAfterProcess', moveAfterProcess],
    ['MoveAfterFailure', moveAfterFailure],
    ['MoveAfterErrors', moveAfterErrors],
  ] as const) {
    if (!read.subfolders || place === undefined || !isBelow(withSubfolders(place).uri, read.uri)) continue
    site.error(
      'invalid-value',
      `files would be moved to a subfolder of the folder they are read from, and be read again`,
      at(name),
      'Name a folder outside of it.',
    )
  }
  folder(afterFailure ?? afterErrors, 'MoveAfterFailure', moveAfterFailure ?? moveAfterErrors)
}

/** An address that ends in `/*` means subfolders, too. */
export function withSubfolders(uri: string): { readonly uri: string; readonly subfolders: boolean } {
  const [, folder, query = ''] = /^([^?]*)[/\\]\*(\?.*)?$/s.exec(uri.trim()) ?? []
  return folder === undefined
    ? { uri, subfolders: false }
    : { uri: `${folder === '' ? '/' : folder}${query}`, subfolders: true }
}

function isBelow(place: string, folder: string): boolean {
  const plain = (uri: string): string =>
    `${uri
      .replace(/^(?:vfs:)?(?:file:)?\/*/i, '')
      .replace(/\?.*$/s, '')
      .replace(/\/+$/, '')}/`
  return plain(place).startsWith(plain(folder))
}

const REMOTE = /^(?:vfs:)?(ftps?|sftp|smb2?|cifs|https?|webdavs?):/i
