// The names that usernames, members and policies are made of: a robot's, and a project's.

import { nameCharactersMax } from '../oci/limits.ts';
import { parseRepositoryName, projectOf } from '../oci/reference.ts';

const robotNamePattern = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

/** Not any text: what a client sends becomes part of a key, which may not be as long as a header. */
export function isRobotName(text: string): boolean {
  return text.length <= nameCharactersMax && robotNamePattern.test(text);
}

/** A project's name: one segment of a repository's name, or two where the first has a dot. */
export function isProject(text: string): boolean {
  const name = parseRepositoryName(text);
  return name !== undefined && projectOf(name) === text;
}

/** `example.com:project`, as Google writes a project of a domain, is `example.com/project` in names. */
export function pathOfProject(text: string): string {
  return text.replace(':', '/');
}
