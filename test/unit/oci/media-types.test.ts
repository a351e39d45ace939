// Media types: a header's, and what kind of thing one is.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  isForeignLayer,
  isImageManifest,
  isIndex,
  isSchema1,
  mediaTypes,
  parseContentType,
} from '#shared/oci/media-types.ts';

describe('parseContentType', () => {
  it('is the type without parameters, lower-case, whatever space is around it', () => {
    const type = fc.constantFrom(...Object.values(mediaTypes), 'text/plain');
    const parameters = fc.constantFrom('', ';', '; charset=utf-8', ';charset="a;b"', '; a=b; c=d');
    const space = fc.constantFrom('', ' ', '\t', '  ');
    fc.assert(
      fc.property(type, parameters, space, fc.boolean(), (wanted, after, gap, upper) => {
        const written = upper ? wanted.toUpperCase() : wanted;
        assert.equal(parseContentType(`${gap}${written}${gap}${after}`), wanted);
      }),
    );
  });

  it('is undefined where there is none, and never has a parameter or space at its ends', () => {
    for (const header of [undefined, '', ' ', ';', ' ; charset=utf-8']) {
      assert.equal(parseContentType(header), undefined, header);
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (header) => {
        const parsed = parseContentType(header);
        if (parsed === undefined) return;
        assert.notEqual(parsed, '');
        assert.ok(!parsed.includes(';'));
        assert.equal(parsed, parsed.trim());
      }),
    );
  });
});

describe('the kinds of media types', () => {
  it('exclude one another, and any other text is of no kind', () => {
    const kinds = [isImageManifest, isIndex, isSchema1, isForeignLayer];
    const docker = 'application/vnd.docker.';
    const known: [string, number][] = [
      [mediaTypes.ociManifest, 0],
      [mediaTypes.dockerManifest, 0],
      [mediaTypes.ociIndex, 1],
      [mediaTypes.dockerManifestList, 1],
      [`${docker}distribution.manifest.v1+json`, 2],
      [`${docker}distribution.manifest.v1+prettyjws`, 2],
      [`${docker}image.rootfs.foreign.diff.tar.gzip`, 3],
      ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', 3],
    ];
    for (const [mediaType, kind] of known) {
      assert.deepEqual(
        kinds.map((is) => is(mediaType)),
        kinds.map((_, at) => at === kind),
        mediaType,
      );
    }
    for (const mediaType of ['', '__proto__', 'application/json', mediaTypes.ociConfig]) {
      assert.ok(!kinds.some((is) => is(mediaType)), mediaType);
    }
  });
});
