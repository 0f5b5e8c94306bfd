import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LeakSearch } from './leak-search.ts';

const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => value.isWellFormed());
const secret = fc.stringMatching(/^[\w-]{24,60}$/);

test('a secret is found in every encoding, whatever stands around it', () => {
  fc.assert(
    fc.property(text, secret, text, (before, value, after) => {
      const search = new LeakSearch();
      search.add('it', value);
      const whole = Buffer.from(before + value + after);
      const shown = [whole.toString(), encodeURIComponent(whole.toString()), whole.toString('hex')];
      for (const carrier of [...shown, whole.toString('base64'), whole.toString('base64url')]) {
        assert.notDeepEqual(search.in(`x${carrier}`), []);
      }
    }),
  );
});

test('one part of a token is enough', () => {
  const search = new LeakSearch();
  search.addJwt('token', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLW9mLWNhbmFyeQ');
  assert.deepEqual(search.in('… eyJzdWIiOiJjYW5hcnkifQ …'), ['token, part 2 (plain)']);
  assert.deepEqual(search.in('… nothing …'), []);
});
