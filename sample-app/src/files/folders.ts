import { readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { BadRequestException, Injectable } from '@nestjs/common';
import { Settings } from '../settings.js';

export interface FolderListing {
  /** Relative to the root, with forward slashes, sorted. */
  files: string[];
  /** There were more: `files` ends at `Settings.maxFiles`. */
  truncated: boolean;
}

/** Large, or of no interest, below the folder that was asked for. */
const SKIPPED = new Set(['node_modules', '.git']);
const DEEPEST = 32;

/** The only way to the file system: nothing outside the root is looked at. */
@Injectable()
export class Folders {
  constructor(private readonly settings: Settings) {}

  /**
   * @returns the folder relative to the root, in one spelling: it becomes part of a report's id
   * @throws BadRequestException
   */
  async check(path: string): Promise<string> {
    const folder = await this.locate(path).catch((error: NodeJS.ErrnoException) => {
      if (error instanceof OutsideError) throw new BadRequestException(error.message);
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
        throw new BadRequestException(`"${path}" does not exist.`);
      throw new BadRequestException(`"${path}" cannot be read (${error.code ?? error.message}).`);
    });
    if (!(await stat(folder)).isDirectory()) throw new BadRequestException(`"${path}" is not a folder.`);
    return this.nameOf(folder) || '.';
  }

  /** The files of the folders and of all folders inside them; symbolic links are not followed. */
  async list(paths: readonly string[]): Promise<FolderListing> {
    const files = new Set<string>();
    for (const path of paths) {
      for await (const file of this.walk(await this.locate(path), 0)) {
        if (files.size >= this.settings.maxFiles) return { files: [...files], truncated: true };
        files.add(file);
      }
    }
    return { files: [...files], truncated: false };
  }

  /**
   * The real place of a path of the root.
   * @throws OutsideError
   */
  async locate(path: string): Promise<string> {
    if (path.includes('\0')) throw new OutsideError('A path cannot hold a NUL character.');
    const place = resolve(this.settings.root, path);
    // Before the file system is asked, so that nobody learns what exists outside; and again behind symbolic links.
    if (!isInside(this.settings.root, place)) throw new OutsideError(outside(path));
    const real = await realpath(place);
    if (!isInside(await realpath(this.settings.root), real)) throw new OutsideError(outside(path));
    return place;
  }

  private async *walk(folder: string, depth: number): AsyncGenerator<string> {
    if (depth > DEEPEST) return;
    const entries = await readdir(folder, { withFileTypes: true });
    // The same order every time: a report that is taken up again finds the same files.
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const place = join(folder, entry.name);
      if (entry.isFile()) yield this.nameOf(place);
      else if (entry.isDirectory() && !SKIPPED.has(entry.name)) yield* this.walk(place, depth + 1);
    }
  }

  private nameOf(place: string): string {
    return relative(this.settings.root, place).replaceAll(sep, '/');
  }
}

export class OutsideError extends Error {
  override readonly name = 'OutsideError';
}

function outside(path: string): string {
  return `"${path}" lies outside the folder that this app may read.`;
}

function isInside(root: string, place: string): boolean {
  const way = relative(root, place);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
