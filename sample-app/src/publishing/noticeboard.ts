import { Injectable } from '@nestjs/common';

/** What the board answers. */
export type BoardAnswer = { status: 201 } | { status: 429; retryAfterMs: number };

/** Stands in for an API of somebody else, which tells every other request to come back later. */
@Injectable()
export class Noticeboard {
  private requests = 0;

  async post(_report: string): Promise<BoardAnswer> {
    return this.requests++ % 2 === 0 ? { status: 429, retryAfterMs: 500 } : { status: 201 };
  }
}
