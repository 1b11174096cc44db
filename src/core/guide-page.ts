const GUIDES = 'https://github.com/nestjs-task-queue/nestjs-task-queue/blob/main/docs/guides';

/** Where an error sends its reader: the guides are not part of the installed package. */
export function guidePage(name: string): string {
  return `${GUIDES}/${name}.md`;
}
