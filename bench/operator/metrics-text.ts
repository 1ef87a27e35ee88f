import type { Bucket } from './quantile.ts';

/** One sample of a Prometheus text exposition. */
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

/** Samples of a text exposition; comments are left out. */
export const parseMetrics = (text: string): Sample[] =>
  text.split('\n').flatMap((line) => {
    const [, name, labelText = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (name === undefined || value === undefined) return [];
    const pairs = [...labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label, text]);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value.replace('Inf', 'Infinity')) }];
  });

/** The sum of the samples of a name whose labels have these values. */
export const sumOf = (
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number =>
  samples
    .filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
    )
    .reduce((total, { value }) => total + value, 0);

/** What was added to a histogram between two scrapes. */
export const histogramBetween = (
  before: readonly Sample[],
  after: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>>,
): Bucket[] =>
  after
    .filter(
      (sample) =>
        sample.name === `${name}_bucket` && Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
    )
    .map(({ labels: { le = '' }, value }) => ({
      le: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
      count: value - sumOf(before, `${name}_bucket`, { ...labels, le }),
    }));
