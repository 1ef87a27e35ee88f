import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type RequestHandler, Router } from 'express';
import { type Branding, buildBrandIcon, buildBrandStyle } from './brand.ts';

type Asset = { body: string; contentType: string; version: string };

const buildAsset = (body: string, contentType: string): Asset => ({
  body,
  contentType,
  version: createHash('sha256').update(body).digest('base64url').slice(0, 12),
});

/** Addresses for a page's head; each names the version of its content. */
export type AssetLinks = { style: string; brand: string; icon: string };

export type Assets = { links(): AssetLinks; routes: RequestHandler };

/**
 * The few files that pages refer to. `branding` is asked each time, since it changes without a restart. A version that is
 * not ours is another pod's, older or newer: it is answered with what we have, to be asked for again.
 */
export const createAssets = (path: string, branding: () => Branding): Assets => {
  const style = buildAsset(readFileSync(new URL('./templates/style.css', import.meta.url), 'utf8'), 'text/css');
  const current = (): Record<string, Asset> => ({
    'style.css': style,
    'brand.css': buildAsset(buildBrandStyle(branding()), 'text/css'),
    'icon.svg': buildAsset(buildBrandIcon(branding()), 'image/svg+xml'),
  });
  const routes = Router();
  routes.get('/:name', (request, response, next) => {
    const assets = current();
    const asset = Object.hasOwn(assets, request.params.name) ? assets[request.params.name] : undefined;
    if (asset === undefined) {
      next();
      return;
    }
    const isCurrent = request.query['v'] === asset.version;
    response.set('Cache-Control', isCurrent ? 'public, max-age=31536000, immutable' : 'no-cache');
    response.set('ETag', `"${asset.version}"`);
    if (request.fresh) {
      response.status(304).end();
      return;
    }
    response.type(asset.contentType).send(asset.body);
  });
  return {
    links: () => {
      const assets = current();
      const link = (name: string): string => `${path}/${name}?v=${assets[name]?.version ?? ''}`;
      return { style: link('style.css'), brand: link('brand.css'), icon: link('icon.svg') };
    },
    routes,
  };
};
