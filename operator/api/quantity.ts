import { z } from 'zod';

/**
 * Quantities as Kubernetes writes them, `500m`, `1` or `1.5Gi`. Refused here, since the API server would otherwise refuse
 * the objects that are made of it, where nobody looks. Never less than a thousandth.
 */
export const quantityPattern = /^([0-9]+m|[0-9]+(\.[0-9]{1,3})?([kMGTPE]|[KMGTPE]i)?)$/;

export const quantitySchema = z
  .union([z.int(), z.string().max(32)])
  .meta({ pattern: quantityPattern.source, minimum: 0 });
