// What pushers push: images of a few layers, the same for the same seed.

import { mediaTypes } from '#shared/oci/media-types.ts';
import {
  type Content,
  contentOf,
  imageManifest,
  layerType,
  type Manifest,
} from '#test/support/manifests.ts';
import { type Chance, noise } from './chance.ts';

const kibibyte = 1024;

/** Layers that many images have in common. */
export function baseLayers(seed: string): Content[] {
  const sizes = [10, 40, 300, 1500];
  return sizes.map((size) => contentOf(noise(`${seed} base ${size}`, size * kibibyte), layerType));
}

export class Maker {
  readonly #seed: string;
  readonly #chance: Chance;
  readonly #base: readonly Content[];

  constructor(seed: string, chance: Chance, base: readonly Content[]) {
    this.#seed = seed;
    this.#chance = chance;
    this.#base = base;
  }

  image(layers: number, fields: Readonly<Record<string, unknown>> = {}): Manifest {
    const config = contentOf(
      JSON.stringify({ architecture: 'amd64', os: 'linux', author: this.#name() }),
      mediaTypes.ociConfig,
    );
    const own = Array.from({ length: layers }, () => this.layer());
    const common = this.#chance.happens(0.6) ? [this.#chance.of(this.#base)] : [];
    return imageManifest({ config, layers: [...common, ...own], fields });
  }

  /** One whose manifest is too large for a document. */
  largeImage(): Manifest {
    const note = noise(this.#name(), 400 * kibibyte).toString('base64');
    return this.image(1, { annotations: { 'org.example.note': note } });
  }

  layer(): Content {
    const largest = this.#chance.happens(0.1) ? 8192 : 512;
    const size = this.#chance.size(10 * kibibyte, largest * kibibyte);
    return contentOf(noise(this.#name(), size), layerType);
  }

  #name(): string {
    return `${this.#seed} ${this.#chance.name()}`;
  }
}
