import path from 'node:path';

/** A path as a person would write it: from here when it lies below, else absolute. */
export const displayPath = (file: string): string => {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith('..') ? file : relative || '.';
};
