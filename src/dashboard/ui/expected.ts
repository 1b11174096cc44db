/** How many jobs were counted before an operation began, by its id: whoever began it here sees how far it is. */
export const expected = new Map<string, number>();
