import path from 'node:path';
import { ensureHelm, runHelm } from '../machine/helm.ts';

/** The chart's folder, whatever the working directory is. */
export const chartDirectory = path.resolve(import.meta.dirname, '../../charts/identity-operator');

/** Release and namespace of an installation by default. */
export const defaultRelease = 'identity-operator';

/**
 * What `helm template` makes of the chart, as YAML documents in the order in which Helm would install them.
 * @param values as a user would write them
 * @throws Error with what Helm says of values that it refuses
 */
export const renderChart = async (values: Readonly<Record<string, unknown>>): Promise<string> => {
  const parameters = ['template', defaultRelease, chartDirectory, '--namespace', defaultRelease, '--values', '-'];
  // JSON is YAML.
  const text = await runHelm(await ensureHelm(process.env), parameters, JSON.stringify(values));
  // Where a document came from is of no use to who applies it.
  return text.replaceAll(/^# Source: .*\n/gm, '').replace(/^---\n/, '');
};
