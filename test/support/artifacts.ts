// What is kept in registries beside images, as the tools write it: their media types, fields and annotations, after
// their own specifications and examples. What is inside a layer means nothing to a registry, and is made up.
//
//   cosign    sigstore/cosign specs/SIGNATURE_SPEC.md, SBOM_SPEC.md, ATTESTATION_SPEC.md, BUNDLE_SPEC.md
//   notation  notaryproject/specifications specs/signature-specification.md
//   helm      helm.sh/community/hips/hip-0006 and hip-0017
//   WASM      tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact; engineerd/wasm-to-oci
//   ORAS      oras.land/docs/how_to_guides/manifest_config, /docs/concepts/artifact

import { randomBytes } from 'node:crypto';
import { mediaTypes } from '#shared/oci/media-types.ts';
import {
  type Content,
  contentOf,
  descriptorOf,
  emptyConfig,
  imageManifest,
  type Manifest,
} from './manifests.ts';

export interface Artifact {
  readonly tool: string;
  readonly manifest: Manifest;
  /** What lists of referrers say that it is. */
  readonly type: string;
}

/** One that says itself what it belongs to. */
export interface Referrer extends Artifact {
  readonly annotations?: Readonly<Record<string, string>>;
}

/** One that belongs to an image by its tag. */
export interface TaggedArtifact extends Artifact {
  readonly tag: string;
}

const created = { 'org.opencontainers.image.created': '2026-11-24T12:00:00Z' };

/** A layer that no other artifact has. */
function layerOf(mediaType: string, content: object = {}): Content {
  return contentOf(
    JSON.stringify({ ...content, serial: randomBytes(8).toString('hex') }),
    mediaType,
  );
}

/** @param layers each with what its descriptor says besides */
function manifestOf(options: {
  readonly config?: Content;
  readonly layers: readonly (readonly [Content, Readonly<Record<string, string>>?])[];
  readonly fields?: Readonly<Record<string, unknown>>;
}): Manifest {
  const { config = emptyConfig, layers, fields } = options;
  return imageManifest({
    config,
    layers: layers.map(([layer]) => layer),
    fields: {
      layers: layers.map(([layer, annotations]) =>
        descriptorOf(layer, annotations === undefined ? {} : { annotations }),
      ),
      ...fields,
    },
  });
}

/** cosign's config is an image's, of layers that no image has. */
function cosignConfig(): Content {
  const config = {
    architecture: '',
    created: '0001-01-01T00:00:00Z',
    history: [{ created: '0001-01-01T00:00:00Z' }],
    os: '',
    rootfs: { type: 'layers', diff_ids: [`sha256:${randomBytes(32).toString('hex')}`] },
    config: {},
  };
  return contentOf(JSON.stringify(config), mediaTypes.ociConfig);
}

/** What cosign signs: its payload, and the signature as an annotation on its descriptor. */
export function cosignLayer({ digest }: Content): readonly [Content, Record<string, string>] {
  const payload = {
    critical: {
      identity: { 'docker-reference': 'registry.example/p/app' },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
  };
  return [
    layerOf('application/vnd.dev.cosign.simplesigning.v1+json', payload),
    { 'dev.cosignproject.cosign/signature': randomBytes(70).toString('base64') },
  ];
}

/** `sha256-<hex>.sig`, `.att` and `.sbom`: how cosign 2 finds what belongs to an image. */
export function cosignTag({ digest }: Content, suffix: 'sig' | 'att' | 'sbom'): string {
  return `${digest.replace(':', '-')}.${suffix}`;
}

/** A manifest of signatures, of which each is a layer. */
export function cosignSignatures(layers: readonly ReturnType<typeof cosignLayer>[]): Manifest {
  return manifestOf({ config: cosignConfig(), layers });
}

/** What cosign 2 stores of an image. */
export function cosignByTag(image: Content): readonly TaggedArtifact[] {
  const attestation = layerOf('application/vnd.dsse.envelope.v1+json', {
    payloadType: 'application/vnd.in-toto+json',
  });
  const predicateType = 'https://slsa.dev/provenance/v0.2';
  const sboms: readonly Content[] = [
    layerOf('text/spdx+json', { spdxVersion: 'SPDX-2.3' }),
    layerOf('application/vnd.cyclonedx+json', { bomFormat: 'CycloneDX' }),
  ];
  const type = mediaTypes.ociConfig;
  return [
    {
      tool: 'cosign sign',
      manifest: cosignSignatures([cosignLayer(image), cosignLayer(image)]),
      tag: cosignTag(image, 'sig'),
      type,
    },
    {
      tool: 'cosign attest',
      manifest: manifestOf({
        config: cosignConfig(),
        layers: [[attestation, { 'dev.cosignproject.cosign/signature': '', predicateType }]],
      }),
      tag: cosignTag(image, 'att'),
      type,
    },
    {
      tool: 'cosign attach sbom',
      manifest: manifestOf({ config: cosignConfig(), layers: sboms.map((layer) => [layer]) }),
      tag: cosignTag(image, 'sbom'),
      type,
    },
  ];
}

/** What says itself which image it belongs to. */
export function referrersOf(image: Content): readonly Referrer[] {
  const subject = descriptorOf(image);
  const referring = (
    tool: string,
    type: string,
    layer: readonly [Content, Record<string, string>?],
    annotations?: Record<string, string>,
  ): Referrer => ({
    tool,
    type,
    manifest: manifestOf({ layers: [layer], fields: { artifactType: type, subject, annotations } }),
    ...(annotations === undefined ? {} : { annotations }),
  });
  const bundle = 'application/vnd.dev.sigstore.bundle.v0.3+json';
  const signature = 'application/vnd.dev.cosign.artifact.sig.v1+json';
  return [
    {
      // Its type is that of its config, which it gave before there was artifactType.
      tool: 'cosign sign, by OCI 1.1',
      type: signature,
      manifest: manifestOf({
        config: layerOf(signature),
        layers: [cosignLayer(image)],
        fields: { subject },
      }),
    },
    referring(
      'cosign 3, a bundle',
      bundle,
      [layerOf(bundle), { 'org.opencontainers.image.title': 'sha256-cafed00d.sigstore.json' }],
      {
        'dev.sigstore.bundle.content': 'dsse-envelope',
        'dev.sigstore.bundle.predicateType': 'https://slsa.dev/provenance/v1',
        ...created,
      },
    ),
    referring(
      'notation sign',
      'application/vnd.cncf.notary.signature',
      [layerOf('application/jose+json')],
      {
        'io.cncf.notary.x509chain.thumbprint#S256': `["${randomBytes(32).toString('hex')}"]`,
        ...created,
      },
    ),
    referring(
      'oras attach, an SBOM',
      'application/spdx+json',
      [
        layerOf('application/spdx+json', { spdxVersion: 'SPDX-2.3' }),
        { 'org.opencontainers.image.title': 'sbom.spdx.json' },
      ],
      created,
    ),
    referring('trivy, an SBOM', 'application/vnd.cyclonedx+json', [
      layerOf('application/vnd.cyclonedx+json', { bomFormat: 'CycloneDX' }),
    ]),
    referring(
      'oras attach, of nothing but annotations',
      'application/vnd.example.review',
      [emptyConfig],
      { ...created, 'org.example.reviewed-by': 'ann' },
    ),
  ];
}

/** What stands for itself, under the tag that its tool gives it. */
export function artifacts(): readonly TaggedArtifact[] {
  const helm = 'application/vnd.cncf.helm.config.v1+json';
  const chart = { name: 'web', version: '1.2.3+build.7', apiVersion: 'v2', type: 'application' };
  const wasm = 'application/vnd.wasm.config.v0+json';
  const component = layerOf('application/wasm');
  const oldWasm = 'application/vnd.wasm.config.v1+json';
  const unknown = 'application/vnd.unknown.artifact.v1';
  const title = (name: string) => ({ 'org.opencontainers.image.title': name });
  return [
    {
      tool: 'helm push, with its provenance',
      // "Helm translates the + to an underscore (_) when storing as a tag."
      tag: '1.2.3_build.7',
      type: helm,
      manifest: manifestOf({
        config: layerOf(helm, chart),
        layers: [
          [layerOf('application/vnd.cncf.helm.chart.content.v1.tar+gzip')],
          [layerOf('application/vnd.cncf.helm.chart.provenance.v1.prov')],
        ],
        fields: {
          annotations: {
            ...created,
            'org.opencontainers.image.title': chart.name,
            'org.opencontainers.image.version': chart.version,
          },
        },
      }),
    },
    {
      tool: 'a WASM component, as of CNCF',
      tag: 'v0',
      type: wasm,
      manifest: manifestOf({
        config: layerOf(wasm, {
          created: '2026-11-24T12:00:00Z',
          architecture: 'wasm',
          os: 'wasip2',
          layerDigests: [component.digest],
          component: { exports: ['wasi:http/incoming-handler@0.2.0'], imports: [], target: null },
        }),
        layers: [[component]],
      }),
    },
    {
      tool: 'wasm-to-oci push',
      tag: 'v1',
      type: oldWasm,
      manifest: manifestOf({
        config: layerOf(oldWasm),
        layers: [[layerOf('application/vnd.wasm.content.layer.v1+wasm'), title('module.wasm')]],
      }),
    },
    {
      tool: 'oras push, of files',
      tag: 'files',
      type: unknown,
      manifest: manifestOf({
        layers: [
          [layerOf('application/vnd.oci.image.layer.v1.tar'), title('a.txt')],
          [layerOf('text/markdown'), title('docs/read me.md')],
        ],
        fields: { artifactType: unknown, annotations: created },
      }),
    },
    {
      tool: 'oras push, of no file',
      tag: 'nothing',
      type: 'application/vnd.example.none',
      manifest: manifestOf({
        layers: [[emptyConfig]],
        fields: { artifactType: 'application/vnd.example.none', annotations: created },
      }),
    },
    {
      tool: 'oras push, in the form of before 1.1',
      tag: 'old',
      type: 'application/vnd.unknown.config.v1+json',
      manifest: manifestOf({
        config: contentOf('{}', 'application/vnd.unknown.config.v1+json'),
        layers: [[layerOf(mediaTypes.octetStream), title('thing.bin')]],
        // It gave no mediaType: the request's header alone says what it is.
        fields: { mediaType: undefined },
      }),
    },
  ];
}
