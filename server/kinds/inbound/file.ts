import { fileFormats } from '../../codecs/file-formats.ts'
import { formatDate } from '../../expr/date-format.ts'
import { FileSource } from '../../runtime/file-source.ts'
import { checkVfs, vfsFields } from '../../runtime/vfs-parameters.ts'
import { defineInbound, flag, milliseconds, param } from '../../schema/index.ts'

const ONE_SERVER = 'One server reads a folder; locks keep others away.'

export default defineInbound({
  name: 'file',
  classes: ['file'],
  summary: 'Reads files of a folder of this machine, each as a message.',
  details: `
    A file is read once it has not changed for a second, one after the other, by name unless said otherwise. It stays until
    its flow has ended and is then deleted or moved: a crash in between hands it over again, and loses nothing. A file
    whose flow has failed (a fault that nothing has answered, or SET_ROLLBACK_ONLY) goes where ActionAfterFailure
    says; without one it stays and is tried again after 30 s, a minute, and so on up to an hour. Names that begin with a dot are left
    alone: write under such a name and rename. Bodies are streamed. The name, path, address, length and time of the file are the
    transport headers FILE_NAME, FILE_PATH, FILE_URI, FILE_LENGTH and LAST_MODIFIED; where subfolders are read, RELATIVE_PATH is the one the file is in, such as \`/a/b\`. Only HOME/files and the folders of the
    setting \`files.folders\` may be read; ftp, sftp and smb are not offered: mount such a folder.`,
  fields: {
    ...vfsFields,
    interval: param('interval', milliseconds({ min: 1 }), { fallback: 1000, doc: 'Milliseconds between two looks.' }),
    sequential: param('sequential', flag(), {
      doc: 'One file after the other.',
      ignored: 'It is always so: a file has to come to its end before it is taken away.',
    }),
    coordination: param('coordination', flag(), { doc: 'One server of a cluster reads.', ignored: ONE_SERVER }),
  },
  examples: [
    {
      title: 'Orders from a folder',
      xml: `<inboundEndpoint name="orders" protocol="file" sequence="takeOrder" onError="fault">
  <parameters>
    <parameter name="interval">1000</parameter>
    <parameter name="transport.vfs.FileURI">file:files/in</parameter>
    <parameter name="transport.vfs.ContentType">application/xml</parameter>
    <parameter name="transport.vfs.FileNamePattern">.*\\.xml</parameter>
    <parameter name="transport.vfs.ActionAfterProcess">MOVE</parameter>
    <parameter name="transport.vfs.MoveAfterProcess">file:files/done</parameter>
    <parameter name="transport.vfs.ActionAfterFailure">MOVE</parameter>
    <parameter name="transport.vfs.MoveAfterFailure">file:files/failed</parameter>
  </parameters>
</inboundEndpoint>`,
    },
  ],
  check: (config, site) => checkVfs(config, site),
  create: (config, { name, sequence, onError, services, log }) =>
    new FileSource({
      origin: { label: `inboundendpoint:${name}`, kind: 'inbound', name },
      entrance: sequence ? { kind: 'sequence', ref: sequence, onError } : { kind: 'main', onError },
      config,
      intervalMs: config.interval,
      services,
      log,
      formatDate,
      ...fileFormats,
    }),
})
