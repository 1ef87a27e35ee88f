/** The value below which the share `q` (0..1) of `samples` lies; the nearest rank. NaN of no samples. */
export const quantile = (samples: readonly number[], q: number): number => {
  const sorted = samples.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
};

/** A bucket of a Prometheus histogram: how many observations were at most `le`. */
export type Bucket = { readonly le: number; readonly count: number };

/**
 * The quantile `q` (0..1) of a histogram, as Prometheus' `histogram_quantile` has it: linear inside of a bucket.
 * Beyond the last finite bound it is that bound. NaN of no observations.
 */
export const histogramQuantile = (buckets: readonly Bucket[], q: number): number => {
  const sorted = buckets.toSorted((one, other) => one.le - other.le);
  const rank = q * (sorted.at(-1)?.count ?? 0);
  if (rank === 0) return Number.NaN;
  const index = sorted.findIndex(({ count }) => count >= rank);
  const bucket = sorted[index];
  const below = sorted[index - 1] ?? { le: 0, count: 0 };
  if (bucket === undefined || !Number.isFinite(bucket.le)) return below.le;
  return below.le + ((bucket.le - below.le) * (rank - below.count)) / (bucket.count - below.count);
};
