import { WhereSyntaxError } from '../../core/errors/where-errors.js';
import type { Operator } from './where.js';

export interface RawValue {
  /** Without quotes, operator and star. */
  text: string;
  operator: Operator | undefined;
  /** A star stands behind it. */
  isPrefix: boolean;
  /** 1 is the first character. */
  position: number;
}

export interface RawTerm {
  /** Undefined of a text that stands alone. */
  field: string | undefined;
  isNegated: boolean;
  values: RawValue[];
  position: number;
}

const SPACE = /\s*/y;
const FIELD = /([^\s":,|]+):/y;
const OPERATOR = /[<>]=?/y;
/** Of a text that stands alone: as far as the next space. */
const WORD = /[^\s"]+/y;
const VALUE = /[^\s",|]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy;

/** Takes a `where` apart into terms, without knowing any field. Each character is looked at a fixed number of times. */
export class WhereScanner {
  private at = 0;

  constructor(private readonly where: string) {}

  /** @throws WhereSyntaxError */
  terms(): RawTerm[] {
    const terms: RawTerm[] = [];
    for (;;) {
      this.take(SPACE);
      if (this.at === this.where.length) return terms;
      terms.push(this.term());
      if (this.at < this.where.length && !/\s/.test(this.where[this.at])) this.fail('separate terms by a space');
    }
  }

  private term(): RawTerm {
    const position = this.at + 1;
    const isNegated = this.takeOne('-');
    const field = this.take(FIELD)?.[1];
    if (field !== undefined) return { field, isNegated, values: this.values(field), position };
    const start = this.at + 1;
    const text = this.quoted() ?? this.take(WORD)?.[0] ?? this.fail('write what is to be looked for behind the minus');
    if (text === '') this.fail('an empty text is in every job');
    return { field, isNegated, values: [{ text, operator: undefined, isPrefix: false, position: start }], position };
  }

  private values(field: string): RawValue[] {
    const values: RawValue[] = [];
    do {
      const position = this.at + 1;
      const operator = this.take(OPERATOR)?.[0] as Operator | undefined;
      const quoted = this.quoted();
      const text =
        quoted ?? this.take(VALUE)?.[0] ?? this.fail(`write a value behind "${field}:", in quotes where it has spaces`);
      const hasStar = quoted === undefined ? text.endsWith('*') : this.takeOne('*');
      values.push({
        text: quoted === undefined && hasStar ? text.slice(0, -1) : text,
        operator,
        isPrefix: hasStar,
        position,
      });
    } while (this.takeOne(',') || this.takeOne('|'));
    return values;
  }

  /** A text in quotes; undefined where none begins here. */
  private quoted(): string | undefined {
    if (this.where[this.at] !== '"') return undefined;
    const text = this.take(QUOTED)?.[1] ?? this.fail('close the quotes');
    return text.replaceAll(/\\(.)/gs, '$1');
  }

  private take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.where);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  private takeOne(character: string): boolean {
    const isThere = this.where[this.at] === character;
    if (isThere) this.at++;
    return isThere;
  }

  private fail(remedy: string): never {
    throw new WhereSyntaxError(this.where, this.at + 1, remedy);
  }
}
