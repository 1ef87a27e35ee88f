import { Agent, request } from 'undici';
import type { Delivery } from '../outbox/outbox-worker.ts';
import { createAddressGuard } from '../outgoing/address-guard.ts';

const timeoutMilliseconds = 2500;
/** An answer has nothing to say but its status. */
const answerBytes = 16_384;

/** Receivers are often applications of the same cluster. */
const guard = createAddressGuard('Any');

/** 408 and 429 ask for another attempt; any other 4xx would say the same again, and a redirect is not followed. */
const judge = (status: number): Delivery => {
  if (status === 200 || status === 204) return { outcome: 'delivered' };
  const code = `HTTP_${status}`;
  const isFinal = status >= 300 && status < 500 && status !== 408 && status !== 429;
  return isFinal ? { outcome: 'impossible', code } : { outcome: 'failed', code };
};

const errorCode = (error: unknown): string => {
  if (!(error instanceof Error)) return 'UNKNOWN';
  const code: unknown = Reflect.get(error, 'code');
  return (typeof code === 'string' ? code : error.name).slice(0, 100);
};

export type PostLogoutToken = (uri: string, token: string) => Promise<Delivery>;

/** Posts logout tokens, by https alone, and within 2.5 s each. */
export const createLogoutDelivery = (): { post: PostLogoutToken; close: () => Promise<void> } => {
  const dispatcher = new Agent({ connect: { lookup: guard.lookup, timeout: timeoutMilliseconds } });
  const post: PostLogoutToken = async (uri, token) => {
    const url = URL.parse(uri);
    if (url?.protocol !== 'https:') return { outcome: 'impossible', code: 'NOT_HTTPS' };
    if (guard.forbids(url.hostname)) return { outcome: 'impossible', code: 'FORBIDDEN_ADDRESS' };
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    try {
      const { statusCode, body } = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ logout_token: token }).toString(),
        dispatcher,
        signal,
      });
      // The status has been said: whatever becomes of the rest.
      await body.dump({ limit: answerBytes, signal }).catch(() => undefined);
      return judge(statusCode);
    } catch (error) {
      return { outcome: 'failed', code: errorCode(error) };
    }
  };
  return { post, close: () => dispatcher.destroy() };
};
