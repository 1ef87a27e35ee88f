import { LRUCache } from 'lru-cache';

/**
 * Words that fill most of what is packed, and that others repeat as well: of what an owner has, its name, namespace and UID.
 * Empty ones are allowed.
 */
export type Repeated = readonly string[];

/** JSON of several parts, with marks in the place of what tells it from that of things that were made alike. */
export type PackedText = { readonly template: string; readonly values: string };

// JSON escapes control characters, so that none of these ever stands in a text.
const marks = { value: '\u0001', between: '\u0002', part: '\u0003' } as const;
const valueMarks = new RegExp(marks.value, 'g');
/** Stands for the word of this index. */
const wordMark = (index: number): string => String.fromCharCode(0x0e + index);

// UIDs, hashes, times, addresses, thumbprints: what differs between things that were made alike. Sought at the beginnings of words
// alone: at every character it took as long as everything else that is done to keep an object.
const telling =
  /\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{10,}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|\d+\.\d+\.\d+\.\d+|(?<=[ "])(?=[\w-]*\d)[\w-]{20,}(?=[\\ "]))/g;

// Lists come sorted by namespace and name, so that what is alike meets here; forgetting costs memory alone.
const texts = new LRUCache<string, string>({ max: 1_024 });
const lists = new LRUCache<string, Repeated>({ max: 4_096 });

/** The same text, held once in memory while it keeps coming. */
export const internText = (text: string): string => {
  const known = texts.get(text);
  if (known !== undefined) return known;
  texts.set(text, text);
  return text;
};

/** The same words, held once in memory while they keep coming. */
export const internWords = (repeated: Repeated): Repeated => {
  const text = repeated.join(marks.between);
  const known = lists.get(text);
  if (known !== undefined) return known;
  lists.set(text, repeated);
  return repeated;
};

const packPart = (part: object, repeated: Repeated): PackedText => {
  const values: string[] = [];
  const text = repeated.reduce(
    (given, word, index) => (word === '' ? given : given.replaceAll(word, wordMark(index))),
    JSON.stringify(part),
  );
  const template = text.replace(telling, (value) => {
    values.push(value);
    return marks.value;
  });
  return { template, values: values.join(marks.between) };
};

/** Packs parts that are read one by one. */
export const packText = (parts: readonly object[], repeated: Repeated): PackedText => {
  const packed = parts.map((part) => packPart(part, repeated));
  return {
    template: internText(packed.map(({ template }) => template).join(marks.part)),
    values: packed.map(({ values }) => values).join(marks.part),
  };
};

/** One of the parts, anew with each call. @param repeated as it was packed with. */
export const unpackText = ({ template, values }: PackedText, part: number, repeated: Repeated): unknown => {
  const rest = (values.split(marks.part)[part] ?? '').split(marks.between).values();
  const text = (template.split(marks.part)[part] ?? '').replace(valueMarks, () => rest.next().value ?? '');
  return JSON.parse(repeated.reduceRight((given, word, index) => given.replaceAll(wordMark(index), () => word), text));
};
