import { UnsupportedError } from '../core/errors/store-errors.js';
import type { GroupView } from '../core/groups.js';
import type { Groups } from '../core/ports/groups.js';

const REFUSAL = 'Groups are not kept in memory yet: leave the option group out.';

export class MemoryGroups implements Groups {
  async set(): Promise<void> {
    throw new UnsupportedError(REFUSAL);
  }

  async reset(): Promise<boolean> {
    throw new UnsupportedError(REFUSAL);
  }

  async list(): Promise<{ groups: GroupView[]; cursor: string }> {
    throw new UnsupportedError(REFUSAL);
  }

  async jobs(): Promise<{ ids: string[]; cursor: string }> {
    throw new UnsupportedError(REFUSAL);
  }
}
