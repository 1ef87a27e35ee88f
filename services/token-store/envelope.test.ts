import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { buildDataKeyring } from './data-encryption-keys.ts';
import { openEnvelope, sealEnvelope } from './envelope.ts';

const key = (id: string) => ({ id, key: randomBytes(32).toString('base64') });
const [old, current] = [key('old'), key('current')];
const keyring = buildDataKeyring({ keys: [old, current] });
const owner = { kind: 'session', idHash: randomBytes(32) };
const content = { id: 'abc', payload: { uid: 'u', nested: { list: [1, 'ü'] } } };
const notAuthentic = expect.objectContaining({ code: 'not_authentic' });

describe('envelope', () => {
  it('opens what it sealed, and hides it', () => {
    const sealed = sealEnvelope(keyring, owner, content);
    expect(openEnvelope(keyring, owner, sealed)).toEqual(content);
    expect(sealed.toString('latin1')).not.toContain('uid');
    expect(sealEnvelope(keyring, owner, content).equals(sealed)).toBe(false);
  });

  it('seals with the last key and opens with all', () => {
    const sealedBefore = sealEnvelope(buildDataKeyring({ keys: [old] }), owner, content);
    expect(openEnvelope(keyring, owner, sealedBefore)).toEqual(content);
    expect(sealEnvelope(keyring, owner, content).toString('latin1')).toContain('current');
    expect(() => openEnvelope(buildDataKeyring({ keys: [current] }), owner, sealedBefore)).toThrow(
      expect.objectContaining({ code: 'unknown_key' }),
    );
  });

  it('does not open in the place of another record, or when a bit differs', () => {
    const sealed = sealEnvelope(keyring, owner, content);
    expect(() => openEnvelope(keyring, { ...owner, kind: 'grant' }, sealed)).toThrow(notAuthentic);
    expect(() => openEnvelope(keyring, { ...owner, idHash: randomBytes(32) }, sealed)).toThrow(notAuthentic);
    // Behind format and key id, whose change makes it another envelope.
    for (let index = 2 + 'current'.length; index < sealed.length; index += 1) {
      const altered = Buffer.from(sealed);
      altered[index] = (altered[index] ?? 0) ^ 1;
      expect(() => openEnvelope(keyring, owner, altered)).toThrow(notAuthentic);
    }
    for (const length of [0, 1, 2, 20, sealed.length - 1]) {
      expect(() => openEnvelope(keyring, owner, sealed.subarray(0, length))).toThrow();
    }
  });

  it('hashes user codes under every key, the sealing one first', () => {
    const [first, second] = keyring.hashUserCode('WDJB-MJHT');
    expect([first]).toEqual(buildDataKeyring({ keys: [current] }).hashUserCode('WDJB-MJHT'));
    expect([second]).toEqual(buildDataKeyring({ keys: [old] }).hashUserCode('WDJB-MJHT'));
  });
});
