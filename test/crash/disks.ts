// Small disks that tests fill and break: file systems in memory or in a file, mounted for as long as a test runs.

import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// A test that is cut short exits, and so unmounts.
import '#test/support/ends-with-tests.ts';

const mebibyte = 1024 * 1024;

/** Why a suite is left out, as node:test's `skip`: `false` when disks can be mounted. */
export function unlessMountable(kind: 'tmpfs' | 'ext4'): string | false {
  try {
    const disk = mountDisk(kind, 16);
    disk.remove();
    return false;
  } catch (error) {
    return `a ${kind} cannot be mounted here, which root may: ${String(error)}`;
  }
}

export interface Disk {
  readonly path: string;
  /** Leaves so many bytes free, or fewer. */
  fill(leftBytes: number): void;
  /** Takes away what filled it. */
  empty(): void;
  remount(...options: string[]): void;
  /** Mounts a directory of it over itself, so that all that is opened from now on is read-only. */
  cover(directory: string): void;
  uncover(directory: string): void;
  /** As a machine that starts again does: what is mounted afterwards was read from the disk. */
  mountAgain(): void;
  remove(): void;
}

export function mountDisk(kind: 'tmpfs' | 'ext4', mebibytes: number): Disk {
  const directory = mkdtempSync(join(tmpdir(), 'berth-disk-'));
  const path = join(directory, 'mounted');
  const image = join(directory, 'image');
  run('mkdir', path);
  const mount = () =>
    kind === 'tmpfs'
      ? run('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'berth-test', path)
      : run('mount', '-t', 'ext4', '-o', 'loop,errors=remount-ro', image, path);
  const remove = () => {
    process.off('exit', remove);
    // Whatever is still mounted there, the last one first.
    while (failureOf('umount', '--recursive', path) === undefined);
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', remove);
  try {
    if (kind === 'ext4') {
      closeSync(openSync(image, 'w'));
      truncateSync(image, mebibytes * mebibyte);
      run('mkfs.ext4', '-q', '-m', '0', image);
    }
    mount();
  } catch (error) {
    remove();
    throw error;
  }
  const filler = join(path, 'filler');
  return {
    path,
    fill: (leftBytes) => fill(filler, leftBytes),
    empty: () => rmSync(filler, { force: true }),
    remount: (...options) => run('mount', '-o', ['remount', ...options].join(','), path),
    cover: (covered) => {
      run('mount', '--bind', covered, covered);
      run('mount', '-o', 'remount,bind,ro', covered);
    },
    uncover: (covered) => run('umount', covered),
    mountAgain: () => {
      run('umount', path);
      mount();
    },
    remove,
  };
}

/** Writes until nothing more fits, then gives back what is to be left. */
function fill(file: string, leftBytes: number): void {
  const descriptor = openSync(file, 'w');
  let size = 0;
  try {
    for (const step of [mebibyte, 4096, 1]) {
      const bytes = Buffer.alloc(step, 'filler');
      try {
        for (;;) size += writeSync(descriptor, bytes, 0, step, size);
      } catch (error) {
        if (!String(error).includes('ENOSPC')) throw error;
      }
    }
  } finally {
    closeSync(descriptor);
  }
  truncateSync(file, Math.max(0, size - leftBytes));
}

/** @throws Error with what the command said */
function run(command: string, ...parameters: string[]): void {
  const failure = failureOf(command, ...parameters);
  if (failure !== undefined) throw new Error(`${command}: ${failure}`);
}

function failureOf(command: string, ...parameters: string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, parameters, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}
