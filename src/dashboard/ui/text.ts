import { en } from './messages/en.js';

/** What the pages say. Another language is another table of the same shape. */
export const text = en;
