// What others answer, read whole, and never more of it than was reckoned with.

/**
 * Text in UTF-8, of a body as it comes; `[]` where there is none.
 * @param bytesMax as soon as more have come, the rest is cancelled
 * @throws what `tooLarge` makes
 */
export async function textAtMost(
  body: AsyncIterable<Uint8Array> | readonly [],
  bytesMax: number,
  tooLarge: () => Error,
): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  // To leave the loop is to cancel the rest.
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > bytesMax) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
