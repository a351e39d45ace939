// How a registry is reached, by how it is written.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostOf, parseAddress } from '#infra/client/address.ts';
import { parseChallenge } from '#infra/client/challenge.ts';
import { Failure } from '#infra/client/failure.ts';
import { parseTime } from '#infra/client/times.ts';

describe('an address', () => {
  const origins: readonly [string, string][] = [
    ['registry.example.com', 'https://registry.example.com'],
    ['Registry.Example.com:5000', 'https://registry.example.com:5000'],
    ['https://registry.example.com/v2/', 'https://registry.example.com'],
    ['localhost', 'http://localhost'],
    ['localhost:5000', 'http://localhost:5000'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000'],
    ['127.255.0.9', 'http://127.255.0.9'],
    ['[::1]:5000', 'http://[::1]:5000'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5000'],
    ['https://localhost:8443', 'https://localhost:8443'],
    // These are other machines.
    ['127.0.0.1.example.com', 'https://127.0.0.1.example.com'],
    ['localhost.example.com', 'https://localhost.example.com'],
    ['127.0.0.1x', 'https://127.0.0.1x'],
    ['127.1.example.com', 'https://127.1.example.com'],
    ['10.0.0.1:5000', 'https://10.0.0.1:5000'],
    ['[::2]', 'https://[::2]'],
  ];
  for (const [text, origin] of origins) {
    it(`${text} is at ${origin}`, () => {
      assert.deepEqual(parseAddress(text, false), { host: hostOf(text), origin });
    });
  }

  it('is by http where the caller says so, unless it says https itself', () => {
    assert.equal(parseAddress('a.example.com', true).origin, 'http://a.example.com');
    assert.equal(parseAddress('https://a.example.com', true).origin, 'https://a.example.com');
    assert.throws(() => parseAddress('http://a.example.com', false), Failure);
  });

  for (const text of [
    '',
    ' ',
    'a b',
    'user@a.example.com',
    'a.example.com/project',
    'https://a.example.com/v1/',
    'ftp://a.example.com',
    'a.example.com:port',
    'a.example.com:123456',
    'a..',
    '-a',
    'a_b',
    'é.example.com',
    'a\u0000b',
    '../a',
    'a?b',
    'a#b',
    `${'a'.repeat(256)}`,
  ]) {
    it(`${JSON.stringify(text.slice(0, 30))} is none`, () => {
      assert.throws(() => parseAddress(text, false), Failure);
    });
  }
});

describe('a challenge', () => {
  it('is read as registries write it', () => {
    const header = 'Bearer realm="https://a/v2/token",service="a",scope="repository:b:pull,push"';
    assert.deepEqual(parseChallenge(header), {
      realm: 'https://a/v2/token',
      service: 'a',
      scope: 'repository:b:pull,push',
    });
    assert.equal(parseChallenge('bearer realm="x", realm="y"')?.realm, 'x');
  });

  for (const header of [undefined, '', 'Basic realm="x"', 'Bearer', 'Bearer service="x"']) {
    it(`asks for no token: ${header}`, () => assert.equal(parseChallenge(header), undefined));
  }
});

describe('a time', () => {
  const now = Date.UTC(2027, 0, 1);
  for (const [text, time] of [
    ['90d', '2027-04-01T00:00:00.000Z'],
    ['12h', '2027-01-01T12:00:00.000Z'],
    ['30m', '2027-01-01T00:30:00.000Z'],
    ['2027-01-31', '2027-01-31T00:00:00.000Z'],
    ['2027-01-31T12:00:00+02:00', '2027-01-31T10:00:00.000Z'],
  ] as const) {
    it(`${text} is ${time}`, () => assert.equal(parseTime(text, now), time));
  }

  for (const text of ['', '5', '5w', '-5d', 'tomorrow', '2027', '2027-13-01', '12', '1e3d']) {
    it(`${JSON.stringify(text)} is none`, () => assert.throws(() => parseTime(text, now), Failure));
  }
});
