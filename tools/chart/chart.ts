import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { ensureHelm, runHelm } from '../machine/helm.ts';

/** The chart's folder, whatever the working directory is. */
export const chartDirectory = path.resolve(import.meta.dirname, '../../charts/identity-operator');

/** Release and namespace of an installation by default. */
export const defaultRelease = 'identity-operator';

/** Whatever the chart makes, read. */
const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
export type ChartObject = z.infer<typeof manifestSchema>;

/** The objects of a rendering. */
export const parseRendering = (text: string): readonly ChartObject[] =>
  parseAllDocuments(text).map((document) => manifestSchema.parse(document.toJS()));

/**
 * What `helm template` makes of the chart, as YAML documents in the order in which Helm would install them.
 * @param values as a user would write them
 * @param chart the folder of another version of it
 * @throws Error with what Helm says of values that it refuses
 */
export const renderChart = async (
  values: Readonly<Record<string, unknown>>,
  chart: string = chartDirectory,
): Promise<string> => {
  const parameters = ['template', defaultRelease, chart, '--namespace', defaultRelease, '--values', '-'];
  // JSON is YAML.
  const text = await runHelm(await ensureHelm(process.env), parameters, JSON.stringify(values));
  // Where a document came from is of no use to who applies it.
  return text.replaceAll(/^# Source: .*\n/gm, '').replace(/^---\n/, '');
};
