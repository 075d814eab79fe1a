// Run lengths of masks and labels, row by row, as the server sends and receives them (daemon/web/editor/runs.py).

export const maskOfRuns = (runs, size) => {
  const mask = new Uint8Array(size);
  let at = 0;
  runs.forEach((length, index) => {
    if (index % 2) mask.fill(1, at, at + length);
    at += length;
  });
  return mask;
};

export const runsOfMask = (mask) => {
  const runs = [];
  let value = 0, start = 0;
  for (let at = 0; at <= mask.length; at++) {
    if (at < mask.length && mask[at] === value) continue;
    runs.push(at - start);
    start = at;
    value = 1 - value;
  }
  return runs;
};

export const labelsOfRuns = (runs, size) => {
  const labels = new Uint8Array(size);
  for (let index = 0, at = 0; index < runs.length; at += runs[index + 1], index += 2) labels.fill(runs[index], at, at + runs[index + 1]);
  return labels;
};

export const runsOfLabels = (labels) => {
  const runs = [];
  for (let start = 0, at = 1; at <= labels.length; at++) {
    if (at < labels.length && labels[at] === labels[start]) continue;
    runs.push(labels[start], at - start);
    start = at;
  }
  return runs;
};
