const decimalSuffixes = ['m', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** `value`, of which `suffixes[0]` is the unit, with the largest suffix that leaves an integer. */
const write = (value: bigint, step: bigint, suffixes: readonly string[]): string => {
  let mantissa = value;
  let exponent = 0;
  while (mantissa !== 0n && mantissa % step === 0n && exponent < suffixes.length - 1) {
    mantissa /= step;
    exponent += 1;
  }
  return `${mantissa}${suffixes[exponent]}`;
};

/** Kubernetes holds quantities with a binary suffix as 64 bits and cuts larger ones; decimal ones it does not. */
const maxBinary = 2n ** 63n - 1n;

/** In thousandths of the unit. @throws RangeError for what is no quantity of at least a thousandth. */
const parseThousandths = (quantity: string | number): { thousandths: bigint; isBinary: boolean } => {
  const [, whole, fraction = '', suffix = ''] =
    /^(\d+)(?:\.(\d{1,3}))?([kMGTPE]|[KMGTPE]i|m)?$/.exec(`${quantity}`) ?? [];
  if (whole === undefined || (suffix === 'm' && fraction !== '')) throw new RangeError(`not a quantity: ${quantity}`);
  const isBinary = suffix.endsWith('i');
  const unit = isBinary
    ? 1024n ** BigInt(binarySuffixes.indexOf(suffix))
    : 1000n ** BigInt(Math.max(0, decimalSuffixes.indexOf(suffix) - 1));
  return {
    thousandths: suffix === 'm' ? BigInt(whole) : BigInt(`${whole}${fraction.padEnd(3, '0')}`) * unit,
    isBinary,
  };
};

/** Negative when `one` is less than `other`, 0 when they are the same amount. @throws RangeError as above. */
export const compareQuantities = (one: string | number, other: string | number): number =>
  Number(parseThousandths(one).thousandths - parseThousandths(other).thousandths);

/**
 * A quantity in the one spelling in which the API server answers it (`0.5` is `500m`, `1024Mi` is `1Gi`): any other would
 * look like drift for ever. After CanonicalizeBytes of k8s.io/apimachinery/pkg/api/resource.
 * @throws RangeError for what is no quantity of at least a thousandth; the CRD's pattern has refused it before.
 */
export const canonicalQuantity = (quantity: string | number): string => {
  const { thousandths, isBinary } = parseThousandths(quantity);
  if (thousandths === 0n) return '0';
  if (isBinary && thousandths >= 1000n * maxBinary) return `${maxBinary}`;
  // Below 1 Ki, and where it would lose a fraction, Kubernetes writes decimal.
  return isBinary && thousandths % 1000n === 0n && thousandths >= 1_024_000n
    ? write(thousandths / 1000n, 1024n, binarySuffixes)
    : write(thousandths, 1000n, decimalSuffixes);
};
