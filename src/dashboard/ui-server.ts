import { createHash } from 'node:crypto';
import { NotFoundException } from '@nestjs/common';
import { assetHeaders, MESSAGE_HEADERS, PAGE_HEADERS } from './answer-headers.js';
import type { Exchange } from './exchange.js';
import { readUiFiles, type UiFiles } from './ui-files.js';

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  svg: 'image/svg+xml',
};

const NOT_BUILT = `The pages of the dashboard are not built: run "npm run build" in the folder of nestjs-task-queue.
Its data is at api/… meanwhile.
`;

interface Asset {
  text: string;
  type: string;
  tag: string;
}

/** Answers with the page and its assets. Whatever a request names, only what is in the table is sent. */
export class UiServer {
  private readonly html: string | undefined;
  private readonly assets: ReadonlyMap<string, Asset>;

  /** @param files null where none were built */
  constructor(files: UiFiles | null = readUiFiles() ?? null) {
    this.html = files?.html;
    this.assets = new Map(
      Object.entries(files?.assets ?? {}).map(([name, text]) => [name, { text, type: typeOf(name), tag: tagOf(text) }]),
    );
  }

  /**
   * Every page is this one: which it is stands in the query. Addresses in it count from its own folder, whatever proxies made of the
   * path: that is `./` behind a slash, and `./queues/` without.
   * @throws NotFoundException for what is below it
   */
  page(exchange: Exchange): void {
    if (exchange.rest !== '') throw new NotFoundException();
    if (this.html === undefined) return exchange.answer(500, MESSAGE_HEADERS, NOT_BUILT);
    const last = exchange.path.slice(exchange.path.lastIndexOf('/') + 1);
    const base = last === '' ? './' : `./${last}/`;
    const html = this.html.replace('<head>', () => `<head><base href="${escapeAttribute(base)}">`);
    answerUnlessKnown(exchange, PAGE_HEADERS, html, tagOf(html));
  }

  /** @throws NotFoundException */
  asset(exchange: Exchange): void {
    const name = exchange.path.slice(exchange.path.lastIndexOf('/') + 1);
    const asset = this.assets.get(name);
    if (asset === undefined) throw new NotFoundException();
    answerUnlessKnown(exchange, assetHeaders(asset.type), asset.text, asset.tag);
  }
}

function answerUnlessKnown(
  exchange: Exchange,
  headers: Readonly<Record<string, string>>,
  text: string,
  tag: string,
): void {
  const known = exchange.header('if-none-match')?.split(',') ?? [];
  const isKnown = known.some((each) => each.trim().replace(/^W\//, '') === tag);
  exchange.answer(isKnown ? 304 : 200, { ...headers, etag: tag }, isKnown ? '' : text);
}

function typeOf(name: string): string {
  return TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'text/plain; charset=utf-8';
}

function tagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`;
}

function escapeAttribute(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);
}
