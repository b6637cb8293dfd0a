import { randomUUID } from 'node:crypto'
import { link, mkdir, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { systemCode } from '../../kernel/errors.ts'
import type { Content } from './contracts.ts'

/** Begins with a dot and ends in this while a file is being written: nobody takes it for the file. */
const UNFINISHED = '.part'

/** Readers see the whole file or none: it is written beside its place, brought to the disk, and renamed. */
export async function writeWhole(path: string, content: Content): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const unfinished = join(dirname(path), `.${basename(path)}.${randomUUID().slice(0, 8)}${UNFINISHED}`)
  try {
    await pour(content, unfinished, 'wx')
    await rename(unfinished, path)
    await syncFolder(dirname(path))
  } catch (thrown) {
    // What failed first is told; often this file was never made.
    await unlink(unfinished).catch(() => undefined)
    throw thrown
  }
}

/** At the end of what is there. All of it in one write where it is in memory, so that writers do not interleave. */
export async function append(path: string, content: Content): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await pour(content, path, 'a')
}

async function pour(content: Content, path: string, flags: string): Promise<void> {
  const file = await open(path, flags)
  try {
    for await (const chunk of content instanceof Uint8Array ? [content] : content) await all(file, chunk)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function all(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, done)
    done += bytesWritten
  }
}

/** Where a file goes without taking the place of another: `a.xml`, `a-1.xml`, `a-2.xml`… Resolves with the path it got. */
export async function moveBeside(from: string, folder: string, name: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const end = extname(name)
  const stem = name.slice(0, name.length - end.length)
  for (let number = 0; ; number++) {
    const path = join(folder, number === 0 ? name : `${stem}-${number}${end}`)
    try {
      await link(from, path)
    } catch (thrown) {
      const code = systemCode(thrown)
      if (code === 'EEXIST') continue
      if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP') throw thrown
      // Another disk, or one without links: copied, then taken away.
      if (!(await copyTo(from, path))) continue
    }
    await syncFolder(folder)
    await unlink(from)
    return path
  }
}

/** False if there is such a file already. */
async function copyTo(from: string, path: string): Promise<boolean> {
  const source = await open(from, 'r')
  try {
    const claim = await open(path, 'wx').catch((thrown: unknown) => {
      if (systemCode(thrown) === 'EEXIST') return null
      throw thrown
    })
    if (!claim) return false
    await claim.close()
    await writeWhole(path, source.createReadStream({ autoClose: false }))
    return true
  } finally {
    await source.close()
  }
}

/** So that the name is there after a power failure, too. Not every file system can. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (thrown) {
    const code = systemCode(thrown)
    if (code !== 'EINVAL' && code !== 'EISDIR' && code !== 'EPERM' && code !== 'ENOTSUP') throw thrown
  }
}
