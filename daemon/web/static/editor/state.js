// The state of one figure and its history. A state is never changed: each change makes a new one, which shares what stayed the same.
//
//   frame   {box, width, height}: where the crop is in the drawing, and its size, px; box is null if there is no drawing
//   joints  {name: [x, y]}, px of the crop
//   mask    Uint8Array; labels: Uint8Array of layers, or null where joints and mask decide; own: the user decided on the labels
//   cuts    [{limb, points}]: lines that were drawn since the labels were loaded
import { labelsOfRuns, maskOfRuns, runsOfLabels, runsOfMask } from "./runs.js";

export const stateOf = (figure) => {
  const { width, height, box, joints, mask, labels, has_own_layers: own, limbs } = figure, size = width * height;
  return {
    frame: { box, width, height },
    skeleton: joints.map(({ name, parent }) => ({ name, parent })),
    joints: Object.fromEntries(joints.map(({ name, at }) => [name, at])),
    mask: maskOfRuns(mask, size),
    labels: labels && labelsOfRuns(labels, size),
    own,
    limbs,
    cuts: [],
  };
};

const isSame = (one, other) => one === other || (one.length === other.length && one.every((value, index) => value === other[index]));

/** What differs between what the server has (null: no figure yet) and a state, as the server expects it. */
export const editOf = (base, state) => {
  const isNew = !base || String(base.frame.box) !== String(state.frame.box);
  const moved = Object.entries(state.joints).filter(([name, at]) => isNew || String(at) !== String(base.joints[name]));
  const edit = { joints: Object.fromEntries(moved.map(([name, [x, y]]) => [name, [Math.round(x), Math.round(y)]])) };
  if (isNew) edit.box = state.frame.box;
  if (isNew || !isSame(base.mask, state.mask)) edit.mask = runsOfMask(state.mask);
  if (state.labels && (isNew || state.own !== base.own || !base.labels || !isSame(base.labels, state.labels))) {
    Object.assign(edit, { labels: runsOfLabels(state.labels), has_own_layers: state.own });
  } else if (!state.labels && base?.own && !isNew) edit.labels = [];
  return edit;
};

export const isEmpty = ({ joints, ...rest }) => !Object.keys(joints).length && !Object.keys(rest).length;

const MAX_STEPS = 100;

export class History {
  constructor(state) {
    this.state = state;
    this.undoStack = [];
    this.redoStack = [];
  }

  push(state) {
    this.undoStack.push(this.state);
    if (this.undoStack.length > MAX_STEPS) this.undoStack.shift();
    this.redoStack.length = 0;
    this.state = state;
  }

  undo() { return this.#move(this.undoStack, this.redoStack); }

  redo() { return this.#move(this.redoStack, this.undoStack); }

  #move(from, to) {
    if (!from.length) return false;
    to.push(this.state);
    this.state = from.pop();
    return true;
  }
}
