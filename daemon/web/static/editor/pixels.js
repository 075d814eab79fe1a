// Painting in masks: Uint8Arrays of width x height, 1 inside the figure.

/** Set all pixels within a radius of the line between two points. */
export const paintLine = (mask, width, [x1, y1], [x2, y2], radius, value) => {
  const height = mask.length / width, length2 = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const top = Math.max(0, Math.floor(Math.min(y1, y2) - radius)), bottom = Math.min(height - 1, Math.ceil(Math.max(y1, y2) + radius));
  const left = Math.max(0, Math.floor(Math.min(x1, x2) - radius)), right = Math.min(width - 1, Math.ceil(Math.max(x1, x2) + radius));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const along = length2 ? Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length2)) : 0;
      if ((x - x1 - along * (x2 - x1)) ** 2 + (y - y1 - along * (y2 - y1)) ** 2 <= radius * radius) mask[y * width + x] = value;
    }
  }
};

/**
 * A copy of the mask in which the piece around a pixel is filled or removed: a hole becomes figure, a piece of figure becomes paper.
 * Null for paper that is open to the border, which is no hole.
 */
export const filledPiece = (mask, width, [x, y]) => {
  const height = mask.length / width, from = mask[y * width + x];
  const result = mask.slice(), stack = [y * width + x];
  result[stack[0]] = 1 - from;
  while (stack.length) {
    const at = stack.pop(), column = at % width, row = (at - column) / width;
    if (!from && (column === 0 || column === width - 1 || row === 0 || row === height - 1)) return null;
    for (const next of [column > 0 ? at - 1 : -1, column < width - 1 ? at + 1 : -1, at - width, at + width]) {
      if (next >= 0 && next < result.length && result[next] === from && mask[next] === from) {
        result[next] = 1 - from;
        stack.push(next);
      }
    }
  }
  return result;
};
