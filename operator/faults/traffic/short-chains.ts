import { sampleChains } from './transition.ts';

/** The chains of the short form: the few of a seed that meet every kind of transition, and of what they change. */
export const shortChains = sampleChains(31_258, 6, 9);
